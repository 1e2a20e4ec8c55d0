"""FactMix for `[corpora.train.augmenter]` of a config."""

import warnings
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any, Callable, DefaultDict, Dict, Iterator, List, Optional

from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import logger, minibatch
from spacy.vocab import Vocab

from ..annotations import SPANS_KEY
from ..corpus.docs import bare_doc, other_span_keys, read_docs
from ..errors import Errors, LownerError, Warnings
from ..validation import at_least, validate
from .denoising import Denoiser
from .factmix import FactMix, digest_doc
from .infill import Infill
from .mentions import MentionBase

# Docs whose examples are made together.
DOCS_PER_PART = 20


CONSTRAINTS = {"context_ratio": at_least(0), "entity_ratio": at_least(0)}


def build_factmix(
    originals: Path,
    *,
    masked_lm: str = "minilm",
    context_ratio: int = 5,
    entity_ratio: int = 8,
    entity_base: Optional[Path] = None,
    filter_model: Optional[str] = None,
    spans_key: str = SPANS_KEY,
    seed: int = 0,
) -> FactMix:
    """Set up FactMix for a corpus.

    originals (Path): The corpus, a DocBin.
    masked_lm (str): Masked language model: "minilm", a name of Hugging Face, or a path.
    context_ratio (int): Largest number of new examples per Doc of the context level.
    entity_ratio (int): Largest number of new examples per Doc of the entity level.
    entity_base (Optional[Path]): JSON of mentions by type; by default those of the corpus.
    filter_model (Optional[str]): A pipeline trained on the originals, which must predict each example as it is
        labelled.
    spans_key (str): Key of the entities.
    seed (int): Seed of all choices.
    RETURNS (FactMix): FactMix, which does not make any of the originals.
    RAISES (LownerError): If a setting is out of range, or the corpus has its spans under other keys.
    """
    validate("FactMix", CONSTRAINTS, locals())
    if entity_base is None:
        base = MentionBase.from_docs(read_docs(originals), spans_key)
    else:
        base = MentionBase.from_file(entity_base)
    other_keys = other_span_keys(read_docs(originals), spans_key)
    if other_keys:
        raise LownerError(Errors.LN068.format(path=originals, spans_key=spans_key, keys=", ".join(other_keys)))
    if not filter_model:
        warnings.warn(Warnings.LN105)
    factmix = FactMix(
        Infill(masked_lm) if context_ratio else None,
        base,
        context_ratio=context_ratio,
        entity_ratio=entity_ratio,
        denoiser=Denoiser(filter_model, spans_key) if filter_model else None,
        spans_key=spans_key,
        seed=seed,
    )
    factmix.add_known(read_docs(originals))
    return factmix


def create_factmix_augmenter(
    originals: Optional[Path],
    masked_lm: str = "minilm",
    context_ratio: int = 5,
    entity_ratio: int = 8,
    entity_base: Optional[Path] = None,
    filter_model: Optional[str] = None,
    spans_key: str = SPANS_KEY,
    seed: int = 0,
) -> Callable[[Language, Example], Iterator[Example]]:
    """Create the augmenter `spacy-lowner.FactMix.v1`: it yields each example and the new examples of FactMix.

    The new examples are made in the first epoch, for `DOCS_PER_PART` sentences at a time, and kept for the next ones.

    originals (Optional[Path]): The corpus, a DocBin. None, as in a config without a path, is an error when it is used.
    masked_lm (str): Masked language model: "minilm", a name of Hugging Face, or a path.
    context_ratio (int): Largest number of new examples per Doc of the context level.
    entity_ratio (int): Largest number of new examples per Doc of the entity level.
    entity_base (Optional[Path]): JSON of mentions by type; by default those of the corpus.
    filter_model (Optional[str]): A pipeline trained on the originals, which must predict each example as it is
        labelled.
    spans_key (str): Key of the entities.
    seed (int): Seed of all choices.
    RETURNS (Callable[[Language, Example], Iterator[Example]]): An augmenter of spaCy.

    >>> import spacy
    >>> nlp = spacy.blank("en")
    >>> augment = create_factmix_augmenter(Path("train.spacy"))
    >>> next(augment(nlp, Example(nlp("Ann sang"), nlp("Ann sang")))).reference
    Ann sang
    """
    made = _NewExamples(
        None if originals is None else Path(originals),
        {
            "masked_lm": masked_lm,
            "context_ratio": context_ratio,
            "entity_ratio": entity_ratio,
            "entity_base": entity_base and Path(entity_base),
            "filter_model": filter_model,
            "spans_key": spans_key,
            "seed": seed,
        },
    )

    def augment(nlp: Language, example: Example) -> Iterator[Example]:
        yield example
        for doc in made.of(example.reference, nlp.vocab):
            # spaCy's corpus reader makes the predicted Docs of the originals in the same way.
            yield Example(bare_doc(doc, nlp.vocab) if doc.has_unknown_spaces else nlp.make_doc(doc.text), doc)

    return augment


class _NewExamples:
    """The new examples of each sentence of a corpus.

    A corpus may have equal sentences. FactMix makes other examples of the second one than of the first, since it makes
    none twice. So the examples of equal sentences are stored in the order of the corpus, and used in turn:

        corpus       A  B  A        examples of A:  [first list, second list]
        requests     A  B  A  A     results for A:   first list, second list, first list again

    originals (Optional[Path]): The corpus.
    settings (Dict[str, Any]): Other arguments of `build_factmix`.
    """

    def __init__(self, originals: Optional[Path], settings: Dict[str, Any]):
        self.originals = originals
        self.settings = settings
        # By digest of a sentence: its examples, the number of equal sentences in the corpus, and that of requests.
        self._made: DefaultDict[bytes, List[List[Doc]]] = defaultdict(list)
        self._copies: Counter = Counter()
        self._requests: Counter = Counter()
        self._parts: Iterator[List[Doc]] = iter(())
        self._n_left = 0
        self._factmix: Optional[FactMix] = None

    def of(self, doc: Doc, vocab: Vocab) -> List[Doc]:
        """RETURNS (List[Doc]): The new examples of a sentence. RAISES (LownerError): If there is no corpus."""
        if not self._copies:
            self._open(vocab)
        key = digest_doc(doc)
        if key not in self._copies:
            # The sentence is not in the corpus. Its examples are made at once, and the corpus is not read further.
            self._copies[key], self._made[key] = 1, self._make([doc])
        turn = self._requests[key] % self._copies[key]
        self._requests[key] += 1
        while len(self._made[key]) <= turn:
            self._make_next_part()
        return self._made[key][turn]

    def _open(self, vocab: Vocab) -> None:
        if self.originals is None:
            raise LownerError(Errors.LN075)
        docs = list(read_docs(self.originals, vocab))
        self._copies.update(map(digest_doc, docs))
        self._n_left, self._parts = len(docs), minibatch(docs, DOCS_PER_PART)

    def _make(self, docs: List[Doc]) -> List[List[Doc]]:
        if self.originals is None:
            raise LownerError(Errors.LN075)
        if self._factmix is None:
            self._factmix = build_factmix(self.originals, **self.settings)
        return self._factmix.make(docs)

    def _make_next_part(self) -> None:
        docs = next(self._parts)
        for doc, new_docs in zip(docs, self._make(docs)):
            self._made[digest_doc(doc)].append(new_docs)
        self._n_left -= len(docs)
        if not self._n_left and self._factmix is not None:
            _log_counts(self._factmix)
            # The models of FactMix are not needed any more. This frees their memory.
            self._factmix = None


def _log_counts(factmix: FactMix) -> None:
    """Log the number of new examples of a whole corpus."""
    counts = factmix.counts
    logger.info(
        "FactMix: %d new examples (%d made, %d duplicates, %d filtered)",
        *map(counts.__getitem__, ("kept", "made", "duplicates", "filtered")),
    )
    warn_if_empty(factmix, counts)


def warn_if_empty(factmix: FactMix, counts: Dict[str, int]) -> None:
    """Warn if FactMix kept no example of a whole corpus.

    factmix (FactMix): FactMix with its settings; no warning is shown if both ratios are 0.
    counts (Dict[str, int]): Number of examples that were "made", "filtered" and "kept".

    >>> warn_if_empty(FactMix(None, MentionBase(), context_ratio=0), {"made": 3, "kept": 2})
    """
    if (factmix.context_ratio or factmix.entity_ratio) and not counts.get("kept"):
        made = counts.get("made", 0)
        warnings.warn(Warnings.LN117.format(made=made, filtered=counts.get("filtered", 0)) if made else Warnings.LN118)
