"""A corpus reader for configs whose predicted Docs keep the texts under `doc._`."""

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
    """Create the reader `spacy-lowner.Corpus.v1`: `spacy.Corpus.v1` that keeps the texts under `doc._`.

    The pipeline sees these texts, such as a reasoning, in training and evaluation. Long Docs are not split, because
    their texts belong to the whole Doc.

    path (Optional[Path]): A DocBin or a folder of them.
    limit (int): Largest number of Docs to read; 0 reads all.
    augmenter (Optional[Callable]): Makes more examples, as spaCy's.
    shuffle (bool): Whether to shuffle the Docs.
    RETURNS (Callable[[Language], Iterator[Example]]): The reader.
    RAISES (ValueError): If there is no path, with the message of spaCy's reader.

    >>> create_corpus(Path("train.spacy")).__name__
    'read'
    """
    if path is None:
        raise ValueError(SpacyErrors.E913)
    cache_codecs()
    corpus = Corpus(path, limit=limit, augmenter=augmenter, shuffle=shuffle)

    def read(nlp: Language) -> Iterator[Example]:
        for example in corpus(nlp):
            copy_context(example.reference, example.predicted)
            yield example

    return read
