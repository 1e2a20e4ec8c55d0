"""A damaged corpus is read, or refused with a coded message; nothing else happens to whoever reads it."""

import base64
import json
import random
import warnings
from pathlib import Path

import pytest
import spacy
from spacy.tokens import Doc, DocBin, Span

from spacy_lowner.corpus.convert import load_corpus
from spacy_lowner.corpus.docs import write_docs
from spacy_lowner.corpus.statistics import describe_corpus
from spacy_lowner.corpus.writers import write_corpus
from spacy_lowner.errors import LownerError

pytestmark = pytest.mark.attack

TEXTS = {
    "a.jsonl": (
        '{"text": "Mira Toll joined Norvik Labs in Oslo.", '
        '"spans": [{"start": 0, "end": 9, "label": "PER", "text": "Mira Toll"}]}\n'
        '{"tokens": ["New", "York"], "spaces": [true, false], "spans": [[0, 2, "LOC"]], "categories": {"a": 1.0}, '
        '"extensions": [[0, 1, "ADJ"]], "extensions_source": {"from": "nltk", "labels": {"pos": ["ADJ"]}}, '
        '"lowner_weight": 0.5, '
        '"context": {"lowner_reasoning": {"initial": "x"}}}\n'
    ),
    "b.json": (
        '[["Rome is old", {"entities": [[0, 4, "city"], [8, 11, "age"]]}], '
        '{"text": "Oslo \\ud83c\\udf89", "entities": []}]\n'
    ),
    "c.txt": (
        "-DOCSTART- -X- -X- O\n\nEU NNP B-NP B-ORG\nrejects VBZ B-VP O\n\nNew NNP B-NP I-LOC\nYork NNP I-NP I-LOC\n"
    ),
    "d.tsv": "1\tFC\tB-ORG\tO\n2\tDarmstadt\tI-ORG\tB-LOC\n\n1\twon\tO\tO\n",
    "e.iob": "BOS fly to new york EOS\tO O O B-city I-city flight#price\n",
    "f.markup": "[Ada [Lovelace](LAST)](PER) wrote in \\[London\\] to [Charles](PER).\n# a comment\nnothing\n",
    "g.bmes": "北 B-LOC\n京 E-LOC\n很 O\n大 O\n",
}
OUTPUTS = (".spacy", ".jsonl", ".bio", ".markup")
INSERTED = [
    b"[",
    b"{",
    b'"',
    b"\\",
    b"\x00",
    b"\xff",
    b"\n",
    b"\t",
    b"9" * 30,
    b"[" * 300,
    b"-1",
    b"null",
    b"true",
    b"1e999",
    b"NaN",
]
ROUNDS = 60


def docbin():
    nlp = spacy.blank("en")
    docs = []
    for text, spans in (
        ("Mira Toll joined Norvik Labs", [(0, 2, "PER"), (3, 5, "ORG")]),
        ("Oslo", [(0, 1, "LOC")]),
        ("", []),
    ):
        doc = nlp.make_doc(text)
        doc.spans["sc"] = [Span(doc, *span) for span in spans]
        doc.set_ents(list(doc.spans["sc"]), default="outside")
        doc.cats = {"a": 1.0}
        doc.user_data["lowner_weight"] = 0.5
        docs.append(doc)
    return docs


def mutate(data, draw):
    """One to three damages: a byte changed, a stretch deleted, doubled or cut off, something inserted."""
    data = bytearray(data)
    for _ in range(draw.randint(1, 3)):
        start = draw.randrange(len(data) + 1)
        end = min(len(data), start + draw.randint(1, 12))
        kind = draw.randrange(5)
        if kind == 0 and start < len(data):
            data[start] = draw.randrange(256)
        elif kind == 1:
            del data[start:end]
        elif kind == 2:
            data[start:start] = data[start:end]
        elif kind == 3 and draw.random() < 0.3:
            del data[start:]
        else:
            data[start:start] = draw.choice(INSERTED)
    return bytes(data)


def use(path, folder, **options):
    """Read a file and do with it what commands do. RETURNS (bool): Whether it could be read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            docs = load_corpus(path, **options)
        except LownerError as error:
            assert str(path) in str(error) or "Unknown" in str(error)
            return False
        describe_corpus(docs)
        for suffix in OUTPUTS:
            output = folder / f"out{suffix}"
            try:
                write_corpus(docs, output, overlaps="drop")
            except LownerError:
                continue
            if suffix in (".spacy", ".jsonl"):
                again = load_corpus(output)
                assert [[(s.start, s.end, s.label_) for s in doc.spans["sc"]] for doc in again] == [
                    [(s.start, s.end, s.label_) for s in doc.spans["sc"]] for doc in docs
                ]
        return True


@pytest.mark.parametrize("name", TEXTS)
def test_mutated_text(name, tmp_path):
    draw = random.Random(name)
    path = tmp_path / name
    original = TEXTS[name].encode("utf8")
    path.write_bytes(original)
    assert use(path, tmp_path)
    read = 0
    for number in range(ROUNDS):
        path.write_bytes(mutate(original, draw))
        read += use(path, tmp_path, skip_invalid=bool(number % 2))
    # Damages that only change words must not be refused, or the test would test nothing.
    assert 0 < read < ROUNDS


def test_mutated_files_of_tools(tmp_path):
    """One file of each case is damaged. The others of the case, such as a type system, stay whole."""
    draw = random.Random(0)
    lines = (Path(__file__).parents[1] / "data" / "formats.jsonl").read_text(encoding="utf8").splitlines()
    read = 0
    for number, line in enumerate(lines * 5):
        case = json.loads(line)
        target = draw.choice(list(case["files"]))
        for name, content in case["files"].items():
            path = tmp_path / str(number) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            data = content.encode("utf8") if isinstance(content, str) else base64.b64decode(content["base64"])
            path.write_bytes(mutate(data, draw) if name == target else data)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                load_corpus(tmp_path / str(number) / case["input"], **case.get("options", {}))
                read += 1
            except LownerError as error:
                assert error.code, case["name"]
    assert 0 < read < 5 * len(lines)


def test_mutated_docbin(tmp_path):
    import zlib

    draw = random.Random(0)
    path = tmp_path / "a.spacy"
    write_docs(docbin(), path)
    assert use(path, tmp_path)
    original = path.read_bytes()
    unpacked = zlib.decompress(original)
    refused = 0
    for number in range(4 * ROUNDS):
        # Half of the damages are behind the compression, where its checksum does not find them.
        path.write_bytes(mutate(original, draw) if number % 2 else zlib.compress(mutate(unpacked, draw)))
        refused += not use(path, tmp_path)
    assert refused > ROUNDS


def test_folder_with_a_damaged_docbin(tmp_path):
    write_docs(docbin(), tmp_path / "in" / "a.spacy")
    (tmp_path / "in" / "b.spacy").write_bytes((tmp_path / "in" / "a.spacy").read_bytes()[:-20])
    with pytest.raises(LownerError, match="LN015.*b.spacy"):
        from spacy_lowner.corpus.docs import read_docs

        list(read_docs(tmp_path / "in"))


def test_docbin_of_other_attributes(tmp_path):
    """One that somebody made without spaces or entities is read."""
    for attrs in (["ORTH"], ["ORTH", "LEMMA"], ["ORTH", "SPACY", "ENT_IOB"]):
        doc = Doc(spacy.blank("en").vocab, words=["Ada", "sang"])
        DocBin(attrs=attrs, docs=[doc]).to_disk(tmp_path / "a.spacy")
        assert use(tmp_path / "a.spacy", tmp_path)
