"""The table of exporters."""

from pathlib import Path
from typing import Dict, Iterable, List

from spacy.tokens import Doc

from ...annotations import SPANS_KEY
from ...errors import Errors, LownerError
from .brat import BRAT
from .columns import CONLL, CONLLU, WEBANNO
from .json_tools import ARGILLA, DOCCANO, JSONL, LABEL_STUDIO, PRODIGY
from .protocol import Exporter, ExportOptions, exported_text

EXPORTERS: Dict[str, Exporter] = {
    one.name: one for one in (LABEL_STUDIO, DOCCANO, PRODIGY, ARGILLA, BRAT, WEBANNO, CONLL, CONLLU, JSONL)
}


def export_corpus(
    docs: Iterable[Doc],
    path: Path,
    format: str,
    *,
    spans_key: str = SPANS_KEY,
    options: ExportOptions = ExportOptions(),
) -> List[Path]:
    """Write Docs as tasks of an annotation tool, with their spans as suggestions or as finished annotation.

    docs (Iterable[Doc]): The Docs. Scores of a span group are written where the tool takes them.
    path (Path): The output; a folder for brat.
    format (str): A key of `EXPORTERS`.
    spans_key (str): Key of the spans.
    options (ExportOptions): The user's choices.
    RETURNS (List[Path]): The files that were written.
    RAISES (LownerError): If the format is unknown, cannot hold a Doc, or the files cannot be written.

    >>> from tempfile import TemporaryDirectory
    >>> import spacy
    >>> doc = spacy.blank("en")("Ada sang")
    >>> doc.spans["sc"] = [doc.char_span(0, 3, "PER")]
    >>> with TemporaryDirectory() as folder:
    ...     (written,) = export_corpus([doc], Path(folder) / "a.jsonl", "doccano")
    ...     print(written.read_text().strip())
    {"text": "Ada sang", "label": [[0, 3, "PER"]]}
    """
    if format not in EXPORTERS:
        raise LownerError(Errors.LN014.format(what="format", value=format, options=", ".join(EXPORTERS)))
    exporter = EXPORTERS[format]
    if exporter.suffix and path.suffix != exporter.suffix:
        options_text = exporter.suffix
        raise LownerError(Errors.LN014.format(what="suffix of the output", value=path.suffix, options=options_text))
    if not exporter.suffix and path.suffix:
        raise LownerError(Errors.LN014.format(what="suffix of the output", value=path.suffix, options="none, a folder"))
    texts = (exported_text(number, doc, spans_key) for number, doc in enumerate(docs, 1))
    return exporter.write(texts, path, options)
