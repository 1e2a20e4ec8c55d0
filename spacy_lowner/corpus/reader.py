"""A corpus reader for configs whose predicted Docs keep the text beside them."""

from pathlib import Path
from typing import Callable, Iterator, Optional

from spacy.errors import Errors as SpacyErrors
from spacy.language import Language
from spacy.training import Corpus, Example

from .codecs import cache_codecs
from .docs import copy_context


def create_corpus(
    path: Optional[Path], limit: int = 0, augmenter: Optional[Callable] = None, shuffle: bool = False
) -> Callable[[Language], Iterator[Example]]:
    """`spacy.Corpus.v1`, but what stands beside a Doc (texts under `doc._`) reaches the pipeline in training and evaluation.

    path (Optional[Path]), limit (int), augmenter (Optional[Callable]), shuffle (bool): As spaCy's. Long Docs are not split, which would
        part them from what stands beside them.
    RETURNS (Callable): The reader.
    """
    if path is None:
        # As spaCy's reader says it.
        raise ValueError(SpacyErrors.E913)
    cache_codecs()
    corpus = Corpus(path, limit=limit, augmenter=augmenter, shuffle=shuffle)

    def read(nlp: Language) -> Iterator[Example]:
        for example in corpus(nlp):
            copy_context(example.reference, example.predicted)
            yield example

    return read
