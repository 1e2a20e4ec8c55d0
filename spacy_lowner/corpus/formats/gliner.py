"""Read training data of GLiNER and GLiNER2."""

import re
from typing import Any, Dict, Iterator, List, Optional, Tuple

from .protocol import JSONFormat, JSONOptions, has

# Names of changes in `ReadingReport.changes`.
OCCURRENCES = "mentions without offsets found more than once in their text, and annotated everywhere"


def _evidence_1(item: Any) -> str:
    return "records with 'tokenized_text' and 'ner'" if has(item, tokenized_text=list, ner=list) else ""


def _records_1(item: Dict[str, Any], options: JSONOptions) -> Iterator[Dict[str, Any]]:
    for span in item["ner"]:
        if not isinstance(span, list) or len(span) < 3 or not all(isinstance(one, int) for one in span[:2]):
            raise ValueError(f"cannot read the span {str(span)[:80]}, which must be [first word, last word, type]")
    # The last word belongs to the span.
    spans = [[start, end + 1, label] for start, end, label, *_ in item["ner"]]
    yield {"tokens": item["tokenized_text"], "spans": spans}


def _evidence_2(item: Any) -> str:
    fields = _fields_2(item)
    return f"records with {fields[0]!r} and '{fields[1]}.entities'" if fields else ""


def _fields_2(item: Any) -> Optional[Tuple[str, str]]:
    """RETURNS (Optional[Tuple[str, str]]): Names of the fields with the text and the annotation."""
    for text, annotation in (("input", "output"), ("text", "schema"), ("text", "output")):
        if has(item, **{text: str, annotation: dict}) and has(item[annotation], entities=dict):
            return text, annotation
    return None


def _records_2(item: Dict[str, Any], options: JSONOptions) -> Iterator[Dict[str, Any]]:
    names = _fields_2(item) or ("input", "output")
    text, spans = item[names[0]], []
    for label, mentions in item[names[1]]["entities"].items():
        for mention in mentions if isinstance(mentions, list) else [mentions]:
            starts = occurrences(text, str(mention))
            if not starts:
                raise ValueError(f"the mention {str(mention)[:60]!r} ({label}) is not in the text")
            options.changes[OCCURRENCES] += len(starts) > 1
            spans += [[start, start + len(mention), label] for start in starts]
    yield {"text": text, "spans": spans}


def occurrences(text: str, mention: str) -> List[int]:
    """Find a mention in a text, as whole words.

    text (str): The text.
    mention (str): The mention.
    RETURNS (List[int]): The first character of each occurrence.

    >>> occurrences("Rome is in Romea, Rome", "Rome")
    [0, 18]
    """
    before = r"(?<!\w)" if mention[:1].isalnum() else ""
    after = r"(?!\w)" if mention[-1:].isalnum() else ""
    # Scripts without blanks have no word boundaries next to a mention.
    patterns = (before + re.escape(mention) + after, re.escape(mention))
    found = ([match.start() for match in re.finditer(pattern, text)] for pattern in patterns if mention)
    return next(filter(None, found), [])


GLINER = JSONFormat("gliner", "GLiNER training data", _evidence_1, _records_1)
GLINER_2 = JSONFormat("gliner2", "GLiNER2 training data", _evidence_2, _records_2)
