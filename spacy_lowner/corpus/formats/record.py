"""A record of JSON: its text or tokens, and its spans as they are written."""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

from ...errors import LownerError
from ..tokens import align_tokens
from .keys import EXTENSIONS, REJECTED, SPAN_KEYS, TEXT_KEYS, TOKEN_KEYS
from .offsets import SpanText
from .protocol import JSONOptions
from .record_annotations import annotations_of, name_labels, spans_of
from .record_fields import are, bad_record, check_fields, first_of, tokens_of

# Name of a change in `ReadingReport.changes`.
MISALIGNED = "texts ignored that do not consist of their tokens"
# Field of converted records with a tag per token.
TAGS = "tags"
# Type of a record: whether it has tokens, and whether it has a text.
KindT = Tuple[bool, bool]
# Start and end (excluded) of a span in tokens or characters; None if its offsets do not fit.
PositionT = Optional[Tuple[int, int]]


@dataclass
class Record:
    """A record.

    where (str): Its position in the file, for messages.
    fields (Dict[str, Any]): Its fields.
    content (SpanText): Its text or tokens, and its spans.
    spaces (Optional[List[bool]]): Whether a space follows each token, if the record has such a field.
    group (Optional[str]): The key of its spans, if it has groups of spans by key.
    tags (Optional[List[str]]): A tag per token, if it has tags instead of spans.

    >>> Record("line 1", {}, SpanText("Ada sang", ["Ada", "sang"], [])).bounds
    [(0, 3), (4, 8)]
    """

    where: str
    fields: Dict[str, Any]
    content: SpanText
    spaces: Optional[List[bool]] = None
    group: Optional[str] = None
    tags: Optional[List[str]] = None

    @property
    def kind(self) -> KindT:
        """RETURNS (KindT): Whether it has tokens, and whether it has a text. Tools count in one way per kind."""
        return self.content.words is not None, self.content.text is not None

    @cached_property
    def bounds(self) -> Optional[List[Tuple[int, int]]]:
        """RETURNS (Optional[List[Tuple[int, int]]]): Start and end of each token in the text, as of `align_tokens`."""
        return align_tokens(self.content.text or "", self.content.words or [])

    @cached_property
    def token_edges(self) -> Tuple[Dict[int, int], Dict[int, int]]:
        """RETURNS (Tuple[Dict[int, int], Dict[int, int]]): The token that starts and that ends at a character."""
        bounds = self.bounds or []
        return {start: i for i, (start, _) in enumerate(bounds)}, {end: i for i, (_, end) in enumerate(bounds)}

    def tokens_at(self, characters: PositionT) -> PositionT:
        """Find the tokens of a span of characters.

        characters (PositionT): First character and end (excluded).
        RETURNS (PositionT): First token and end; None if the span begins or ends inside a token.
        """
        starts, ends = self.token_edges
        if characters is None or characters[0] not in starts or characters[1] not in ends:
            return None
        return starts[characters[0]], ends[characters[1]] + 1

    def spaces_in_text(self, changes: Counter) -> Optional[List[bool]]:
        """Find the white space between the tokens.

        changes (Counter): Counts a text that does not consist of its tokens.
        RETURNS (Optional[List[bool]]): Whether white space follows each token; None for such a text.
        """
        text, bounds = self.content.text or "", self.bounds
        changes[MISALIGNED] += bounds is None
        return None if bounds is None else [text[end : end + 1].isspace() for _, end in bounds]


def make_record(path: Path, where: str, item: Any, spans_key: str, options: JSONOptions) -> Record:
    """Make the record of a JSON value.

    path (Path): The file, for messages.
    where (str): The position of the value, for messages.
    item (Any): The value: an object, or a text and an object.
    spans_key (str): Key of the gold spans, if there are groups of spans by key.
    options (JSONOptions): Names of tags, and the counts of changes.
    RETURNS (Record): The record.
    RAISES (LownerError): If it has no text or tokens, or a field has a wrong type.
    """
    changes = options.changes
    if isinstance(item, list) and len(item) == 2 and isinstance(item[0], str) and isinstance(item[1], dict):
        item = {"text": item[0], **item[1]}
    if not isinstance(item, dict) or (first_of(item, TOKEN_KEYS) is None and first_of(item, TEXT_KEYS) is None):
        raise LownerError(bad_record(path, where, "neither 'text' nor 'tokens'", "Give the record one of them"))
    words, spaces = tokens_of(item), item.get("spaces")
    text = next((item[key] for key in TEXT_KEYS if item.get(key) is not None and item[key] is not words), None)
    if are(words, dict) and isinstance(text, str):
        words, spaces = _token_texts(words, text), None
    check_fields(path, where, {**item, "tokens": words, "spaces": spaces}, text)
    if words is None and item.get(EXTENSIONS):
        problem = f"'{EXTENSIONS}' count tokens, and there are none"
        raise LownerError(bad_record(path, where, problem, "Give the record 'tokens'"))
    if TAGS in item and words is not None:
        other = next((key for key in SPAN_KEYS if isinstance(item.get(key), list) and item[key]), None)
        if other is not None:
            raise LownerError(bad_record(path, where, f"tags, and annotation under {other!r}", "Remove one of them"))
        if spaces is None and text is not None:
            spaces = Record(where, item, SpanText(text, words, [])).spaces_in_text(changes)
        return Record(where, item, SpanText(None, words, []), spaces, tags=item[TAGS])
    if options.tag_names:
        item = {key: name_labels(value, options.tag_names) for key, value in item.items()}
    annotations = annotations_of(path, where, item, spans_key, options.unannotated)
    spans = spans_of(path, where, annotations.values, changes)
    rejected = spans_of(path, where, item.get(REJECTED) or [], changes)
    spans += [span._replace(rejected=True) for span in rejected]
    return Record(where, item, SpanText(text, words, spans), spaces, annotations.group)


def _token_texts(tokens: List[Dict[str, Any]], text: str) -> Optional[List[str]]:
    """RETURNS (Optional[List[str]]): The texts of tokens that are objects, as Prodigy and spaCy write them. None if
    they do not cover the whole text, and so cannot be used.
    """
    bounds: List[Tuple[Any, Any]] = [(token.get("start"), token.get("end")) for token in tokens]
    words: List[Any] = [token.get("text") for token in tokens]
    if all(word is None for word in words) and all(are([*bound], int) for bound in bounds):
        words = [text[start:end] for start, end in bounds]
    return words if are(words, str) and all(words) and align_tokens(text, words) is not None else None
