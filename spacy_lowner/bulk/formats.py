"""The formats that predictions are written in."""

import json
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, Iterator, List, Sequence

from spacy.tokens import Doc

from ..annotations import SPANS_KEY
from ..corpus.docs import write_docs
from ..corpus.files import atomic_path
from ..corpus.formats.parquet import import_pyarrow


def spans_of(doc: Doc, spans_key: str = SPANS_KEY) -> List[Dict[str, Any]]:
    """Describe the predicted spans of a Doc, with offsets in characters.

    doc (Doc): The Doc.
    spans_key (str): Key of the spans; without it, `doc.ents` are used.
    RETURNS (List[Dict[str, Any]]): "start", "end", "label" and, if the span has one, "score".

    >>> import spacy
    >>> doc = spacy.blank("en")("Ada sang")
    >>> doc.spans["sc"] = [doc.char_span(0, 3, "PER")]
    >>> spans_of(doc)
    [{'start': 0, 'end': 3, 'label': 'PER'}]
    """
    group = doc.spans.get(spans_key)
    scores = [] if group is None else [round(float(score), 4) for score in group.attrs.get("scores", [])]
    spans: List[Dict[str, Any]] = [
        {"start": span.start_char, "end": span.end_char, "label": span.label_}
        for span in (doc.ents if group is None else group)
    ]
    for span, score in zip(spans, scores):
        span["score"] = score
    return spans


def json_lines(docs: Iterable[Doc], spans_key: str = SPANS_KEY) -> Iterator[str]:
    """Write predictions as lines of JSON.

    docs (Iterable[Doc]): The Docs.
    spans_key (str): Key of the spans; without it, `doc.ents` are written.
    YIELDS (str): A record per Doc: "text" and "spans", as of `spans_of`.

    >>> import spacy
    >>> list(json_lines([spacy.blank("en")("Ada sang")]))
    ['{"text": "Ada sang", "spans": []}']
    """
    for doc in docs:
        yield json.dumps({"text": doc.text, "spans": spans_of(doc, spans_key)}, ensure_ascii=False)


def write_part(docs: Sequence[Doc], path: Path, spans_key: str) -> None:
    """Write predictions to a file, whole or not at all.

    docs (Sequence[Doc]): The Docs.
    path (Path): The file. Its suffix is the format, one of `FORMATS`.
    spans_key (str): Key of the spans.
    RAISES (LownerError): If the file cannot be written, or needs a package that is not installed.
    """
    FORMATS[path.suffix[1:]](docs, path, spans_key)


def _write_jsonl(docs: Sequence[Doc], path: Path, spans_key: str) -> None:
    with atomic_path(path) as draft:
        draft.write_text("".join(f"{line}\n" for line in json_lines(docs, spans_key)), encoding="utf8")


def _write_docbin(docs: Sequence[Doc], path: Path, spans_key: str) -> None:
    write_docs(docs, path)


def _write_parquet(docs: Sequence[Doc], path: Path, spans_key: str) -> None:
    pyarrow = import_pyarrow(path)
    span = pyarrow.struct(
        [
            ("start", pyarrow.int32()),
            ("end", pyarrow.int32()),
            ("label", pyarrow.string()),
            # Empty for entities of pipes that give no scores.
            ("score", pyarrow.float32()),
        ]
    )
    # Files of one schema can be read as one data set, also where a part has no entities.
    schema = pyarrow.schema([("text", pyarrow.string()), ("spans", pyarrow.list_(span))])
    rows = [{"text": doc.text, "spans": spans_of(doc, spans_key)} for doc in docs]
    with atomic_path(path) as draft:
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows, schema), draft)


FORMATS: Dict[str, Callable[[Sequence[Doc], Path, str], None]] = {
    "jsonl": _write_jsonl,
    "parquet": _write_parquet,
    "spacy": _write_docbin,
}
