"""Public research corpora, where LOWNER_DATA names a folder that holds them: every format with all its quirks."""

import os
from pathlib import Path

import pytest

from spacy_lowner.corpus.convert import ConvertReport, load_corpus
from spacy_lowner.corpus.docs import from_doc
from spacy_lowner.corpus.writers import write_corpus

DATA = Path(os.environ.get("LOWNER_DATA", "no folder"))
# File, format, scheme, sentences, spans, types, mends.
CORPORA = [
    ("atis/atis.test.w-intent.iob", "intents", "bio", 893, 2837, 69, 0),
    ("cmeee/CMeEE-V2_dev.json", "records", "", 5000, 26081, 9, 0),
    ("conll2003/test.txt", "columns", "bio", 3453, 5628, 4, 0),
    ("conllpp/conllpp_test.txt", "columns", "bio", 3453, 5702, 4, 0),
    ("crossner/ai/test.txt", "columns", "bio", 431, 1809, 14, 0),
    ("genia_nested/dev.jsonlines", "records", "", 1765, 4714, 5, 0),
    ("mit_movie/trivia10k13test.bio.txt", "columns", "bio", 1953, 5686, 12, 0),
    ("mit_restaurant/test.txt", "columns", "bio", 1521, 3151, 8, 0),
    ("resume/train.char.bmes", "columns", "bmes", 3821, 13440, 8, 4),
    ("stockmark_ja/ner.json", "records", "", 5343, 13185, 8, 0),
    ("taobao/test.txt", "columns", "bio", 1000, 4866, 4, 0),
    ("technews/test.txt", "columns", "bio", 2000, 2824, 4, 4),
    ("twitter2017/test.txt", "columns", "bio", 723, 1351, 4, 0),
    ("weibo_bmes/test.char.bmes", "columns", "bioes", 270, 418, 8, 4),
    ("youku/test.txt", "columns", "bio", 1001, 1570, 3, 0),
]


@pytest.mark.external
@pytest.mark.parametrize(
    "name, format, scheme, sentences, spans, types, mends", CORPORA, ids=[row[0] for row in CORPORA]
)
def test_read_and_round_trip(tmp_path, name, format, scheme, sentences, spans, types, mends):
    if not (DATA / name).is_file():
        pytest.skip(f"LOWNER_DATA has no {name}")
    report = ConvertReport()
    docs = load_corpus(DATA / name, report=report)
    found = (report.format, report.reading.scheme, report.sentences, sum(report.spans.values()), len(report.spans))
    assert found == (format, scheme, sentences, spans, types) and report.reading.repaired_tags == mends
    write_corpus(docs, tmp_path / "again.jsonl")
    again = load_corpus(tmp_path / "again.jsonl")
    assert [(s.words, s.spans) for s in map(from_doc, again)] == [(s.words, s.spans) for s in map(from_doc, docs)]
