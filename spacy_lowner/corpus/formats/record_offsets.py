"""Find out how the offsets of records count, and which field of a span holds its text."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Dict, List

from ...errors import Errors, LownerError
from .offsets import CHARACTERS, TOKENS, Counting, SpanText, choose_counting, score_counting
from .protocol import UNIT
from .record import KindT, Record

# Fields of spans that hold their text in some tools, and a name or an identifier in others.
_MAYBE_MENTION_KEYS = ("entity", "name", "word")
# Name of a change in `ReadingReport.changes`.
IGNORED_TEXTS = "names of entities ignored that differ from the text"


def choose_countings(
    path: Path, records: List[Record], offsets: str, ends: str, changes: Counter
) -> Dict[KindT, Counting]:
    """Choose the way of counting of each kind of records, and set the texts of spans.

    path (Path): The file, for messages.
    records (List[Record]): The records of the file, whose spans may get their texts.
    offsets (str): One of `OFFSETS`.
    ends (str): One of `ENDS`.
    changes (Counter): Counts names of spans that are not their texts.
    RETURNS (Dict[KindT, Counting]): The way of counting by `Record.kind`.
    RAISES (LownerError): If spans fit both tokens and characters, and differ.
    """
    groups: Dict[KindT, List[Record]] = {}
    for record in records:
        groups.setdefault(record.kind, []).append(record)
    countings = {}
    for kind, group in groups.items():
        contents = [record.content for record in group]
        _swap_labels(contents)
        _find_mentions(contents, offsets, ends, changes)
        if offsets == "auto":
            _check_ambiguity(path, group, ends)
        usual = {record.fields.get(UNIT) for record in group}
        countings[kind] = choose_counting(contents, offsets, ends, usual.pop() if len(usual) == 1 else None)
    return countings


def _swap_labels(contents: List[SpanText]) -> None:
    """Lists such as [0, 4, "Mira", "PER"] have the text of the span before its label. They are known by the texts."""
    spans = [(content, i, span) for content in contents for i, span in enumerate(content.spans)]
    known = [(content.text or " ".join(content.words or []), span) for content, _, span in spans]
    if spans and all(len(span.others) == 1 and span.mention is None and span.label in text for text, span in known):
        if not all(span.others[0][1] in text for text, span in known):
            for content, i, span in spans:
                content.spans[i] = span._replace(label=span.others[0][1], mention=span.label, others=())


def _find_mentions(contents: List[SpanText], offsets: str, ends: str, changes: Counter) -> None:
    """Use a field of the spans as their text, if it fits the text of all records in one way of counting.

    The fields "text" and "mention" hold the text of a span in all tools. Where they are missing, another field may.
    """
    spans = [span for content in contents for span in content.spans]
    if any(span.mention is not None for span in spans):
        return
    fields = Counter(name for span in spans for name, _ in span.others)
    for name, _ in fields.most_common():
        filled = [
            replace(content, spans=[span._replace(mention=dict(span.others).get(name)) for span in content.spans])
            for content in contents
        ]
        score = score_counting(filled, choose_counting(filled, offsets, ends))
        if score.fitting == score.total:
            for content, one in zip(contents, filled):
                content.spans = one.spans
            return
    changes[IGNORED_TEXTS] += sum(fields[name] for name in _MAYBE_MENTION_KEYS)


def _check_ambiguity(path: Path, records: List[Record], ends: str) -> None:
    """RAISES (LownerError): If spans without texts fit both the text and the tokens of their records, and differ."""
    both = [
        record
        for record in records
        if record.content.words is not None and record.content.text is not None and record.content.spans
    ]
    if not both or any(span.mention is not None for record in both for span in record.content.spans):
        return
    tokens, characters = (Counting(unit, ends == "inclusive") for unit in (TOKENS, CHARACTERS))
    different = None
    for record in both:
        by_token = record.content.resolve(tokens)
        by_character = [record.tokens_at(position) for position in record.content.resolve(characters)]
        if None in by_token or None in by_character:
            return
        if by_token != by_character and different is None:
            different = record
    if different is not None:
        span = different.content.spans[0]
        raise LownerError(Errors.LN165.format(path=path, where=different.where, start=span.start, end=span.end))
