"""Write columns: CoNLL, CoNLL-U with entities in MISC, and WebAnno TSV 3 for INCEpTION."""

from pathlib import Path
from typing import Callable, Iterable, Iterator, List

from ...errors import Errors, LownerError
from ..files import atomic_path
from ..formats.columns import SKIPPED
from ..formats.schemes import encode_tags
from .protocol import ExportedText, Exporter, ExportOptions, flat_spans, utf16_offsets

LAYER = "de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity"
# Characters with a meaning in WebAnno TSV.
_ESCAPED = "\\[]|_->;*"
RenderT = Callable[[ExportedText, ExportOptions], str]


def _check_tokens(text: ExportedText, format: str) -> None:
    for token in text.tokens:
        if set(token) & set("\t\n\r") or SKIPPED.match(f"{token}\t"):
            raise LownerError(Errors.LN017.format(token=token, index=text.number, format=format))


def _conll(text: ExportedText, options: ExportOptions) -> str:
    _check_tokens(text, "column")
    tags = encode_tags(len(text.tokens), flat_spans(text, options, "columns"))
    return "".join(f"{token}\t{tag}\n" for token, tag in zip(text.tokens, tags)) + "\n"


def _conllu(text: ExportedText, options: ExportOptions) -> str:
    _check_tokens(text, "CoNLL-U")
    for span in text.spans:
        if set(span.label) & set("|\t\n"):
            raise LownerError(Errors.LN034.format(label=span.label, index=text.number, format="CoNLL-U"))
    tags = encode_tags(len(text.tokens), flat_spans(text, options, "CoNLL-U"))
    lines = [f"# sent_id = {text.number}", f"# text = {' '.join(text.text.split())}"]
    for i, (token, tag) in enumerate(zip(text.tokens, tags), 1):
        end = text.starts[i - 1] + len(token)
        follows = text.text[end : end + 1].isspace() or i == len(text.tokens)
        misc = "|".join([f"NER={tag}", *([] if follows else ["SpaceAfter=No"])])
        lines.append("\t".join([str(i), token, *["_"] * 7, misc]))
    return "\n".join(lines) + "\n\n"


def _render_all(render: RenderT) -> Callable[[Iterable[ExportedText], Path, ExportOptions], List[Path]]:
    def write(texts: Iterable[ExportedText], path: Path, options: ExportOptions) -> List[Path]:
        with atomic_path(path) as draft, draft.open("w", encoding="utf8", newline="") as handle:
            handle.writelines(render(text, options) for text in texts)
        return [path]

    return write


def _write_webanno(texts: Iterable[ExportedText], path: Path, options: ExportOptions) -> List[Path]:
    with atomic_path(path) as draft, draft.open("w", encoding="utf8", newline="") as handle:
        handle.write(f"#FORMAT=WebAnno TSV 3.3\n#T_SP={LAYER}|identifier|value\n\n\n")
        offset = number = 0
        for text in texts:
            lines = list(_webanno_rows(text, offset, number))
            handle.writelines(lines)
            # One character stands between two sentences.
            offset += utf16_offsets(text.text)[-1] + 1
            number += len(text.spans)
    return [path]


def _webanno_rows(text: ExportedText, offset: int, number: int) -> Iterator[str]:
    """YIELDS (str): The lines of a sentence. Tokens of white space are not written, as they are no tokens there."""
    _check_tokens(text._replace(tokens=[token for token in text.tokens if not token.isspace()]), "WebAnno TSV")
    offsets = utf16_offsets(text.text)
    shown = text.text.replace("\\", "\\\\").replace("\t", "\\t").replace("\r", "\\r").replace("\n", "\\n")
    yield f"\n#Text={shown}\n"
    row = 0
    for i, token in enumerate(text.tokens):
        if token.isspace():
            continue
        row += 1
        start, end = text.starts[i], text.starts[i] + len(token)
        covering = [(n, span.label) for n, span in enumerate(text.spans, number + 1) if span.first <= i < span.last]
        labels = "|".join(f"{_escape(label)}[{n}]" for n, label in covering) or "_"
        identifiers = "|".join(f"*[{n}]" for n, _ in covering) or "_"
        position = f"{offsets[start] + offset}-{offsets[end] + offset}"
        yield "\t".join([f"{text.number}-{row}", position, _escape(token), identifiers, labels, ""]) + "\n"


def _escape(value: str) -> str:
    return "".join(f"\\{char}" if char in _ESCAPED else char for char in value)


CONLL = Exporter("conll", "CoNLL columns (BIO)", ".conll", _render_all(_conll))
CONLLU = Exporter("conllu", "CoNLL-U with entities in MISC", ".conllu", _render_all(_conllu))
WEBANNO = Exporter("webanno", "WebAnno TSV 3 (INCEpTION)", ".tsv", _write_webanno)
