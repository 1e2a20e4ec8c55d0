"""Write a folder for brat: a text and its annotation per Doc, and `annotation.conf`."""

import re
from pathlib import Path
from typing import Dict, Iterable, List

from ...errors import Errors, LownerError
from ..files import atomic_path
from .protocol import ExportedSpan, ExportedText, Exporter, ExportOptions

# Characters of a type in brat.
_NOT_IN_TYPES = re.compile(r"[^A-Za-z0-9_-]")


def _write(texts: Iterable[ExportedText], path: Path, options: ExportOptions) -> List[Path]:
    if path.is_dir() and any(path.iterdir()):
        raise LownerError(Errors.LN029.format(path=path, reason="it is not empty"))
    types: Dict[str, str] = {_NOT_IN_TYPES.sub("_", label): label for label in options.labels}
    written: List[Path] = []
    for text in texts:
        for span in text.spans:
            name = _NOT_IN_TYPES.sub("_", span.label)
            if types.setdefault(name, span.label) != span.label:
                raise LownerError(Errors.LN181.format(first=types[name], second=span.label, name=name))
        stem = path / f"{text.number:06d}"
        lines = [f"T{i}\t{_annotation(text.text, span)}\n" for i, span in enumerate(text.spans, 1)]
        for suffix, content in ((".txt", text.text), (".ann", "".join(lines))):
            with atomic_path(stem.with_suffix(suffix)) as draft:
                draft.write_text(content, encoding="utf8", newline="")
            written.append(stem.with_suffix(suffix))
    config = path / "annotation.conf"
    with atomic_path(config) as draft:
        # Without this relation, brat refuses spans that overlap.
        overlap = "<OVERLAP>\tArg1:<ENTITY>, Arg2:<ENTITY>, <OVL-TYPE>:<ANY>"
        names = "\n".join(sorted(types))
        draft.write_text(f"[entities]\n{names}\n[relations]\n{overlap}\n[events]\n[attributes]\n", encoding="utf8")
    return [*written, config]


def _annotation(text: str, span: ExportedSpan) -> str:
    """RETURNS (str): Type, offsets and text of a span. A span over several lines has a piece per line."""
    pieces = []
    position = span.start
    for line in span.text.splitlines(keepends=True):
        content = line.rstrip("\r\n\v\f\x1c\x1d\x1e\x85\u2028\u2029")
        if content:
            pieces.append((position, position + len(content)))
        position += len(line)
    offsets = ";".join(f"{start} {end}" for start, end in pieces)
    mention = " ".join(text[start:end] for start, end in pieces)
    return f"{_NOT_IN_TYPES.sub('_', span.label)} {offsets}\t{mention}"


BRAT = Exporter("brat", "brat", "", _write)
