"""JSON and JSONL: texts with character spans, or tokens with token spans; inclusive or exclusive ends; nesting."""

import json
import re
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Tuple, Union

from ..errors import Errors, LownerError
from ..types import USER_KEYS, WEIGHT_KEY
from .extensions import is_asked_record
from .files import read_lines
from .sentence import LabeledSpan, OnErrorT, Sentence, raise_error
from .tokens import choose_tokenizer, sentence_from_text

ENDS = ("auto", "inclusive", "exclusive")
_TOKENS = ("tokens", "words")
_TEXT = ("text", "sentence")
_SPANS = ("spans", "entities", "entity_mentions", "ents", "ner", "label", "labels")
_START = ("start", "start_idx", "start_offset", "begin")
_END = ("end", "end_idx", "end_offset", "stop")
_LABEL = ("label", "type", "entity_type", "tag")
_MENTION = ("text", "entity", "name", "mention", "word")

# Our own jsonl has them, by tokens and with exclusive ends.
_EXTENSIONS = ("extensions",)
_ASKED = "extensions_asked"
# JSON can escape them, and no file can hold them.
_SURROGATE = re.compile("[\ud800-\udfff]")

RecordT = Tuple[str, Dict[str, Any]]
SpanT = Tuple[int, int, str, Optional[str]]


def read_records(
    path: Path,
    *,
    ends: str = "auto",
    encoding: str = "utf8",
    lang: str = "en",
    tokenizer: str = "auto",
    on_error: OnErrorT = raise_error,
) -> Iterator[Sentence]:
    """Read a JSON list of records or one JSON record a line; spaCy's `[text, {"entities": […]}]` pairs too.

    A record holds "tokens" (or "words") with spans of tokens, or "text" with spans of characters; spans are objects or
    `[start, end, label]`. Where spans carry their own text, inclusive and exclusive ends are told apart by it.

    path (Path): The file. ends (str): "inclusive", "exclusive" or "auto". encoding (str): Of the file.
    lang (str), tokenizer (str): For texts without tokens. on_error (OnErrorT): What to do about a bad record.
    YIELDS (Sentence): The sentences.
    """
    records = []
    for where, record in _load(path, encoding, on_error):
        try:
            _check(path, where, record)
            records.append((where, record, _spans(path, where, record, _SPANS)))
        except LownerError as error:
            on_error(error)
    inclusive = _are_inclusive(records) if ends == "auto" else ends == "inclusive"
    if tokenizer == "auto":
        tokenizer = choose_tokenizer(str(_first(record, _TEXT, "")) for _, record, _ in records[:200])
    for where, record, spans in records:
        moved = [(start, end + inclusive, label) for start, end, label, _ in spans]
        try:
            yield _sentence(path, where, record, moved, tokenizer, lang)
        except LownerError as error:
            on_error(error)


def _sentence(path: Path, where: str, record: dict, spans: list, tokenizer: str, lang: str) -> Sentence:
    words = _first(record, _TOKENS)
    if words is None:
        text = _first(record, _TEXT)
        sentence = sentence_from_text(path, where, text, spans, tokenizer=tokenizer, lang=lang)
    else:
        extensions = [span[:3] for span in _spans(path, where, record, _EXTENSIONS)] if _first(record, _EXTENSIONS) is not None else None
        for start, end, label in spans + (extensions or []):
            if not 0 <= start < end <= len(words):
                message = Errors.LN007.format(
                    path=path, where=where, start=start, end=end, label=label, size=len(words), unit="tokens"
                )
                raise LownerError(message)
        sentence = Sentence(
            list(words), [LabeledSpan(*span) for span in spans], where=where, spaces=record.get("spaces")
        )
        if extensions is not None:
            sentence.extensions = [LabeledSpan(*span) for span in extensions]
            sentence.asked = dict(record.get(_ASKED) or {})
    sentence.user_data = {key: record[key] for key in USER_KEYS if key in record}
    sentence.categories = dict(record.get("categories") or {})
    sentence.context = dict(record.get("context") or {})
    return sentence


def _load(path: Path, encoding: str, on_error: OnErrorT) -> Iterator[RecordT]:
    lines = read_lines(path, encoding, on_error)
    first = next((line for line in lines if line and line.strip()), "")
    whole = None
    if first.lstrip().startswith("["):
        try:
            whole = json.loads("\n".join(line or "" for line in lines))
        except json.JSONDecodeError as error:
            if not is_json(first):
                problem = f"not JSON ({error.msg}, column {error.colno})"
                raise LownerError(_bad(path, f"line {error.lineno}", problem, "Correct the syntax")) from None
    if isinstance(whole, list) and all(isinstance(item, (dict, list)) for item in whole):
        items = [(f"record {number}", item) for number, item in enumerate(whole, 1)]
    else:
        items = []
        for number, line in enumerate(lines, 1):
            if line and line.strip():
                try:
                    items.append((f"line {number}", json.loads(line)))
                except json.JSONDecodeError as error:
                    on_error(LownerError(_bad(path, f"line {number}", f"not JSON ({error})", "Write one record a line")))
    for where, item in items:
        if isinstance(item, list) and len(item) == 2 and isinstance(item[0], str) and isinstance(item[1], dict):
            item = {"text": item[0], **item[1]}
        if not isinstance(item, dict) or (_first(item, _TOKENS) is None and _first(item, _TEXT) is None):
            on_error(LownerError(_bad(path, where, "neither 'text' nor 'tokens'", "Give the record one of them")))
        elif _are(item.get("tokens"), dict) and isinstance(item.get("text"), str):
            # Tokens as objects (Prodigy) come beside a text whose spans are of characters.
            yield where, {name: value for name, value in item.items() if name != "tokens"}
        else:
            yield where, item


def _spans(path: Path, where: str, record: dict, names: Tuple[str, ...]) -> List[SpanT]:
    spans = []
    for span in _field(record, names):
        start = end = label = mention = None
        if isinstance(span, dict):
            start, end, label = (_first(span, names) for names in (_START, _END, _LABEL))
            if start is None and isinstance(span.get("span"), list) and len(span["span"]) == 2:
                start, end = span["span"]
            mention = _first(span, _MENTION)
        elif isinstance(span, list) and len(span) == 3:
            start, end, label = span
        if not (isinstance(start, int) and isinstance(end, int) and isinstance(label, str)):
            mend = 'Write spans as {"start": 0, "end": 2, "label": "PER"}'
            raise LownerError(_bad(path, where, f"cannot read the span {span!r}", mend))
        spans.append((start, end, label, mention if isinstance(mention, str) else None))
    return spans


def _check(path: Path, where: str, record: dict) -> None:
    """RAISES (LownerError): If a field of the record is not of its kind."""
    words, text = _first(record, _TOKENS), _first(record, _TEXT)
    spaces, categories, tags = record.get("spaces"), record.get("categories"), record.get("ner_tags", record.get("tags"))
    weight, asked = record.get(WEIGHT_KEY, 1.0), record.get(_ASKED) or {}
    checks = (
        (isinstance(weight, (int, float)) and weight >= 0, f"'{WEIGHT_KEY}' must be a number of at least 0"),
        (words is None or _are(words, str) and all(words), "'tokens' must be a list of words"),
        (words is not None or isinstance(text, str), "'text' must be a string"),
        (spaces is None or _are(spaces, bool) and len(spaces) == len(words or ()), "'spaces' must hold true or false for each token"),
        (categories is None or isinstance(categories, dict), "'categories' must be an object"),
        (isinstance(record.get("context") or {}, dict), "'context' must be an object"),
        (not asked or is_asked_record(asked), f"'{_ASKED}' must be an object of 'from', a name, and 'labels', lists by part"),
        (all(isinstance(_field(record, names), list) for names in (_SPANS, _EXTENSIONS)), "spans must be a list"),
        (not _SURROGATE.search(json.dumps(record, ensure_ascii=False)), "half of a pair of surrogates, which is no character"),
        (tags is None or _first(record, _SPANS) is not None, "tags instead of spans; write such a corpus as columns"),
    )
    for holds, problem in checks:
        if not holds:
            raise LownerError(_bad(path, where, problem, "Correct the record"))


def _field(record: dict, names: Tuple[str, ...]) -> Any:
    """RETURNS (Any): The value of one of the names that holds spans. Some exports have an empty list of one name beside a full one of
    another, or a class of the text under a third."""
    values = [record[name] for name in names if record.get(name) is not None]
    full = [value for value in values if _are(value, (dict, list)) and value]
    return next(iter(full), next((value for value in values if isinstance(value, list)), values[0] if values else []))


def is_json(text: str) -> bool:
    """RETURNS (bool): Whether a text is a JSON object or array."""
    try:
        return isinstance(json.loads(text), (dict, list))
    except json.JSONDecodeError:
        return False


def _are(values: Any, kind: Union[type, Tuple[type, ...]]) -> bool:
    return isinstance(values, list) and all(isinstance(value, kind) for value in values)


def _are_inclusive(records: list) -> bool:
    votes = 0
    for _, record, spans in records:
        text, words = _first(record, _TEXT), _first(record, _TOKENS)
        for start, end, _, mention in spans:
            if mention is None:
                continue
            if words is None:
                votes += (text[start : end + 1] == mention) - (text[start:end] == mention)
            else:
                said = "".join(mention.split())
                votes += ("".join(words[start : end + 1]) == said) - ("".join(words[start:end]) == said)
    return votes > 0


def _first(record: dict, names: Tuple[str, ...], default: Any = None) -> Any:
    return next((record[name] for name in names if name in record), default)


def _bad(path: Path, where: str, problem: str, mend: str) -> str:
    return Errors.LN009.format(path=path, where=where, problem=problem, mend=mend)
