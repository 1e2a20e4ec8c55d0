"""Files for annotation tools: reading back what was exported gives the same spans."""

import json

import numpy
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc, Span, SpanGroup
from spacy.vocab import Vocab

from spacy_lowner.corpus.convert import load_corpus
from spacy_lowner.corpus.exports.protocol import ExportOptions
from spacy_lowner.corpus.exports.table import EXPORTERS, export_corpus
from spacy_lowner.errors import LownerError

NESTED = ("label-studio", "doccano", "prodigy", "argilla", "brat", "webanno", "jsonl")
FLAT = ("conll", "conllu")
# Words of several scripts, with characters of two UTF-16 code units, combining marks and signs of the formats.
WORDS = [
    "Ada",
    "é",
    "🙂",
    "👩\u200d🚀",
    "上",
    "e\u0301",
    "[x]",
    "a|b",
    "a_b",
    "*",
    "\\",
    "->",
    "#",
    '"',
    "T1",
    "O",
    "B-PER",
    "&amp;",
]
SPACES = [" ", "", "\n", "\r\n", "  "]


@st.composite
def docs(draw, spaces=SPACES, nested=True):
    """A Doc of words that are separated by any white space, with spans that may nest and cross."""
    words, spaced = [], []
    for word in draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=8)):
        space = draw(st.sampled_from(spaces))
        words.append(word)
        spaced.append(space.startswith(" "))
        rest = space.removeprefix(" ")
        if rest:
            words.append(rest)
            spaced.append(False)
    doc = Doc(Vocab(), words=words, spaces=spaced)
    solid = [i for i, word in enumerate(words) if not word.isspace()]
    pairs = st.tuples(st.sampled_from(solid), st.sampled_from(solid), st.sampled_from(["PER", "ORG-a", "LOC_b"]))
    spans = {(min(a, b), max(a, b) + 1, label) for a, b, label in draw(st.lists(pairs, max_size=5 if nested else 1))}
    doc.spans["sc"] = [Span(doc, start, end, label=label) for start, end, label in sorted(spans)]
    return doc


def written(path, doc, format, **options):
    """The texts and spans of a Doc after export and reading, by their characters without white space."""
    exporter = EXPORTERS[format]
    target = path / f"out{exporter.suffix}"
    export_corpus([doc], target, format, options=ExportOptions(gold=True, **options))
    # Spans of Argilla have offsets only, no text. In a text of words without spaces between them, these can be mistaken
    # for UTF-16 units.
    unit = {"offsets": "characters"} if format == "argilla" else {}
    return load_corpus(target, format=format_name(format), tokenizer="characters", unannotated=True, **unit)


def format_name(format):
    return {"conll": "columns", "jsonl": "records"}.get(format, "auto" if format in ("brat", "conllu") else format)


def solid_spans(docs):
    """Spans by the characters before and inside them that are not white space, so that white space may differ."""
    spans, before = [], 0
    for doc in docs:
        count = [before]
        for char in doc.text:
            count.append(count[-1] + (not char.isspace()))
        before = count[-1]
        spans += [(count[one.start_char], count[one.end_char], one.label_) for one in doc.spans["sc"]]
    return sorted(spans)


@pytest.mark.parametrize("format", NESTED)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(doc=docs())
def test_exported_spans_are_read_back(tmp_path_factory, format, doc):
    folder = tmp_path_factory.mktemp("export")
    assert solid_spans(written(folder, doc, format)) == solid_spans([doc])


@pytest.mark.parametrize("format", FLAT)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(doc=docs(spaces=[" ", ""], nested=False))
def test_exported_columns_are_read_back(tmp_path_factory, format, doc):
    if format == "conll" and not doc.spans["sc"]:
        # A column of "O" alone has a scheme, but no format that could be detected.
        doc.spans["sc"] = [Span(doc, 0, 1, label="PER")]
    folder = tmp_path_factory.mktemp("export")
    assert solid_spans(written(folder, doc, format)) == solid_spans([doc])


@pytest.fixture
def predicted(nlp):
    doc = nlp.make_doc("🙂 Ada Lovelace left\r\nNew York")
    spans = [Span(doc, 1, 3, "PER"), Span(doc, 1, 2, "FIRST"), Span(doc, 5, 7, "LOC")]
    doc.spans["sc"] = SpanGroup(doc, name="sc", spans=spans, attrs={"scores": numpy.asarray([0.9, 0.25, 0.5], "f")})
    return doc


def test_label_studio_predictions_have_scores_and_a_version(tmp_path, predicted):
    out = tmp_path / "tasks.json"
    written = export_corpus([predicted], out, "label-studio", options=ExportOptions(model_version="v7"))
    ((task,),) = [json.loads(out.read_text())]
    (prediction,) = task["predictions"]
    assert (prediction["model_version"], prediction["score"]) == ("v7", 0.25)
    assert [one["score"] for one in prediction["result"]] == [pytest.approx(score) for score in (0.9, 0.25, 0.5)]
    assert prediction["result"][0]["value"] == {"start": 2, "end": 14, "text": "Ada Lovelace", "labels": ["PER"]}
    assert [path.name for path in written] == ["tasks.json", "tasks.labels.xml"]
    assert '<Label value="FIRST"' in written[1].read_text()
    # Predictions are not gold.
    with pytest.raises(LownerError, match="LN171.*predictions"):
        load_corpus(out)


def test_doccano_offsets_are_utf16(tmp_path, predicted):
    export_corpus([predicted], tmp_path / "a.jsonl", "doccano")
    assert json.loads((tmp_path / "a.jsonl").read_text())["label"][0] == [3, 15, "PER"]


def test_argilla_suggestions(tmp_path, predicted):
    export_corpus([predicted], tmp_path / "a.jsonl", "argilla", options=ExportOptions(control="ents"))
    record = json.loads((tmp_path / "a.jsonl").read_text())
    assert record["suggestions"]["ents"]["agent"] == "spacy-lowner"
    assert record["suggestions"]["ents"]["score"] == [pytest.approx(one) for one in (0.9, 0.25, 0.5)]


def test_brat_writes_pieces_per_line_and_types(tmp_path, nlp):
    doc = nlp.make_doc("in New\nYork")
    doc.spans["sc"] = [Span(doc, 1, 4, "my type")]
    export_corpus([doc], tmp_path / "out", "brat")
    assert (tmp_path / "out" / "000001.ann").read_text() == "T1\tmy_type 3 6;7 11\tNew York\n"
    assert "my_type\n" in (tmp_path / "out" / "annotation.conf").read_text()
    doc.spans["sc"].append(Span(doc, 1, 2, "my-type"))
    doc.spans["sc"].append(Span(doc, 1, 2, "my/type"))
    with pytest.raises(LownerError, match="LN181.*my_type"):
        export_corpus([doc], tmp_path / "out2", "brat")


def test_overlaps_in_columns_are_an_error_or_dropped(tmp_path, predicted):
    with pytest.raises(LownerError, match="LN016"):
        export_corpus([without_lines(predicted)], tmp_path / "a.conll", "conll")
    dropping = ExportOptions(overlaps="drop")
    export_corpus([without_lines(predicted)], tmp_path / "a.conll", "conll", options=dropping)
    assert "Ada\tB-PER\nLovelace\tI-PER\n" in (tmp_path / "a.conll").read_text()


def without_lines(doc):
    words = [token.text for token in doc if not token.is_space]
    plain = Doc(doc.vocab, words=words)
    plain.spans["sc"] = [Span(plain, 1, 3, "PER"), Span(plain, 1, 2, "FIRST")]
    return plain


@pytest.mark.parametrize("name, format", [("a.json", "doccano"), ("a.jsonl", "label-studio"), ("a.txt", "brat")])
def test_suffix_of_an_export_is_that_of_its_format(tmp_path, predicted, name, format):
    with pytest.raises(LownerError, match="LN014.*suffix"):
        export_corpus([predicted], tmp_path / name, format)


def test_unknown_format_of_an_export(tmp_path, predicted):
    with pytest.raises(LownerError, match="LN014.*format"):
        export_corpus([predicted], tmp_path / "a.json", "word")
