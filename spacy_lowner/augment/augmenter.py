"""FactMix for `[corpora.train.augmenter]`."""

import warnings
from collections import Counter, defaultdict
from pathlib import Path
from typing import Callable, DefaultDict, Dict, Iterator, List, Optional

from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import logger, minibatch

from ..annotations import SPANS_KEY
from ..corpus.docs import bare_doc, other_span_keys, read_docs
from ..errors import Errors, LownerError, Warnings, check_settings
from .denoising import Denoiser
from .factmix import FactMix, digest_of
from .infill import Infill
from .mentions import MentionBase

# Docs whose examples are made together.
PART = 20


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

    originals (Path): The corpus, a DocBin. masked_lm (str): "minilm", a Hugging Face name, or a path.
    context_ratio (int), entity_ratio (int): New examples for each Doc, at most.
    entity_base (Optional[Path]): JSON of mentions by type; by default those of the corpus.
    filter_model (Optional[str]): A pipeline trained on the originals, that must label each example as it is labelled.
    spans_key (str): Of the entities. seed (int): Of all choices.
    RETURNS (FactMix): It knows the originals and makes none of them.
    """
    check_settings(
        "FactMix",
        ("context_ratio", context_ratio, context_ratio >= 0, "at least 0"),
        ("entity_ratio", entity_ratio, entity_ratio >= 0, "at least 0"),
    )
    base = (
        MentionBase.from_docs(read_docs(originals), spans_key)
        if entity_base is None
        else MentionBase.from_file(entity_base)
    )
    elsewhere = other_span_keys(read_docs(originals), spans_key)
    if elsewhere:
        raise LownerError(Errors.LN068.format(path=originals, spans_key=spans_key, keys=", ".join(elsewhere)))
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
    factmix.know(read_docs(originals))
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
    """Yield each example and what FactMix makes of it, which is made once, with that of the next sentences, and remembered.

    Arguments as for `build_factmix`.

    RETURNS (Callable): An augmenter of spaCy.
    """
    # What was made of equal sentences, in the order of the corpus; how many copies it has of each, and how many were asked for.
    made: DefaultDict[bytes, List[List[Doc]]] = defaultdict(list)
    copies: Counter = Counter()
    asked: Counter = Counter()
    parts: Iterator[List[Doc]] = iter(())
    factmix: Optional[FactMix] = None
    left = 0

    def make(docs: List[Doc]) -> List[List[Doc]]:
        nonlocal factmix
        if factmix is None:
            factmix = build_factmix(
                Path(originals),
                masked_lm=masked_lm,
                context_ratio=context_ratio,
                entity_ratio=entity_ratio,
                entity_base=entity_base and Path(entity_base),
                filter_model=filter_model,
                spans_key=spans_key,
                seed=seed,
            )
        return factmix.make(docs)

    def augment(nlp: Language, example: Example) -> Iterator[Example]:
        nonlocal parts, factmix, left
        yield example
        if originals is None:
            raise LownerError(Errors.LN075)
        if not copies:
            docs = list(read_docs(Path(originals), nlp.vocab))
            copies.update(map(digest_of, docs))
            left, parts = len(docs), minibatch(docs, PART)
        reference = example.reference
        key = digest_of(reference)
        if key not in copies:
            # A sentence that is not in the corpus is made of by itself.
            copies[key], made[key] = 1, make([reference])
        turn = asked[key] % copies[key]
        asked[key] += 1
        while len(made[key]) <= turn:
            docs = next(parts)
            for doc, own in zip(docs, make(docs)):
                made[digest_of(doc)].append(own)
            left -= len(docs)
            if not left and factmix is not None:
                _report(factmix)
                # Its models give their memory back.
                factmix = None
        for doc in made[key][turn]:
            # As spaCy's reader does it with the originals.
            yield Example(bare_doc(doc, nlp.vocab) if doc.has_unknown_spaces else nlp.make_doc(doc.text), doc)

    return augment


def _report(factmix: FactMix) -> None:
    """Say what became of the examples of a whole corpus."""
    counts = factmix.counts
    logger.info(
        "FactMix: %d new examples (%d made, %d double, %d filtered)",
        *map(counts.__getitem__, ("kept", "made", "double", "filtered")),
    )
    warn_of_none(factmix, counts)


def warn_of_none(factmix: FactMix, counts: Dict[str, int]) -> None:
    """Warn where it was asked for examples of a whole corpus and none is left."""
    if (factmix.context_ratio or factmix.entity_ratio) and not counts.get("kept"):
        made = counts.get("made", 0)
        warnings.warn(Warnings.LN117.format(made=made, filtered=counts.get("filtered", 0)) if made else Warnings.LN118)
