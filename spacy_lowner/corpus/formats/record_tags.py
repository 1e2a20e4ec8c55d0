"""Convert the tags of records to spans, in the scheme of the whole file."""

from pathlib import Path
from typing import List

from ...errors import Errors, LownerError
from ..sentence import OnErrorT, ReadingReport
from .offsets import RawSpan
from .record import Record
from .record_fields import are, bad_record
from .schemes import LETTERS, decode_tags, detect_scheme, detect_spelling, plain_tag


def spans_from_tags(path: Path, records: List[Record], report: ReadingReport, on_error: OnErrorT) -> List[Record]:
    """Give the records with tags their spans.

    path (Path): The file, for messages.
    records (List[Record]): The records, which are changed.
    report (ReadingReport): Gets the scheme and the number of repaired tags.
    on_error (OnErrorT): Called with the error of each record with bad tags.
    RETURNS (List[Record]): The records without those with bad tags.
    RAISES (LownerError): If the tags have letters and no types.
    """
    kept = []
    for record in records:
        size = len(record.content.words or ())
        if record.tags is None or (are(record.tags, str) and len(record.tags) == size):
            kept.append(record)
        else:
            problem = f"tags that are not one text per token ({size} tokens)"
            on_error(LownerError(bad_record(path, record.where, problem, "Give each token a tag")))
    tagged = [record.tags for record in kept if record.tags is not None]
    spelling = detect_spelling([tag for tags in tagged for tag in tags], any_types=True) or "plain"
    if spelling == LETTERS:
        raise LownerError(Errors.LN231.format(path=path, where="a record"))
    for record in kept if spelling != "plain" else ():
        record.tags = record.tags and [plain_tag(tag, spelling) for tag in record.tags]
    tagged = [record.tags for record in kept if record.tags is not None]
    scheme = spelling if spelling == "io" else detect_scheme(tagged) or "bio"
    report.scheme = scheme if tagged else ""
    return [record for record in kept if record.tags is None or _decoded(path, record, scheme, report, on_error)]


def _decoded(path: Path, record: Record, scheme: str, report: ReadingReport, on_error: OnErrorT) -> bool:
    """RETURNS (bool): Whether the tags of a record are of the scheme, and its spans are set."""
    try:
        spans, repaired = decode_tags(record.tags or [], scheme)
    except KeyError as error:
        problem = f"the tag {error.args[0]!r}, which is not of the scheme {scheme}"
        on_error(LownerError(bad_record(path, record.where, problem, "Correct it")))
        return False
    record.content.spans = [RawSpan(*span) for span in spans]
    report.repaired_tags += repaired
    return True
