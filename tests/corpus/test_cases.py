"""Small files as annotation tools and public corpora write them: each is read rightly, or refused by a clear error.

The files are not part of this repository. The table says what each must give.
"""

from pathlib import Path

import pytest

from spacy_lowner.corpus.convert import ConvertReport, load_corpus
from spacy_lowner.errors import LownerError

CASES = Path(__file__).resolve().parents[3] / "shared" / "cases"
MIRA, LABS, OSLO = ("Mira Toll", "PER"), ("Norvik Labs", "ORG"), ("Oslo", "LOC")
ALL = [MIRA, LABS, OSLO]
LOWER = [(text, label.lower()) for text, label in ALL]
# File: format, and the spans of each sentence or the start of the message.
TABLE = {
    "formats/argilla.jsonl": ("argilla-1", [ALL]),
    "formats/bios_sentence_field.json": ("records", [[MIRA]]),
    "formats/bom_crlf.tsv": ("columns", [ALL]),
    "formats/bracket_inline.txt": ("brackets", [ALL]),
    "formats/brat.ann": ("brat", [[MIRA, LABS]]),
    "formats/brat.txt": ("brat", [[MIRA, LABS]]),
    "formats/cas.json": ("cas-json", "LN177.*it has no text"),
    "formats/cas.xmi": ("xmi", [[MIRA]]),
    "formats/cluener.json": ("cluener", [[("叶老桂", "name"), ("浙商银行", "company")]]),
    "formats/conf_col.tsv": ("columns", [ALL]),
    "formats/conll2012.gold_conll": ("conll2012", [[("Mira Toll", "PERSON"), LABS, ("Oslo", "GPE")]]),
    "formats/conll_semicolon_tag_no_prefix.tsv": ("columns", [ALL]),
    "formats/conllu_misc_name.conllu": ("conllu", [ALL]),
    "formats/conllu_misc_plain.conllu": ("columns", [ALL]),
    "formats/cr_only.tsv": ("columns", [ALL]),
    "formats/dataturks.json": ("dataturks", [ALL]),
    "formats/doccano_data.jsonl": ("doccano", [ALL]),
    "formats/doccano_label.jsonl": ("doccano", [ALL]),
    "formats/doccano_rel.jsonl": ("doccano", [ALL]),
    "formats/doccano_seq2seq_label_str.jsonl": ("records", "LN009.*not a list of spans"),
    "formats/germeval.tsv": ("columns", [[*ALL, ("Norvik", "LOC")]]),
    "formats/gliner.json": ("gliner", [[("Mira Toll", "person"), ("Norvik Labs", "org"), ("Oslo", "loc")]]),
    "formats/gliner2.jsonl": ("gliner2", [[("Mira Toll", "person"), ("Norvik Labs", "org")]]),
    "formats/hf_labels.jsonl": ("hugging-face", [ALL]),
    "formats/hf_ner.jsonl": ("hugging-face", [ALL]),
    "formats/hf_nertags.jsonl": ("hugging-face", [ALL]),
    "formats/html_inline.txt": ("xml-tags", [ALL]),
    "formats/ix_space.txt": ("columns", [ALL]),
    "formats/kaggle.csv": ("csv", [[("Mira Toll", "per")]]),
    "formats/lower_tags.tsv": ("columns", [LOWER]),
    "formats/ls_conll.conll": ("columns", [ALL]),
    "formats/ls_full.json": ("label-studio", [ALL]),
    "formats/ls_min.json": ("label-studio-min", [ALL]),
    "formats/mit_label_first.bio": ("columns", [ALL]),
    "formats/mrc_ner.json": ("mrc", [[MIRA]]),
    "formats/ner_annotator.json": ("ner-annotator", [ALL]),
    "formats/pipe_inline.txt": ("pipes", [ALL, ALL]),
    "formats/prodigy_accept.jsonl": ("prodigy", [ALL]),
    "formats/prodigy_binary.jsonl": ("prodigy", [[LABS]]),
    "formats/prodigy_mixed.jsonl": ("prodigy", [ALL, [MIRA]]),
    "formats/slash_inline.txt": ("slashes", [ALL, ALL]),
    "formats/spacy2_cli.json": ("spacy2", [[MIRA]]),
    "formats/spacy2_train.json": ("records", [ALL]),
    "formats/spacy2_train.py": ("python", [ALL, [MIRA]]),
    "formats/spacy3_doc_to_json.json": ("records", [ALL]),
    "formats/spacy3_doc_to_json.jsonl": ("records", [ALL]),
    "formats/text_annotation_some.jsonl": ("records", [[MIRA], ALL]),
    "formats/text_annotations.jsonl": ("records", [ALL]),
    "formats/underscore_tags.tsv": ("columns", [ALL]),
    "formats/utf16.jsonl": ("doccano", [ALL]),
    "formats/webanno_bio.tsv": ("webanno", [ALL]),
    "ties/argilla_tokens_charoffsets.jsonl": ("records", [[("Bo", "PER")]]),
    "ties/hash_tokens.tsv": ("columns", [[("Mira", "PER")], [("# Oslo", "LOC")]]),
    "ties/iob_docstart_tab.tsv": ("columns", [[MIRA]]),
    "ties/multiconer.conll": ("columns", [[("mira toll", "PER")], [("oslo", "LOC")]]),
    "ties/nested_cols.tsv": ("columns", [[("FC Kickers Darmstadt", "ORG"), ("Darmstadt", "LOC")]]),
    "ties/padded.txt": ("columns", [[("EU", "ORG")]]),
    "ties/prodigy_reject_only_field.jsonl": ("prodigy", [[MIRA]]),
    "ties/prodigy_wordpiece.jsonl": ("records", [[("believable", "ADJ")]]),
    "ties/space_in_token.conll": ("columns", "LN167.*line 1: 4 columns"),
    "ties/windows1252.tsv": ("columns", "LN002.*not utf8.*encoding"),
    "ties/wnut_emptytoken.tsv": ("columns", [[("Mira", "PER"), ("Toll", "PER")]]),
}
pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="the folder of cases is not here")


@pytest.mark.parametrize("name", TABLE)
def test_cases_are_read_or_refused(name):
    format, expected = TABLE[name]
    report = ConvertReport()
    if isinstance(expected, str):
        with pytest.raises(LownerError, match=expected):
            load_corpus(CASES / name, report=report)
    else:
        docs = load_corpus(CASES / name, report=report)
        assert [[(span.text, span.label_) for span in doc.spans["sc"]] for doc in docs] == expected
        assert report.format == format


def test_table_names_every_case():
    files = {f"{folder}/{path.name}" for folder in ("formats", "ties") for path in (CASES / folder).iterdir()}
    assert files == set(TABLE)


@pytest.mark.parametrize("folder", ["offsets", "hostile"])
def test_hostile_cases_end_in_docs_or_a_coded_error(folder):
    for path in sorted((CASES / folder).iterdir()):
        try:
            assert load_corpus(path)
        except LownerError as error:
            assert error.code, path


def test_rejected_span_is_kept_as_judgement():
    (doc,) = load_corpus(CASES / "formats" / "prodigy_binary.jsonl")
    assert doc.user_data["lowner_partial"] == {"labels": [], "rejected": [[0, 2, "PER"]]}
