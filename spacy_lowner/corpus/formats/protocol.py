"""What a format of the table is: how a file of it is recognized, and how it is read."""

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Sequence

from ..sentence import Sentence
from .json_files import first_items

ANNOTATORS = ("newest", "all", "majority")
# Field of converted records: the unit of their offsets in this tool, if spans have no texts that show it.
UNIT = "_unit"
DISCONTINUOUS = ("skip", "longest", "hull")


@dataclass
class Sample:
    """The beginning of a file, by which its format is recognized.

    path (Path): The file.
    lines (Sequence[str]): Its first lines that are not blank.

    >>> Sample(Path("a.jsonl"), ['{"text": "Ada"}']).items
    [{'text': 'Ada'}]
    """

    path: Path
    lines: Sequence[str]

    @cached_property
    def items(self) -> List[Any]:
        """RETURNS (List[Any]): Its first JSON values; empty if the file is not JSON."""
        return first_items(self.lines) if self.lines and self.lines[0].lstrip()[:1] in ("{", "[") else []


class Format(NamedTuple):
    """A format of files.

    name (str): Its name on the command line.
    title (str): What it is, for lists of formats.
    evidence (Callable[[Sample], str]): Says why a file is of this format; empty if it is not.
    read (Callable[..., Iterator[Sentence]]): Reads a path. Its other arguments are keywords, such as `on_error`.
    """

    name: str
    title: str
    evidence: Callable[[Sample], str]
    read: Callable[..., Iterator[Sentence]]


@dataclass
class JSONOptions:
    """Choices that JSON formats ask for.

    path (Path): The file. Others next to it may name its tags.
    tag_names (Sequence[str]): Names of tags that a file has as numbers.
    layer (Optional[str]): Name of the layer, control or question with the entities, if a file has several.
    unannotated (bool): Whether texts without annotation are read.
    changes (Counter): Counts what is ignored, by name.
    text_fields (Dict[str, Any]): The fields of texts with spans, for texts without spans.
    layers (Dict[str, Any]): The layers, controls or questions that the file has.

    >>> JSONOptions(Path("a.json")).changes["relations ignored"]
    0
    """

    path: Path
    tag_names: Sequence[str] = ()
    layer: Optional[str] = None
    unannotated: bool = False
    changes: Counter = field(default_factory=Counter)
    text_fields: Dict[str, Any] = field(default_factory=dict)
    layers: Dict[str, Any] = field(default_factory=dict)


class JSONFormat(NamedTuple):
    """A format of JSON files, whose records are converted to the fields that `formats.records` reads.

    name (str): Its name on the command line.
    title (str): What it is, for lists of formats.
    evidence (Callable[[Any], str]): Says why a JSON value is of this format; empty if it is not.
    records (Callable[[Any, JSONOptions], Iterable[Dict[str, Any]]]): Converts a value to records. It raises a
        `ValueError` with the problem of a value that cannot be read.
    all_records (bool): Whether it converts all records of a file of this format, also those without evidence.
    """

    name: str
    title: str
    evidence: Callable[[Any], str]
    records: Callable[[Any, JSONOptions], Iterable[Dict[str, Any]]]
    all_records: bool = False


def has(value: Any, /, **kinds: Any) -> bool:
    """Check whether a value is an object with some fields.

    value (Any): The value.
    kinds (Any): Type, or tuple of types, by field.
    RETURNS (bool): Whether it has all of them.

    >>> has({"text": "Ada", "spans": []}, text=str, spans=list), has([], text=str)
    (True, False)
    """
    return isinstance(value, Mapping) and all(
        name in value and isinstance(value[name], kind) for name, kind in kinds.items()
    )


def fields_except(value: Mapping[str, Any], *names: str) -> Dict[str, Any]:
    """Copy the fields of an object without some of them.

    value (Mapping[str, Any]): The object.
    names (str): The fields to leave.
    RETURNS (Dict[str, Any]): The other fields.

    >>> fields_except({"content": "Ada", "meta": {}}, "content")
    {'meta': {}}
    """
    return {name: one for name, one in value.items() if name not in names}
