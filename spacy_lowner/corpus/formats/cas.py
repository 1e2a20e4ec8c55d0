"""Read UIMA CAS, as INCEpTION exports it: XMI (with its type system) and JSON. dkpro-cassis parses both."""

import io
import json
import warnings
from collections import Counter
from pathlib import Path
from typing import Any, Iterator, List, Optional, Tuple

from ...errors import Errors, LownerError
from ..files import read_lines
from ..sentence import LabeledSpan, OnErrorT, ReadingReport, Sentence, raise_error
from ..tokens import Aligner, choose_tokenizer, sentence_from_text
from .changes import NO_TYPE
from .protocol import Format, Sample
from .webanno import ENTITY_LAYER, FEATURES

TYPE_SYSTEMS = ("TypeSystem.xml", "typesystem.xml")
_CORE = "de.tudarmstadt.ukp.dkpro.core.api."
_SENTENCE, _TOKEN = f"{_CORE}segmentation.type.Sentence", f"{_CORE}segmentation.type.Token"
# Types of UIMA and DKPro that hold no entities.
_NO_ENTITIES = ("uima.", f"{_CORE}segmentation", f"{_CORE}lexmorph", f"{_CORE}metadata", f"{_CORE}syntax")


def _evidence_xmi(sample: Sample) -> str:
    if sample.path.suffix == ".xmi":
        return "the suffix .xmi"
    return "an <xmi:XMI> element" if any("<xmi:XMI" in line for line in sample.lines[:3]) else ""


def _evidence_json(sample: Sample) -> str:
    named = any("%FEATURE_STRUCTURES" in line or "%TYPES" in line for line in sample.lines)
    return "an object with '%FEATURE_STRUCTURES'" if named and sample.lines[0].lstrip().startswith("{") else ""


def read_cas(
    path: Path,
    *,
    layer: Optional[str] = None,
    lang: str = "en",
    tokenizer: str = "auto",
    align: str = "strict",
    on_error: OnErrorT = raise_error,
    report: Optional[ReadingReport] = None,
) -> Iterator[Sentence]:
    """Read the annotations of one type. Sentences and tokens are those of the CAS, if it has any.

    path (Path): An XMI file, with `TypeSystem.xml` next to it unless its types are those of DKPro, or a JSON file.
    layer (Optional[str]): Name of the type, or the end of it, and after a colon the feature with the types of entities
        (custom.Drug:kind). By default the named entities, or the only custom type.
    lang (str): Language of the tokenizer, if the CAS has no tokens.
    tokenizer (str): "spacy", "characters" or "auto".
    align (str): One of `ALIGNMENTS`, for annotations that begin or end inside a token.
    on_error (OnErrorT): Called with the error of each bad sentence.
    report (Optional[ReadingReport]): Filled in.
    YIELDS (Sentence): The sentences.
    RAISES (LownerError): If dkpro-cassis is not installed, the file cannot be parsed, or its layer is not clear.
    """
    report = report if report is not None else ReadingReport()
    cas = _load(path)
    text = cas.sofa_string
    if not text:
        raise LownerError(Errors.LN177.format(path=path, reason="it has no text (sofaString)"))
    layer, _, feature = (layer or "").partition(":")
    chosen = _layer(path, cas, layer or None)
    report.layout = f"entities of the type {chosen}"
    spans = list(_spans(path, cas, chosen, feature, report))
    for_texts = choose_tokenizer([text]) if tokenizer == "auto" else tokenizer
    aligner = Aligner(path, align, report)
    tokens = _bounds(cas, _TOKEN)
    for number, (start, end) in enumerate(_sentences(cas, text, spans), 1):
        where = f"sentence {number}"
        inside = [(a - start, b - start, label) for a, b, label in spans if start <= a and b <= end]
        words = [(a - start, b - start) for a, b in tokens if start <= a and b <= end]
        part = text[start:end]
        try:
            if tokenizer != "characters" and _cover(part, words):
                moved = aligner.to_words(where, part, words, [(LabeledSpan(*span), True) for span in inside])
                spaces = [part[b : b + 1].isspace() for _, b in words]
                yield Sentence([part[a:b] for a, b in words], [span for span, _ in moved], where=where, spaces=spaces)
            else:
                yield sentence_from_text(where, part, inside, tokenizer=for_texts, lang=lang, aligner=aligner)
        except LownerError as error:
            on_error(error)


def _load(path: Path) -> Any:
    try:
        import cassis
    except ImportError:
        raise LownerError(Errors.LN178.format(package="dkpro-cassis", path=path)) from None
    try:
        data = path.read_bytes()
        if b"sofaString" not in data:
            raise ValueError("it has no text (sofaString)")
        if data.lstrip().startswith(b"{"):
            return cassis.load_cas_from_json(io.BytesIO(data), _json_types(cassis, data))
        schema = next((path.with_name(name) for name in TYPE_SYSTEMS if path.with_name(name).is_file()), None)
        if schema is None:
            types = cassis.load_dkpro_core_typesystem()
        else:
            types = cassis.load_typesystem(io.BytesIO(schema.read_bytes()))
        # Annotations of unknown types are dropped with a warning. The type of the entities is checked later.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return cassis.load_cas_from_xmi(io.BytesIO(_with_view(data)), typesystem=types, lenient=True)
    except OSError as error:
        read_lines(path)
        raise LownerError(Errors.LN019.format(path=path, reason=error.strerror or error)) from None
    except Exception as error:
        # cassis and lxml raise all kinds of errors for files that are not as they expect.
        hint = "" if path.suffix == ".json" else f"; put the export's {TYPE_SYSTEMS[0]} next to it"
        reason = str(error) if type(error) is ValueError else f"{type(error).__name__}: {error}"
        raise LownerError(Errors.LN177.format(path=path, reason=f"{reason[:200]}{hint}")) from error


def _with_view(data: bytes) -> bytes:
    """RETURNS (bytes): XMI with an index (`cas:View`) of its annotations. Exports by hand lack it."""
    if b"<cas:View" in data:
        return data
    from lxml import etree

    root = etree.fromstring(data, etree.XMLParser(resolve_entities=False, no_network=True))
    xmi, cas = root.nsmap.get("xmi"), root.nsmap.get("cas")
    members = [node.get(f"{{{xmi}}}id") for node in root if node.get("begin") is not None]
    sofa = next((node.get(f"{{{xmi}}}id") for node in root if node.get("sofaString") is not None), "")
    etree.SubElement(root, f"{{{cas}}}View", sofa=sofa, members=" ".join(filter(None, members)))
    return etree.tostring(root)


def _json_types(cassis: Any, data: bytes) -> Any:
    """RETURNS (Any): A type system with the types that a JSON file uses and does not declare, such as its metadata."""
    content = json.loads(data)
    types = cassis.TypeSystem()
    structures = content.get("%FEATURE_STRUCTURES") or []
    structures = structures.values() if isinstance(structures, dict) else structures
    for structure in structures:
        name = structure.get("%TYPE", "")
        if name in content.get("%TYPES", {}) or types.contains_type(name) or name.endswith("[]"):
            continue
        annotation = {"begin", "end"} <= set(structure)
        created = types.create_type(name, supertypeName="uima.tcas.Annotation" if annotation else "uima.cas.TOP")
        for feature in set(structure) - {"begin", "end"}:
            if not feature.startswith(("%", "@", "^", "#")):
                types.create_feature(created, feature, "uima.cas.String")
    return types


def _layer(path: Path, cas: Any, layer: Optional[str]) -> str:
    types = sorted({annotation.type.name for annotation in cas.select_all() if hasattr(annotation, "begin")})
    fitting = [name for name in types if name.endswith(layer or ENTITY_LAYER)]
    if not fitting and layer is None:
        fitting = [name for name in types if not name.startswith(_NO_ENTITIES)]
    if len(fitting) != 1:
        raise LownerError(Errors.LN176.format(path=path, names=", ".join(types) or "none"))
    return fitting[0]


def _spans(path: Path, cas: Any, layer: str, feature: str, report: ReadingReport) -> Iterator[Tuple[int, int, str]]:
    annotations = list(cas.select(layer))
    filled = Counter(
        one.name
        for annotation in annotations
        for one in annotation.type.all_features
        if isinstance(getattr(annotation, one.name, None), str) and getattr(annotation, one.name)
    )
    usual = [name for name in FEATURES if name in filled] or [name for name in filled if name != "identifier"]
    if feature and feature not in filled:
        names = ", ".join(filled) or "none with a value"
        example = next(iter(filled), "value")
        raise LownerError(Errors.LN180.format(path=path, layer=layer, names=names, example=example))
    if feature or (annotations and filled and (len(usual) == 1 or usual[0] in FEATURES)):
        feature = feature or usual[0]
    elif annotations:
        names = ", ".join(filled) or "none with a value"
        raise LownerError(Errors.LN180.format(path=path, layer=layer, names=names, example=next(iter(filled), "value")))
    for annotation in annotations:
        label = getattr(annotation, feature, None)
        begin, end = annotation.begin, annotation.end
        if not isinstance(begin, int) or not isinstance(end, int):
            raise LownerError(Errors.LN177.format(path=path, reason=f"an annotation from {begin!r} to {end!r}"))
        if label:
            yield begin, end, label
        else:
            report.changes[NO_TYPE] += 1


def _bounds(cas: Any, kind: str) -> List[Tuple[int, int]]:
    if not cas.typesystem.contains_type(kind):
        return []
    pairs = [(one.begin, one.end) for one in cas.select(kind)]
    return sorted((a, b) for a, b in pairs if isinstance(a, int) and isinstance(b, int) and a < b)


def _sentences(cas: Any, text: str, spans: List[Tuple[int, int, str]]) -> List[Tuple[int, int]]:
    """RETURNS (List[Tuple[int, int]]): The sentences, or the whole text if there are none, or some span crosses one."""
    sentences = _bounds(cas, _SENTENCE)
    held = all(any(start <= a and b <= end for start, end in sentences) for a, b, _ in spans)
    return sentences if sentences and held else [(0, len(text))]


def _cover(text: str, words: List[Tuple[int, int]]) -> bool:
    """RETURNS (bool): Whether words in order cover all of a text but its white space."""
    edges = [0, *(edge for word in words for edge in word), len(text)]
    return bool(words) and all(a <= b and not text[a:b].strip() for a, b in zip(edges[::2], edges[1::2]))


XMI = Format("xmi", "UIMA XMI (INCEpTION)", _evidence_xmi, read_cas)
CAS_JSON = Format("cas-json", "UIMA CAS JSON (INCEpTION)", _evidence_json, read_cas)
