"""Read CSV and TSV with a header: a word per row (Kaggle), or a text with its spans or tags per row."""

import ast
import csv
import re
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

from ...errors import Errors, LownerError
from ..files import read_lines
from ..sentence import OnErrorT, Sentence, raise_error
from .json_files import RecordT
from .keys import TOKEN_KEYS
from .parquet import parse_cell
from .protocol import Format, Sample
from .record_fields import bad_record
from .records import read_records

_WORDS = ("word", "words", "token", "tokens", "form", "text")
_TAGS = ("tag", "tags", "ner_tag", "ner_tags", "ner", "label", "labels", "entity", "iob", "bio")
_SENTENCES = re.compile(r"(sentence|sent|sentence_?id|sent_?id|sentence ?#|sentence_?idx|doc_?id|id)", re.I)
_SPANS = ("spans", "entities", "label", "labels", "annotations", "ner", "tag", "tags", "word_labels")
_TEXTS = ("text", "sentence", "content", "data")
_DELIMITERS = ",;\t"
# Lists as numpy prints them: ['Ada' 'sang'] and [1 0].
_ITEM = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|-?\d+")
_ARRAY = re.compile(rf"\[\s*(?:{_ITEM.pattern})(?:\s+(?:{_ITEM.pattern}))+\s*\]")
# Arguments of the reader, by whether the table has no quotes.
_QUOTING: Dict[bool, Dict[str, Any]] = {False: {}, True: {"quoting": csv.QUOTE_NONE}}
# A word per row with a tag of any scheme, or a text with a list.
_TAG = re.compile(r"O|[BIESLUMbieslum]-\S+")


def _evidence(sample: Sample) -> str:
    try:
        return _evidence_of_table(sample)
    except csv.Error:
        return ""


def _evidence_of_table(sample: Sample) -> str:
    header, delimiter = _header(sample.lines[0] if sample.lines else "")
    if header and _token_columns(header) is not None and _has_tags(sample.lines, header, delimiter):
        return "a header with columns of words and tags"
    return "a header with columns of texts and spans" if header and _text_columns(header, sample) else ""


def _header(line: str) -> Tuple[List[str], str]:
    """RETURNS (Tuple[List[str], str]): Names of the columns in small letters, and the delimiter."""
    for delimiter in _DELIMITERS:
        names = next(csv.reader([line], delimiter=delimiter), [])
        if len(names) > 1:
            return [name.strip().lower() for name in names], delimiter
    return [], ","


def _token_columns(header: Sequence[str]) -> Optional[Tuple[int, int]]:
    words = next((header.index(name) for name in _WORDS if name in header), None)
    tags = next((header.index(name) for name in _TAGS if name in header), None)
    return (words, tags) if words is not None and tags is not None and words != tags else None


def _has_tags(lines: Sequence[str], header: Sequence[str], delimiter: str) -> bool:
    _, column = _token_columns(header) or (0, 0)
    cells = [row[column] for row in csv.reader(lines[1:], delimiter=delimiter) if column < len(row)]
    return bool(cells) and all(_TAG.fullmatch(cell.strip()) for cell in cells[:50] if cell.strip())


def _text_columns(header: Sequence[str], sample: Sample) -> bool:
    has_text = any(name in header for name in (*_TEXTS, *TOKEN_KEYS))
    rows = csv.reader(sample.lines[1:], delimiter=_header(sample.lines[0])[1])
    lists = any(cell.lstrip()[:1] in ("[", "{") or len(_tags_in(cell)) > 1 for row in rows for cell in row)
    return has_text and lists and sample.path.suffix in (".csv", ".tsv", ".txt")


def read_csv(
    path: Path, *, encoding: str = "utf8", on_error: OnErrorT = raise_error, **options: Any
) -> Iterator[Sentence]:
    """Read a table with a header.

    With a word and its tag per row, a column names the sentence: in its first row only, as Kaggle's "Sentence #" does,
    or in every row; blank rows end a sentence, too. With a text per row, a column holds its spans or tags as a list.

    path (Path): The file.
    encoding (str): Encoding of the file.
    on_error (OnErrorT): Called with the error of each bad row.
    options (Any): Other options of `read_records`.
    RETURNS (Iterator[Sentence]): The sentences.
    RAISES (LownerError): If the file is not CSV, or no column says where a sentence ends.
    """
    # Cells keep the ends of their lines, because offsets count them.
    lines = [line or "" for line in read_lines(path, encoding, on_error, keep_returns=True)]
    header, delimiter = _header(next(line.rstrip("\r") for line in lines if line.strip()))
    try:
        # Tables of words have no quotes, and a word may be one.
        written = [line.rstrip("\r") for line in lines if line.strip()]
        is_plain = delimiter == "\t" and _token_columns(header) is not None and _has_tags(written, header, delimiter)
        rows = list(csv.reader((f"{line}\n" for line in lines), delimiter=delimiter, **_QUOTING[is_plain]))[1:]
    except csv.Error as error:
        raise LownerError(Errors.LN177.format(path=path, reason=f"not CSV ({error})")) from None
    while rows and not any(rows[-1]):
        rows.pop()
    columns = _token_columns(header)
    if columns is not None and _has_tags(lines, header, delimiter):
        items = _sentences(path, header, rows, columns)
    else:
        items = [(f"row {i}", _row(header, row)) for i, row in enumerate(rows, 2) if any(row)]
    return read_records(path, items=items, encoding=encoding, on_error=on_error, **options)


def _row(header: Sequence[str], row: Sequence[str]) -> Dict[str, Any]:
    values = {name: _parsed(cell) if cell != "" else None for name, cell in zip(header, row)}
    # A table with tags has the words as a text, separated by blanks.
    text = next((values[name] for name in _TEXTS if isinstance(values.get(name), str)), None)
    cells = (_tags_in(one) or one if isinstance(one, str) else one for one in map(values.get, _SPANS))
    tags = next((one for one in cells if _are_texts(one)), None)
    if text is not None and tags is not None and len(tags) == len(text.split()):
        return {"tokens": text.split(), "tags": tags}
    return values


def _tags_in(cell: str) -> List[str]:
    """RETURNS (List[str]): The tags of a cell, with blanks or commas between them; empty if they are no tags."""
    tags = re.split(r"[,\s]+", cell.strip())
    return tags if all(map(_TAG.fullmatch, tags)) else []


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, str) for one in value)


def _parsed(cell: str) -> Any:
    value = parse_cell(cell)
    if value is not cell or cell[:1] not in ("[", "{"):
        return value
    try:
        # pandas writes lists as Python does.
        found = ast.literal_eval(_commas(cell))
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return cell
    return [list(one) if isinstance(one, tuple) else one for one in found] if isinstance(found, list) else found


def _commas(cell: str) -> str:
    """RETURNS (str): A list of numpy, which has no commas, as a list of Python."""
    is_array = _ARRAY.fullmatch(cell)
    return f"[{', '.join(_ITEM.findall(cell))}]" if is_array else cell


def _sentences(path: Path, header: Sequence[str], rows: List[List[str]], columns: Tuple[int, int]) -> List[RecordT]:
    word, tag = columns
    named = [i for i, name in enumerate(header) if i not in columns and _SENTENCES.fullmatch(name)]
    cells = {i: [row[i].strip() if i < len(row) else "" for row in rows if any(row)] for i in named}
    blank_rows = any(not any(row) for row in rows)
    # Numbers of rows say nothing about sentences, unless they start again in each one.
    counters = [i for i in named if _are_numbers_of_words(cells[i])]
    names = [i for i in named if i not in counters]
    restarts = next((i for i in counters if len(set(cells[i])) < len(cells[i])), None)
    keys = list(zip(*(cells[i] for i in names)))
    # Every row has a name of its own, so these name words.
    of_words = len(keys) > 2 and all(map(any, keys)) and len(set(keys)) == len(keys)
    if not blank_rows and (of_words or (not names and restarts is None)):
        raise LownerError(Errors.LN179.format(path=path, columns=", ".join(header)))
    first = None if restarts is None else cells[restarts][0]
    items: List[RecordT] = []
    previous: Tuple[str, ...] = ()
    start_new = True
    for number, row in enumerate(rows, 2):
        if any("\n" in cell for cell in row):
            problem = "a cell of several lines, so a quote is not closed or not doubled"
            raise LownerError(bad_record(path, f"row {number}", problem, "Correct the quotes"))
        if not any(row):
            start_new = True
            continue
        name = tuple(row[i].strip() for i in names if i < len(row))
        begins = restarts is not None and [cell.strip() for cell in row[restarts : restarts + 1]] == [first]
        if start_new or begins or (any(name) and name != previous):
            items.append((f"row {number}", {"tokens": [], "tags": []}))
        previous, start_new = name if any(name) else previous, False
        record = items[-1][1]
        record["tokens"].append(row[word] if word < len(row) else "")
        record["tags"].append(row[tag].strip() if tag < len(row) else "")
    return items


def _are_numbers_of_words(cells: Sequence[str]) -> bool:
    """RETURNS (bool): Whether cells count the words, throughout or in each sentence."""
    if len(cells) < 3 or not all(cell.isdecimal() for cell in cells):
        return False
    numbers = list(map(int, cells))
    return all(after in (before + 1, numbers[0]) for before, after in zip(numbers, numbers[1:])) and not any(
        after == before for before, after in zip(numbers, numbers[1:])
    )


CSV = Format("csv", "CSV with a header", _evidence, read_csv)
