"""Files that were once read wrongly in silence: each is read rightly, refused, or counted."""

import json
import zipfile

import pytest

from spacy_lowner.corpus.convert import ConvertReport, load_corpus
from spacy_lowner.corpus.docs import read_docs
from spacy_lowner.corpus.exports.table import export_corpus
from spacy_lowner.corpus.partial import PartialAnnotation, write_partial
from spacy_lowner.corpus.writers import write_corpus, write_shards
from spacy_lowner.errors import LownerError

TEXT = "Mira left Oslo"


@pytest.fixture
def read(tmp_path):
    """read(content, name, **options): the spans of each Doc as (text, label), and the report."""

    def read(content, name="a.jsonl", **options):
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf8")
        report = ConvertReport()
        docs = load_corpus(path, report=report, **options)
        return [[(span.text, span.label_) for span in doc.spans["sc"]] for doc in docs], report

    return read


def task(*spans, data=None, from_name="ner", to_name="text"):
    results = [
        {
            "type": "labels",
            "from_name": from_name,
            "to_name": to_name,
            "value": {"start": start, "end": end, "labels": [label], "text": text},
        }
        for start, end, label, text in spans
    ]
    return {"data": data or {"text": TEXT}, "annotations": [{"result": results}]}


def test_rows_of_json_min_without_an_annotation_are_skipped(read):
    span = {"start": 0, "end": 4, "text": "Mira", "labels": ["PER"]}
    rows = [
        {"id": 1, "text": TEXT, "ner": [span], "annotator": 1, "annotation_id": 1},
        {"id": 2, "text": "Ann sang", "annotator": None, "annotation_id": None},
    ]
    found, report = read(rows, "a.json")
    assert found == [[("Mira", "PER")]] and report.reading.changes["texts without annotation skipped"] == 1


def test_a_layer_that_is_not_there_is_refused(read):
    with pytest.raises(LownerError, match="LN176.*ner"):
        read([task((0, 4, "PER", "Mira"))], "a.json", layer="nosuch")


def test_the_text_of_a_task_fits_its_spans(read):
    data = {"title": "Oslo news", "body": TEXT}
    found, _ = read([task((10, 14, "LOC", "Oslo"), data=data, to_name="title")], "a.json")
    assert found == [[("Oslo", "LOC")]]
    both = {"text": "Mira sang", "body": TEXT}
    with pytest.raises(LownerError, match="not clear"):
        read([task((0, 4, "PER", "Mira"), data=both)], "a.json")


def test_two_questions_of_argilla_are_not_two_annotators(read):
    answers = {"ner": [{"value": [{"start": 0, "end": 4, "label": "PER"}]}], "topics": [{"value": []}]}
    record = {"fields": {"text": TEXT}, "responses": answers, "suggestions": {}}
    assert read(record)[0] == [[("Mira", "PER")]]
    answers["places"] = [{"value": [{"start": 10, "end": 14, "label": "LOC"}]}]
    with pytest.raises(LownerError, match="several questions.*layer"):
        read(record)
    assert read(record, layer="places")[0] == [[("Oslo", "LOC")]]


def test_quotes_in_a_table_of_words(read):
    found, _ = read('word\ttag\nMira\tB-PER\n"\tO\nOslo\tB-LOC\n"\tO\n\nleft\tO\n\n', "a.tsv")
    assert found == [[("Mira", "PER"), ("Oslo", "LOC")], []]
    with pytest.raises(LownerError, match="several lines"):
        read('sentence,word,tag\n1,Mira,B-PER\n,",O\n,left,O\n2,x",O\n', "a.csv")


def test_names_of_sentences_are_all_columns_of_names(read):
    found, _ = read("doc_id,sentence_id,word,tag\nd,1,Mira,B-PER\nd,1,left,O\nd,2,Oslo,B-LOC\nd,2,slept,O\n", "a.csv")
    assert found == [[("Mira", "PER")], [("Oslo", "LOC")]]
    with pytest.raises(LownerError, match="LN179"):
        read("id,word,tag\n1,Mira,B-PER\n2,left,O\n3,Oslo,B-LOC\n", "a.csv")


def test_spans_of_brat_that_touch_the_end_of_a_line(tmp_path):
    (tmp_path / "a.txt").write_text("\nMira left Oslo\nAne sang.\n")
    (tmp_path / "a.ann").write_text("T1\tLOC 11 16\tOslo \nT2\tPER 0 5\t Mira\nT3\tGo 6 10\tleft\nE1\tGo:T3\n")
    report = ConvertReport()
    docs = load_corpus(tmp_path / "a.ann", report=report)
    assert [[span.text for span in doc.spans["sc"]] for doc in docs] == [["Oslo", "Mira"], []]
    assert report.reading.changes["triggers of events ignored"] == 1


@pytest.mark.parametrize(
    "more",
    [
        "TRAIN_DATA += [('a', {'entities': []})]",
        "TRAIN_DATA.append(('a', {}))",
        "X = [('a', {'entities': [(0, 1, L)]})]",
    ],
)
def test_python_data_of_several_statements_is_refused(read, more):
    with pytest.raises(LownerError, match="LN189|LN175"):
        read(f"TRAIN_DATA = [('Mira', {{'entities': [(0, 4, 'PER')]}})]\n{more}\n", "a.py")


@pytest.mark.parametrize("span", [["Mira", 0, 4, "PER"], [0, 4, "Mira", "PER"]])
def test_lists_with_the_text_of_the_span_before_its_label(read, span):
    assert read({"text": TEXT, "spans": [span]})[0] == [[("Mira", "PER")]]


def test_comments_of_hipe_with_tabs(read):
    lines = [
        "TOKEN\tNE-COARSE-LIT\tMISC",
        "# language = fr\t\t",
        "Mira\tB-pers\t_",
        "# segment = x\t\t",
        "Toll\tI-pers\t_",
    ]
    found, report = read("\n".join(lines) + "\n", "a.tsv")
    assert found == [[("Mira Toll", "pers")]] and not report.reading.repaired_tags


@pytest.mark.parametrize("rows", [["d\tMira\tB-PER", "d\tleft\tO"], ["0\t4\tMira\tB-PER", "5\t9\tleft\tO"]])
def test_names_and_offsets_are_not_the_words(read, rows):
    content = "\n".join(rows) + "\n\n" + "\n".join(rows) + "\n"
    assert read(content, "a.tsv")[0] == [[("Mira", "PER")]] * 2


def test_chunks_are_not_entities(read):
    with pytest.raises(LownerError, match="LN187.*label_columns"):
        read("Confidence NN B-NP\nin IN B-PP\nthe DT B-NP\n", "a.txt")


def test_a_layer_that_begins_late_is_no_silent_loss(read, monkeypatch):
    monkeypatch.setattr("spacy_lowner.corpus.formats.columns.DETECTED_SENTENCES", 1)
    with pytest.raises(LownerError, match="LN005.*line 3.*column 3"):
        read("a B-X O\n\nb O B-Y\n", "a.txt")


@pytest.mark.parametrize(
    "content, name",
    [
        ("The dog [citation needed] barked\n[see Smith 2010] too\n", "a.txt"),
        ("See [the docs](https://x.y/z)\n", "a.txt"),
        ("This is <b>bold</b>.\n", "a.txt"),
        ("{{Infobox|name of thing}}\n", "a.txt"),
        ("- fly to [Zurich](to:zrh)\n", "nlu.md"),
        ("haus\thouse\nhund\tdog\nO\tO\nbaum\ttree\n", "words.tsv"),
    ],
)
def test_prose_is_no_corpus(read, content, name):
    with pytest.raises(LownerError, match="LN003"):
        read(content, name)


def test_brackets_and_elements_inside_mentions(read):
    assert read("[PER Mira [sic] Toll] left\n", "a.txt")[0] == [[("Mira [sic] Toll", "PER")]]
    assert read('<name subtype="city" type="LOC">Oslo</name> &amp; co\n', "b.txt")[0] == [[("Oslo", "LOC")]]


def test_tags_that_are_not_one_per_token_are_refused(read):
    with pytest.raises(LownerError, match="LN009.*tags"):
        read({"tokens": ["Mira", "left"], "ner_tags": []})
    with pytest.raises(LownerError, match="tags, and annotation under 'spans'"):
        read({"tokens": ["Mira"], "ner_tags": ["B-PER"], "spans": [[0, 1, "LOC"]]})


def test_annotators_of_prodigy(read):
    lines = [
        {"text": TEXT, "spans": [{"start": 0, "end": 4, "label": "PER"}], "_annotator_id": "set-ann", "_timestamp": 1},
        {"text": TEXT, "spans": [], "_annotator_id": "set-bob", "_timestamp": 2},
    ]
    content = "".join(json.dumps({**line, "answer": "accept"}) + "\n" for line in lines)
    assert read(content)[0] == [[]]
    assert read(content, annotator="ann")[0] == [[("Mira", "PER")]]
    with pytest.raises(LownerError, match="LN185.*ann.*bob"):
        read(content, annotator="nobody")


def test_options_without_effect_are_reported(read):
    with pytest.warns(UserWarning, match="LN122.*annotator.*columns"):
        read("Mira\tB-PER\nleft\tO\n", "a.tsv", annotator="ann")


def test_texts_are_tokenized_by_their_own_script(read):
    lines = [{"text": "李明在北京", "spans": [[0, 2, "PER"]]}, *[{"text": TEXT, "spans": [[0, 4, "PER"]]}] * 9]
    content = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    assert read(content)[0][0] == [("李明", "PER")]


def test_archives_are_named(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.txt", TEXT)
    with pytest.raises(LownerError, match="LN190.*Unpack"):
        load_corpus(tmp_path / "a.zip")


@pytest.mark.parametrize("suffix", [".bio", ".markup"])
def test_partial_annotation_is_not_written_as_complete(tmp_path, make_doc, suffix):
    doc = make_doc(TEXT, (0, 1, "PER"))
    write_partial(doc, [])
    with pytest.raises(LownerError, match="LN188"):
        write_corpus([doc], tmp_path / f"a{suffix}")


def test_failed_shards_leave_nothing(tmp_path, make_doc):
    def docs():
        yield make_doc(TEXT, (0, 1, "PER"))
        raise LownerError("bad")

    with pytest.raises(LownerError, match="bad"):
        write_shards(docs(), tmp_path / "out", 1)
    assert list(tmp_path.iterdir()) == []
    assert write_shards([make_doc(TEXT)] * 3, tmp_path / "out", 2) == 2
    assert len(list(read_docs(tmp_path / "out"))) == 3


def test_brat_is_not_written_into_a_folder_with_files(tmp_path, make_doc):
    export_corpus([make_doc(TEXT, (0, 1, "PER"))], tmp_path / "out", "brat")
    with pytest.raises(LownerError, match="LN029"):
        export_corpus([make_doc(TEXT)], tmp_path / "out", "brat")


def test_tags_of_conllu_that_are_not_read_are_counted(read):
    rows = [("1", "Mira", "NER=B-PER|Fine=B-ACTOR"), ("2-3", "del", "NER=B-LOC|SpaceAfter=No"), ("2", "de", "_")]
    rows += [("3", "el", "NER=O|Fine=O"), ("4", "Oslo", "NER=B-LOC|SpaceAfter=No")]
    content = "".join("\t".join([number, form, *"_" * 7, misc]) + "\n" for number, form, misc in rows)
    found, report = read(content, "a.conllu", format="conllu")
    assert found == [[("Mira", "PER"), ("Oslo", "LOC")]]
    changes = report.reading.changes
    assert changes["other tags of the same words ignored"] == 1 and changes["tags of combined tokens ignored"] == 1


@pytest.mark.parametrize(
    "content, name",
    [
        ("adenomatous\tB\npolyposis\tI\ncoli\tI\n.\tO\n", "a.tsv"),
        ("a B\nb I\nc E\nd O\ne S\n", "a.txt"),
        ({"tokens": ["Uni", "Oslo", "ist"], "ner_tags": ["B", "I", "O"]}, "a.jsonl"),
    ],
)
def test_tags_without_a_type_are_refused(read, content, name):
    with pytest.raises(LownerError, match="LN231.*B-GENE"):
        read(content, name)


@pytest.mark.parametrize(
    "tags",
    [
        "B:PER I:PER O B:LOC",
        "B.PER E.PER O S.LOC",
        "B/PER I/PER O B/LOC",
        "B–PER I–PER O B–LOC",
        "PER.B PER.I O LOC.B",
    ],
)
def test_letters_and_types_are_divided_in_many_ways(read, tags):
    words = ["Mira", "Toll", "in", "Oslo"]
    expected = [[("Mira Toll", "PER"), ("Oslo", "LOC")]]
    spans, _ = read("".join(f"{word}\t{tag}\n" for word, tag in zip(words, tags.split())), "a.tsv")
    assert spans == expected
    assert read({"tokens": words, "ner_tags": tags.split()})[0] == expected


def test_tags_of_hugging_face_may_be_types_alone(read):
    row = {"tokens": ["Uni", "Oslo", "ist"], "ner_tags": ["ORG", "ORG", "O"], "ner_tags_nested": ["O", "LOC", "O"]}
    spans, report = read({**row, "pos_tags": ["N", "N", "V"]})
    assert spans == [[("Uni Oslo", "ORG")]] and report.reading.scheme == "io"
    assert report.reading.changes["other tags of the same words ignored"] == 1
    with pytest.raises(LownerError, match="LN009.*NNP"):
        read({"tokens": ["Uni", "Oslo"], "tags": ["NNP", "VBD"]})


def test_a_sentence_may_be_a_list_of_words(read):
    words = ["Mira", "Toll", "sang"]
    assert read({"sentence": words, "tags": ["B-PER", "I-PER", "O"]})[0] == [[("Mira Toll", "PER")]]
    assert read({"sentence": words, "spans": [[0, 2, "PER"]]})[0] == [[("Mira Toll", "PER")]]


def test_answers_to_single_spans_of_prodigy(tmp_path):
    spans = [
        {"start": 0, "end": 4, "label": "PER", "answer": "accept"},
        {"start": 5, "end": 9, "label": "PER", "answer": "reject"},
        {"start": 10, "end": 14, "label": "LOC", "answer": "ignore"},
    ]
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"text": TEXT, "_input_hash": 5, "_task_hash": 6, "spans": spans, "answer": "accept"}))
    report = ConvertReport()
    (doc,) = load_corpus(path, report=report)
    assert [(span.text, span.label_) for span in doc.spans["sc"]] == [("Mira", "PER")]
    assert PartialAnnotation.of(doc) == PartialAnnotation([], [(1, 2, "PER")])
    assert report.reading.changes["spans skipped because their answer is ignore"] == 1


def test_annotators_and_reviews_of_lighttag(read):
    def example(*spans):
        return {"examples": [{"content": TEXT, "annotations": list(spans)}]}

    def span(end, tag, name, correct=None):
        people = [{"annotator": name, "annotator_id": 1, "timestamp": f"2026-01-0{end}"}]
        return {"start": 0, "end": end, "tag": tag, "value": TEXT[:end], "annotated_by": people, "correct": correct}

    spans, report = read(example(span(4, "PER", "a"), span(9, "ORG", "b")), "a.json")
    assert spans == [[("Mira left", "ORG")]]
    assert report.reading.changes["texts with several annotators, whose newest annotation is read"] == 1
    assert read(example(span(4, "PER", "a"), span(9, "ORG", "b")), "a.json", annotator="a")[0] == [[("Mira", "PER")]]
    spans, report = read(example(span(4, "PER", "a", True), span(9, "ORG", "b", False)), "a.json")
    assert spans == [[("Mira", "PER")]]
    assert report.reading.changes["spans that a review has marked as wrong, dropped"] == 1


@pytest.mark.parametrize(
    "table",
    [
        "id,word,tag\n1,Mira,B-PER\n2,Toll,I-PER\n3,sang,O\n1,Oslo,B-LOC\n2,is,O\n",
        "id;word;tag\n0;Mira;B-PER\n1;Toll;I-PER\n2;sang;O\n0;Oslo;B-LOC\n1;is;O\n",
        "id,sentence_id,word,tag\n1,1,Mira,B-PER\n2,1,Toll,I-PER\n3,1,sang,O\n4,2,Oslo,B-LOC\n5,2,is,O\n",
        "doc_id,id,word,tag\nd,1,Mira,B-PER\nd,2,Toll,I-PER\nd,3,sang,O\nd,1,Oslo,B-LOC\nd,2,is,O\n",
        "Sentence #,Word,Tag\nSentence: 1,Mira,B-PER\n,Toll,I-PER\nSentence: 2,Oslo,B-LOC\n",
        'text,labels\n"Mira Toll sang","B-PER I-PER O"\n"Oslo is","B-LOC O"\n',
        "text,labels\nMira Toll sang,B-PER I-PER O\nOslo is,B-LOC O\n",
        'sentence,word_labels\nMira Toll sang,"B-PER,I-PER,O"\nOslo is,"B-LOC,O"\n',
    ],
)
def test_sentences_of_tables(read, table):
    assert read(table, "a.csv")[0] == [[("Mira Toll", "PER")], [("Oslo", "LOC")]]


@pytest.mark.parametrize("name", ["Sentence: ", "w", ""])
def test_a_name_in_each_row_of_a_table_is_no_sentence(read, name):
    with pytest.raises(LownerError, match="LN179"):
        read(f"id,word,tag\n{name}1,a,O\n{name}2,b,O\n{name}3,c,B-PER\n", "a.csv")


def test_accents_of_a_span_may_be_written_in_two_ways(read):
    span = {"start": 0, "end": 5, "label": "PER", "text": "Ren\u00e9"}
    assert read({"text": "Rene\u0301 sang", "spans": [span]})[0] == [[("Rene\u0301", "PER")]]


@pytest.mark.parametrize("encoding", ["utf-16-be", "utf-32"])
def test_other_encodings_are_named(tmp_path, encoding):
    (tmp_path / "a.txt").write_bytes("Mira\tB-PER\nleft\tO\n".encode(encoding))
    with pytest.raises(LownerError, match="LN002.*NUL"):
        load_corpus(tmp_path / "a.txt")


def test_spans_of_several_controls_of_label_studio_are_counted(read):
    one, other = task((0, 4, "PER", "Mira")), task((10, 14, "LOC", "Oslo"), from_name="places")
    one["annotations"][0]["result"] += other["annotations"][0]["result"]
    counted = "texts with spans of several controls, which are all read (name one with layer)"
    spans, report = read([one], "a.json")
    assert len(spans[0]) == 2 and report.reading.changes[counted] == 1
    spans, report = read([one], "a.json", layer="ner")
    assert spans == [[("Mira", "PER")]] and not report.reading.changes[counted]


def test_spans_under_two_keys_of_ubiai_are_refused(read):
    span = {"start": 0, "end": 4, "entityLabel": "PER", "text": "Mira"}
    with pytest.raises(LownerError, match="LN009.*annotation"):
        read([{"document": TEXT, "tokens": [span], "annotation": [{**span, "label": "LOC"}]}], "a.json")
