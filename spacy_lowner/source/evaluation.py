"""How well a source finds the types of a corpus that it has not seen."""

from collections import Counter
from typing import Dict, Sequence, Tuple

import torch

from ..corpus.sentence import Sentence
from ..nn.band import band_mask
from ..nn.decoding import decode
from ..types import ScoredSpan
from .batches import batches_of
from .corpora import TypedCorpus
from .descriptions import DescriptionBank
from .training import SourceModel


@torch.no_grad()
def untrained_scores(
    model: SourceModel, corpus: TypedCorpus, thresholds: Sequence[float], words: int = 1000
) -> Dict[float, Tuple[float, float]]:
    """Compute F1 of flat predictions for the types of a corpus, with their first descriptions.

    model (SourceModel): The model.
    corpus (TypedCorpus): The corpus.
    thresholds (Sequence[float]): Lowest probabilities of predicted spans.
    words (int): Words of a batch.
    RETURNS (Dict[float, Tuple[float, float]]): F1 with types and F1 of boundaries alone, in [0, 1], by threshold.
    """
    bank = DescriptionBank(corpus.descriptions)
    vectors = bank.first(bank.labels)
    hits: Counter = Counter()
    order = sorted(corpus.sentences, key=lambda one: len(one.words))
    for batch in batches_of(order, words):
        logits, lengths = model.eval()([one.words for one in batch], vectors)
        mask = band_mask(lengths, *logits.shape[1:3])
        scores = logits.float().sigmoid() * mask[..., None]
        cells = (scores >= min(thresholds)).nonzero()
        found = [[] for _ in batch]  # type: ignore[var-annotated]
        for (row, start, extra, label), score in zip(cells.tolist(), scores[tuple(cells.T)].tolist()):
            found[row].append(ScoredSpan(start, start + extra + 1, label, score))
        for sentence, spans in zip(batch, found):
            for threshold in thresholds:
                chosen = decode([span for span in spans if span.score >= threshold], "flat")
                _count(hits, threshold, sentence, [(s.start, s.end, bank.labels[s.label]) for s in chosen])
    return {threshold: (_f1(hits, threshold, "typed"), _f1(hits, threshold, "bounds")) for threshold in thresholds}


def _count(hits: Counter, threshold: float, sentence: Sentence, predicted: Sequence[Tuple[int, int, str]]) -> None:
    gold = {tuple(span) for span in sentence.spans}
    for kind, ours, theirs in (
        ("typed", set(predicted), gold),
        ("bounds", {span[:2] for span in predicted}, {span[:2] for span in gold}),
    ):
        hits[threshold, kind, "both"] += len(ours & theirs)
        hits[threshold, kind, "all"] += len(ours) + len(theirs)


def _f1(hits: Counter, threshold: float, kind: str) -> float:
    return 2 * hits[threshold, kind, "both"] / max(1, hits[threshold, kind, "all"])
