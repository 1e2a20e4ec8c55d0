"""`spacy lowner threshold`: choose the thresholds of a trained pipe on dev, and calibrate its scores."""

from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence

import typer
from spacy.language import Language
from wasabi import msg

from ..annotations import SPANS_KEY
from ..corpus.convert import load_corpus
from ..corpus.files import atomic_path, write_json
from ..errors import Errors, LownerError
from ..labelling.calibration import calibration_error, fit_calibration
from ..labelling.thresholds import (
    Counts,
    ScoredText,
    Thresholds,
    common_threshold,
    count_spans,
    thresholds_by_label,
    thresholds_for_precision,
    unseen_counts,
)
from ..loading import change_setting, load_pipeline
from ..report.crossval import folds_of
from ..report.evaluation import decoding_of, predict_scored, thresholded_pipe
from ._app import lowner
from ._util import exclusive, friendly, use_gpu

FOLDS = 5
# Above this F1, the texts are probably those of the training.
SEEN = 0.98


@lowner.command("threshold")
@friendly
@exclusive("model_path")
def threshold_cli(
    model_path: Path = typer.Argument(..., help="A trained pipeline. Its thresholds are changed"),
    data_path: Path = typer.Argument(..., help="Gold dev data in any known format"),
    per_type: bool = typer.Option(
        False,
        "--per-type",
        help="Thresholds of single types, if they have a better F1 on texts they were not chosen on",
    ),
    precision: Optional[float] = typer.Option(
        None, min=0.01, max=1.0, help="Choose the lowest threshold with this precision, and not that with the best F1"
    ),
    calibrate: bool = typer.Option(False, "--calibrate", help="Map scores to probabilities first (knowfree_spancat)"),
    spans_key: str = typer.Option(SPANS_KEY, help="Key of the spans in doc.spans"),
    gpu_id: int = typer.Option(-1, "--gpu-id", help="GPU, or -1 for CPU"),
):
    """Set the threshold of a trained pipe to the value with the best F1 on dev, or with a wanted precision."""
    use_gpu(gpu_id)
    nlp = load_pipeline(model_path)
    name = thresholded_pipe(nlp, spans_key)
    if name is None:
        raise LownerError(Errors.LN047.format(pipes=", ".join(nlp.pipe_names), spans_key=spans_key))
    cfg = nlp.get_pipe(name).cfg
    for option, setting, wanted in (("--per-type", "thresholds", per_type), ("--calibrate", "calibration", calibrate)):
        if wanted and setting not in cfg:
            raise LownerError(Errors.LN211.format(pipe=name, option=option))
    docs = load_corpus(data_path, spans_key=spans_key)

    def predict() -> List[ScoredText]:
        decoding = decoding_of(nlp, spans_key)
        found = zip(docs, predict_scored(nlp, docs, spans_key, overlapping=True))
        return [ScoredText.of(doc, spans, spans_key, decoding=decoding) for doc, spans in found]

    if calibrate:
        _calibrate(nlp, name, predict)
    texts = predict()
    if not any(hit for text in texts for *_, hit in text.hits):
        raise LownerError(Errors.LN023.format(path=data_path, model=model_path, threshold=cfg["threshold"]))
    present = Thresholds(cfg["threshold"], cfg.get("thresholds") or {})
    chosen = _choose(texts, per_type, precision, None if calibrate else present)
    change_setting(nlp, name, "threshold", chosen.common)
    if "thresholds" in cfg:
        change_setting(nlp, name, "thresholds", chosen.by_label)
    _save(nlp, name, model_path)
    _report(model_path, texts, chosen, precision)


def _choose(
    texts: Sequence[ScoredText], per_type: bool, precision: Optional[float], present: Optional[Thresholds]
) -> Thresholds:
    if precision is not None:
        return thresholds_for_precision(texts, precision, by_label=per_type)
    if not per_type:
        return common_threshold(texts) if present is None else _unless_chance(texts, present)
    one, several = (unseen_counts(texts, choose).f for choose in (common_threshold, thresholds_by_label))
    shown = f"{100 * several:.1f} with thresholds per type, {100 * one:.1f} with one"
    msg.info(f"F1 on texts that the thresholds were not chosen on: {shown}")
    if several <= one:
        msg.warn("Thresholds per type do not help here, so all types get the same one")
        return common_threshold(texts)
    return thresholds_by_label(texts)


def _unless_chance(texts: Sequence[ScoredText], present: Thresholds) -> Thresholds:
    """RETURNS (Thresholds): The best threshold, or the present ones if it does not gain on texts it has not seen."""
    unseen, now = unseen_counts(texts, common_threshold).f, count_spans(texts, present).f
    if unseen > now or not now:
        return common_threshold(texts)
    msg.warn(
        f"The best threshold does not help on texts that it was not chosen on (F1 {100 * unseen:.1f}; {100 * now:.1f} "
        f"with the present one), so the threshold stays {present.common:.3f}"
    )
    return present


def _calibrate(nlp: Language, name: str, predict: Any) -> None:
    """Fit a calibration to the scores without one, and show the errors of one that has not seen the texts."""
    change_setting(nlp, name, "calibration", [])
    texts = predict()
    hits = [[(score, hit) for _, score, hit in text.hits] for text in texts]
    unseen = []
    for fold in folds_of(range(len(hits)), min(FOLDS, len(hits)), seed=0):
        held = set(fold)
        fitted = fit_calibration(pair for i, text in enumerate(hits) if i not in held for pair in text)
        unseen += [(float(fitted(score)), hit) for i in fold for score, hit in hits[i]]
    before = calibration_error([pair for text in hits for pair in text])
    msg.info(f"Calibration error {before:.3f} before, {calibration_error(unseen):.3f} after (on texts not fitted)")
    fitted = fit_calibration(pair for text in hits for pair in text)
    change_setting(nlp, name, "calibration", list(fitted))


def _save(nlp: Language, name: str, model_path: Path) -> None:
    write_json(model_path / name / "cfg", nlp.get_pipe(name).cfg)
    with atomic_path(model_path / "config.cfg") as draft:
        draft.write_text(nlp.config.to_str(), encoding="utf8")


def _report(model_path: Path, texts: Sequence[ScoredText], chosen: Thresholds, precision: Optional[float]) -> None:
    if chosen.by_label:
        labels: Dict[str, Counts] = {}
        for label in chosen.by_label:
            of_label = [
                text._replace(
                    hits=[hit for hit in text.hits if hit[0] == label],
                    gold={label: text.gold.get(label, 0)},
                    candidates=[],
                )
                for text in texts
            ]
            labels[label] = count_spans(of_label, chosen)
        rows = [(label, f"{chosen.of(label):.3f}", *_percentages(counts)) for label, counts in labels.items()]
        msg.table(rows, header=("type", "threshold", "P", "R", "F1"), divider=True, aligns=("l", "r", "r", "r", "r"))
    counts = count_spans(texts, chosen)
    p, r, f = _percentages(counts)
    if counts.f > SEEN:
        msg.warn(
            "Nearly everything is right. If the pipeline was trained on these texts, choose the threshold on others"
        )
    if precision is not None:
        best = count_spans(texts, common_threshold(texts))
        lost = f"; recall {100 * best.r:.1f} at the best F1"
        if counts.p < precision or not counts.predicted:
            msg.warn(f"No threshold has a precision of {precision:g} on these {len(texts)} texts")
    else:
        lost = ""
    msg.good(f"{model_path}: threshold {chosen.common:.3f}, dev P {p}, R {r}, F1 {f}{lost}")


def _percentages(counts: Counts) -> List[str]:
    return [f"{100 * value:.1f}" for value in (counts.p, counts.r, counts.f)]
