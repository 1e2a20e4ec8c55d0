"""Merge the records of one text: of several annotators, or of judgements of single spans."""

from collections import Counter
from typing import Any, Dict, List, Optional, Protocol, Sequence, TypeVar

from .offsets import SpanText

# Fields of converted records: the text that they annotate, the time of the annotation (sortable), names of the
# annotator, and whether all records of the text are one annotation.
GROUP, TIME, ANNOTATOR, UNION = "_group", "_time", "_annotator", "_union"
# Names of changes in `ReadingReport.changes`.
SEVERAL = {
    "newest": "texts with several annotators, whose newest annotation is read",
    "all": "texts with several annotators, whose spans are all read",
    "majority": "texts with several annotators, whose spans of a majority are read",
}
OTHER_ANNOTATORS = "annotations of other annotators skipped"
CONTRADICTIONS = "spans accepted and rejected, dropped"


class _Grouped(Protocol):
    fields: Dict[str, Any]
    content: SpanText


RecordT = TypeVar("RecordT", bound=_Grouped)


def merge_groups(
    records: Sequence[RecordT], annotators: str, annotator: Optional[str], changes: Counter
) -> List[RecordT]:
    """Keep one record per text.

    records (Sequence[RecordT]): The records. Those with the same `GROUP` and text are of one text.
    annotators (str): "newest" keeps the newest annotation, "all" the spans of all annotators, "majority" those of more
        than half of them.
    annotator (Optional[str]): Name of the only annotator whose records are kept.
    changes (Counter): Counts texts with several annotators, and contradictions.
    RETURNS (List[RecordT]): The records, in the order of the first one of each text.
    RAISES (ValueError): If no record is of the annotator; the argument is the names of the others.
    """
    if annotator is not None:
        names = sorted({name for record in records for name in record.fields.get(ANNOTATOR, ())})
        if annotator not in names:
            raise ValueError(", ".join(names) or "none")
        kept = [record for record in records if annotator in record.fields.get(ANNOTATOR, ())]
        changes[OTHER_ANNOTATORS] += len(records) - len(kept)
        records = kept
    groups: Dict[Any, List[RecordT]] = {}
    for number, record in enumerate(records):
        group = record.fields.get(GROUP)
        words = tuple(record.content.words or ())
        groups.setdefault(number if group is None else (group, record.content.text, words), []).append(record)
    return [_merged(group, annotators, changes) if len(group) > 1 else group[0] for group in groups.values()]


def _merged(group: List[RecordT], annotators: str, changes: Counter) -> RecordT:
    if group[0].fields.get(UNION):
        return _judged(group, changes)
    changes[SEVERAL[annotators]] += 1
    newest = max(group, key=lambda record: record.fields.get(TIME) or ("", 0))
    if annotators != "newest":
        spans = {span[:3]: span for record in group for span in record.content.spans}
        counts = Counter(key for record in group for key in {span[:3] for span in record.content.spans})
        enough = len(group) / 2 if annotators == "majority" else 0
        newest.content.spans = [span for key, span in spans.items() if counts[key] > enough]
    return newest


def _judged(group: List[RecordT], changes: Counter) -> RecordT:
    """RETURNS (RecordT): The first record, with the spans of all that do not contradict each other."""
    # The texts of spans may be written in several ways, and do not count.
    spans = {(*span[:3], span.rejected): span for record in group for span in record.content.spans}
    kinds = Counter(key[:3] for key in spans)
    group[0].content.spans = [span for key, span in spans.items() if kinds[key[:3]] == 1]
    changes[CONTRADICTIONS] += sum(count > 1 for count in kinds.values())
    return group[0]
