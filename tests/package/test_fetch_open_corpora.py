"""The script that fetches corpora with open licences: each format of the originals, and fetching by git."""

import importlib.util
import json
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest
import srsly

from spacy_lowner.errors import LownerError
from spacy_lowner.source.corpora import read_corpus

ROOT = Path(__file__).resolve().parents[2]
SPEC = importlib.util.spec_from_file_location("fetch_open_corpora", ROOT / "scripts" / "fetch_open_corpora.py")
script = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(script)

ASSETS = ROOT / "assets" / "open"
LICENCES = srsly.read_json(ASSETS / "licences.json")
TYPES = srsly.read_json(ASSETS / "types.json")


def written(folder, files):
    """RETURNS (List[Path]): Files with these contents, by name."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf8"))
    return [folder / name for name in files]


def converted(folder, corpus, files, types=None):
    """RETURNS (list): Text and mentions of each sentence."""
    records = script.convert(corpus, written(folder, files), types or TYPES[corpus])
    return [(" ".join(r["tokens"]), [(" ".join(r["tokens"][a:b]), t) for a, b, t in r["spans"]]) for r in records]


COLUMNS = {
    "fewnerd_inter_dev": (
        "Mira\tperson-other\nVale\tperson-other\nplayed\tO\n\nOm\tperson-other\n",
        [("Mira Vale played", [("Mira Vale", "person-other")]), ("Om", [("Om", "person-other")])],
    ),
    "uner_ewt": (
        "# sent_id = 1\n# text = Mira left Olm\n1\tMira\tB-PER\t-\tab\n2\tleft\tO\t-\t-\n3\tOlm\tB-LOC\t-\tab\n",
        [("Mira left Olm", [("Mira", "PER"), ("Olm", "LOC")])],
    ),
    "wnut17": (
        "#\tO\nOlm\tB-location\nCity\tI-location\n\t\nhi\tO\n",
        [("# Olm City", [("Olm City", "location")]), ("hi", [])],
    ),
    "broad_twitter": (
        "Mira\tB-per\nVale\tI-per\n\n@\tB-PER\nom\tB-PER\n",
        [("Mira Vale", [("Mira Vale", "PER")]), ("@ om", [("@", "PER"), ("om", "PER")])],
    ),
    "litbank": (
        "the\tB-PER\tO\tO\tO\t\nbaker\tI-PER\tO\tO\tO\t\nof\tI-PER\tO\tO\tO\t\nOlm\tI-PER\tB-GPE\tO\tO\t\n\n"
        "ran\tO\tO\tO\tO\t\n",
        [("the baker of Olm", [("the baker of Olm", "PER"), ("Olm", "GPE")]), ("ran", [])],
    ),
    "bionlp13pc": (
        "Abc1\tB-Gene_or_gene_product\nbinds\tO\n",
        [("Abc1 binds", [("Abc1", "Gene_or_gene_product")])],
    ),
    "anem": (
        "Two\t0\t3\tO\nskin\t4\t8\tB-Cell\ncells\t9\t14\tI-Cell\n",
        [("Two skin cells", [("skin cells", "Cell")])],
    ),
    "annoctr": (
        "They\tO\tO\tO\tO\tO\tO\nuse\tO\tO\tO\tO\tB-TECHNIQUE\tO\nfoobot\tO\tO\tO\tB-MALWARE\tI-TECHNIQUE\tB-MALWARE\n\n"
        "Foo\tB-ORG\tO\tO\tO\tO\tB-ORG\n",
        [
            ("They use foobot", [("use foobot", "TECHNIQUE"), ("foobot", "MALWARE")]),
            ("Foo", [("Foo", "ORG")]),
        ],
    ),
    "job_skills": (
        "Good O \nat O \nplain B-Skill \nwriting I-Skill \n\n\nHello O \n",
        [("Good at plain writing", [("plain writing", "Skill")]), ("Hello", [])],
    ),
    "bgs_geo": (
        "the\tO\nOlm\tLEXICON\nFormation\tLEXICON\n\tO\n",
        [("the Olm Formation", [("Olm Formation", "LEXICON")])],
    ),
    "idrisi": (
        "# O\nflood O\nin O\nNew B-CITY\nOlm L-CITY\nHaven U-CTRY\n",
        [("# flood in New Olm Haven", [("New Olm", "CITY"), ("Haven", "CTRY")])],
    ),
    "agri_ner": (
        "Growth\tNN\tO\tB-P\nof\tNN\tO\tO\nred\tNN\tO\tB-R\nbeans\tNN\tO\tI-R\n",
        [("Growth of red beans", [("Growth", "P"), ("red beans", "R")])],
    ),
}
HIPE = (
    "TOKEN\tNE-COARSE-LIT\tNE-COARSE-METO\tNE-FINE-LIT\tNE-FINE-METO\tNE-FINE-COMP\tNE-NESTED\tNEL-LIT\tNEL-METO\tMISC\n"
    "# hipe2022:document_id = x\n"
    "Temple\tB-loc\t_\tB-loc\t_\t_\tO\t_\t_\t_\n"
    "of\tI-loc\t_\tI-loc\t_\t_\tO\t_\t_\t_\n"
    "Olm\tI-loc\t_\tI-loc\t_\t_\tB-pers.myth\t_\t_\tNoSpaceAfter\n"
    ".\tO\t_\tO\t_\t_\tO\t_\t_\tEndOfSentence\n"
    "See\tO\t_\tO\t_\t_\tO\t_\t_\t_\n"
)


@pytest.mark.parametrize("corpus", COLUMNS)
def test_columns(tmp_path, corpus):
    text, expected = COLUMNS[corpus]
    assert converted(tmp_path, corpus, {"a.txt": text}) == expected


def test_hipe_has_fine_types_and_nested_entities(tmp_path):
    expected = [("Temple of Olm .", [("Temple of Olm", "loc"), ("Olm", "pers.myth")]), ("See", [])]
    assert converted(tmp_path, "ajmc", {"a.tsv": HIPE}) == expected


def test_brat_is_cut_into_sentences_and_at_spans(tmp_path):
    text = "HelloMira used tool-kit 2.0 of Foo Corp. Ltd. (Olm). It worked!\nAnother line"
    spans = [
        ("T1", "Application_Usage", "tool-kit"),
        ("T2", "Developer", "Foo Corp. Ltd."),
        ("T3", "Version", "2.0"),
        ("T4", "URL", "Mira"),
    ]
    lines = [f"{name}\t{t} {text.index(m)} {text.index(m) + len(m)}\t{m}" for name, t, m in spans]
    lines += ["R1\tVersion_of Arg1:T3 Arg2:T1\t", "T5\tURL 0 2;5 7\tHe Mi", "T6\tURL 0 3\tOops"]
    files = {"a.txt": text, "a.ann": "\n".join(lines) + "\n", "b.txt": "\n", "b.ann": ""}
    assert converted(tmp_path, "somesci", files) == [
        (
            "Hello Mira used tool - kit 2 . 0 of Foo Corp . Ltd .",
            [("Mira", "URL"), ("tool - kit", "Application_Usage"), ("2 . 0", "Version")]
            + [("Foo Corp . Ltd .", "Developer")],
        ),
        ("( Olm ) .", []),
        ("It worked !", []),
        ("Another line", []),
    ]


def test_sofc_has_types_and_slots(tmp_path):
    text = "A title\nWe tested\nNi anodes."
    rows = [
        (2, 1, 0, 2, "O", "O"),
        (2, 2, 3, 9, "B-EXPERIMENT", "B-experiment_evoking_word"),
        (2, 3, 10, 12, "B-MATERIAL", "B-anode_material"),
        (2, 4, 13, 19, "O", "I-anode_material"),
        (2, 5, 19, 20, "O", "O"),
    ]
    files = {
        "annotations/entity_types_and_slots/P1.csv": "".join("\t".join(map(str, row)) + "\n" for row in rows),
        "annotations/sentences/P1.csv": "1\t0\t0\t7\n2\t1\t8\t28\n",
        "texts/P1.txt": text,
    }
    material = [("Ni", "MATERIAL"), ("Ni anodes", "slot:anode_material")]
    expected = [("We tested Ni anodes .", [("tested", "EXPERIMENT"), *material])]
    assert converted(tmp_path, "sofc_exp", files) == expected


def test_mulms_names_the_first_token_of_each_span(tmp_path):
    text = "# text = Ni - C works\n1\tNi\t1:MAT\n2\t-\tO\n3\tC\t1:MAT|3:FORM\n4\tworks\tO\n\n# text = #\n1\t#\tO\n"
    expected = [("Ni - C works", [("Ni", "MAT"), ("Ni - C", "MAT"), ("C", "FORM")]), ("#", [])]
    assert converted(tmp_path, "mulms", {"a.conllu": text}) == expected


@pytest.mark.parametrize("encoding", ["utf8", "latin-1"])
def test_snips_has_pieces_in_two_encodings(tmp_path, encoding):
    pieces = [{"text": "Play "}, {"text": "Café-Ole", "entity": "artist"}, {"text": "'s "}, {"text": "hits"}]
    data = json.dumps({"PlayMusic": [{"data": pieces}]}, ensure_ascii=False).encode(encoding)
    expected = [("Play Café - Ole ' s hits", [("Café - Ole", "artist")])]
    assert converted(tmp_path, "snips", {"train_PlayMusic.json": data}) == expected


def test_nlu_evaluation_has_marked_slots(tmp_path):
    lines = [
        "answerid;scenario;intent;answer_annotation;answer_from_anno;answer_from_user",
        '1;alarm;query;"what is [date : tomorrow\'s] plan in [place_name : new olm]";"x";"x"',
        '2;alarm;query;"no slots";"no slots";"No "slots""',
        '3;alarm;query;"";"";""',
    ]
    expected = [
        ("what is tomorrow ' s plan in new olm", [("tomorrow ' s", "date"), ("new olm", "place_name")]),
        ("no slots", []),
    ]
    assert converted(tmp_path, "nlu_eval", {"a.csv": "\n".join(lines)}) == expected


def test_restaurant8k_slots_begin_at_0_by_default(tmp_path):
    turns = [
        {"userInput": {"text": "8pm, for two"}, "labels": [{"slot": "time", "valueSpan": {"endIndex": 3}}]},
        {"userInput": {"text": "Hello there"}},
        {"userInput": {"text": "Hm"}, "labels": [{"slot": "time"}]},
    ]
    expected = [("8pm , for two", [("8pm", "time")]), ("Hello there", []), ("Hm", [])]
    assert converted(tmp_path, "restaurant8k", {"train_1.json": json.dumps(turns)}) == expected


def test_sgd_slots_of_several_services(tmp_path):
    slot = {"slot": "city", "start": 8, "exclusive_end": 11}
    frames = [{"slots": [slot, {"slot": "price", "copy_from": "x"}]}, {"slots": [slot]}, {"service": "x"}]
    dialogues = [{"turns": [{"utterance": "Fly via Olm-East?", "frames": frames}, {"utterance": "OK", "frames": []}]}]
    files = {"train/schema.json": "[{}]", "train/dialogues_022.json": json.dumps(dialogues)}
    assert converted(tmp_path, "sgd", files) == [("Fly via Olm - East ?", [("Olm", "city")]), ("OK", [])]


def test_licences_are_not_read_and_bad_sentences_and_types_are_counted(tmp_path, capsys):
    text = "a\tB-person\nb\tO\n\nbad\tX\n\nc\tB-place\n"
    files = {"LICENSE": "Text", "README.md": "Text", "a.txt": text}
    assert converted(tmp_path, "wnut17", files, ["person"]) == [("a b", [("a", "person")]), ("c", [])]
    printed = " ".join(capsys.readouterr().out.split())
    assert "wnut17: 1 sentences or spans are skipped" in printed and "dropped: 1 place" in printed


@pytest.mark.parametrize(
    "corpus, files, code",
    [
        ("sgd", {"train/dialogues_022.json": '[{"texts": []}]'}, "LN027"),
        ("sgd", {"train/dialogues_022.json": "["}, "LN027"),
        ("mulms", {"a.conllu": "1\tNi\n"}, "LN027"),
        ("nlu_eval", {"a.csv": "id;text\n1;hello\n"}, "LN027"),
        ("bionlp13pc", {"a.tsv": "hello\tO\n"}, ""),
        ("bionlp13pc", {"LICENSE": "Text"}, ""),
        ("cellfinder", {"a.ann": "T1\tCell 0 1\ta\n"}, "LN010"),
    ],
)
def test_another_format_is_an_error(tmp_path, corpus, files, code):
    with pytest.raises(LownerError) as raised:
        converted(tmp_path, corpus, files)
    assert raised.value.code == code


def test_every_open_corpus_can_be_converted():
    graded = {name for name, licence in LICENCES.items() if licence["grade"] == script.OPEN and "files" in licence}
    assert graded == set(script.ORIGINALS) and len(graded) == 25
    for name in graded:
        paths = [script.PART.sub("", path) for path in LICENCES[name]["files"]]
        assert not any(path.endswith(")") for path in paths)
        assert any(
            fnmatch(f"folder/{path}", script.ORIGINALS[name].files) and not script.NO_CORPUS.fullmatch(Path(path).name)
            for path in paths
        )


def git(folder, *arguments):
    names = ("-c", "user.name=Mira", "-c", "user.email=mira@example.com")
    done = subprocess.run(["git", "-C", str(folder), *names, *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def assets(tmp_path, monkeypatch):
    """Assets of three corpora of one repository, and of one that is gone. The repository has a later commit, too."""
    if not shutil.which("git"):
        pytest.skip("git is not installed")
    monkeypatch.delenv("LOWNER_DATA", raising=False)
    repository = tmp_path / "repository"
    files = {"a/train.tsv": "Abc1\tB-Complex\nbinds\tO\n", "b/train.tsv": "Abc2\tB-Protein\n", "LICENSE": "Text"}
    written(repository, files)
    git(repository, "init", "--quiet")
    for key in ("allowFilter", "allowAnySHA1InWant"):
        git(repository, "config", f"uploadpack.{key}", "true")
    for content in (None, "changed"):
        if content:
            written(repository, dict.fromkeys(files, content))
        git(repository, "add", ".")
        git(repository, "commit", "--quiet", "-m", "data")
    source = f"{repository}/tree/{git(repository, 'rev-parse', 'HEAD~1')}"
    paths = {
        "bionlp13pc": ["a/train.tsv (first 10 of 20 bytes)", "LICENSE"],
        "bionlp11id": ["b/train.tsv"],
        "bionlp13cg": ["c/train.tsv"],
    }
    licences = {name: {"grade": "A", "source": source, "files": files} for name, files in paths.items()}
    licences["wnut17"] = {"grade": "A", "source": f"{tmp_path}/gone/tree/{'0' * 40}", "files": ["a"]}
    licences["fashion"] = {"grade": "B", "source": source, "files": ["a"]}
    types = {"bionlp13pc": {"Complex": "a complex"}, "bionlp11id": {"Protein": "a protein"}}
    folder = tmp_path / "assets"
    written(folder, {"licences.json": json.dumps(licences), "types.json": json.dumps({**TYPES, **types})})
    monkeypatch.setattr(script, "ASSETS", folder)
    return folder


def test_corpora_of_a_repository_are_fetched_once_and_continued(tmp_path, assets, monkeypatch, capsys):
    sources = []
    fetch = script.fetch
    monkeypatch.setattr(script, "fetch", lambda source, *more: sources.append(source) or fetch(source, *more))
    output = tmp_path / "output"
    names = ["wnut17", "bionlp13cg", "bionlp13pc", "bionlp11id"]
    failed = script.fetch_corpora(names, output, assets)
    assert set(failed) == {"wnut17", "bionlp13cg"} and "git fetch failed" in str(failed["wnut17"])
    assert "c/train.tsv" in str(failed["bionlp13cg"])
    assert len(sources) == len(set(sources)) == 2
    (sentence,) = read_corpus(output, "bionlp13pc").sentences
    assert (sentence.words, sentence.spans) == (["Abc1", "binds"], [(0, 1, "bionlp13pc/Complex")])
    assert "bionlp13pc: 1 sentences, 1 spans" in capsys.readouterr().out
    assert sorted(path.name for path in output.iterdir()) == [
        "bionlp11id.jsonl",
        "bionlp13pc.jsonl",
        "licences.json",
        "types.json",
    ]
    assert script.fetch_corpora(["bionlp13pc", "bionlp11id"], output, assets) == {}
    assert len(sources) == 2 and "is already in" in capsys.readouterr().out


def test_only_the_named_files_are_fetched(tmp_path, assets):
    source = srsly.read_json(assets / "licences.json")["bionlp13pc"]["source"]
    folder = tmp_path / "work"
    folder.mkdir()
    script.fetch(source, ["b/train.tsv", "c/train.tsv"], folder)
    assert [path.name for path in folder.iterdir() if path.name != ".git"] == ["b"]
    assert (folder / "b" / "train.tsv").read_text() == "Abc2\tB-Protein\n"


def test_converted_corpora_are_copied(tmp_path, assets, monkeypatch, capsys):
    line = '{"tokens": ["a", "b"], "spans": [[0, 1, "X"]]}\n'
    files = {"open/wnut17.jsonl": line, "open/fashion.jsonl": line, "open/bionlp13cg.jsonl": '{"tokens'}
    written(tmp_path / "data", files)
    monkeypatch.setenv("LOWNER_DATA", str(tmp_path / "data"))
    output = tmp_path / "output"
    failed = script.fetch_corpora(["bionlp13cg", "wnut17", "fashion", "bionlp11id"], output, assets)
    assert {name: error.code for name, error in failed.items()} == {"bionlp13cg": "LN027"}
    assert (output / "bionlp11id.jsonl").is_file() and not (output / "bionlp13cg.jsonl").exists()
    assert (output / "wnut17.jsonl").read_text() == (output / "fashion.jsonl").read_text() == line
    assert "fashion: 1 sentences, 1 spans" in capsys.readouterr().out


def test_command_names_the_missing_corpora_at_the_end(tmp_path, assets, monkeypatch, capsys):
    output = tmp_path / "output"
    monkeypatch.setattr(sys, "argv", ["x", str(output), "--names", "fashion", "bionlp11id"])
    with pytest.raises(SystemExit) as raised:
        script.main()
    printed = capsys.readouterr().out
    assert raised.value.code == 1 and printed.index("bionlp11id: 1") < printed.index("fashion: it cannot be converted")
    assert (output / "bionlp11id.jsonl").is_file()


def test_command_fetches_open_corpora_by_default(tmp_path, assets, monkeypatch):
    chosen = []
    monkeypatch.setattr(script, "fetch_corpora", lambda names, output, assets: chosen.extend(names) or {})
    monkeypatch.setattr(sys, "argv", ["x", str(tmp_path)])
    script.main()
    assert set(chosen) == {"bionlp13pc", "bionlp11id", "bionlp13cg", "wnut17"}


def test_unknown_corpus_is_an_error(tmp_path, assets):
    with pytest.raises(LownerError) as raised:
        script.fetch_corpora(["unknown"], tmp_path / "output", assets)
    assert raised.value.code == "LN014" and not (tmp_path / "output").exists()


def test_an_interrupted_corpus_leaves_no_file(tmp_path, assets, monkeypatch):
    def interrupt(path, records):
        Path(path).write_text("half of a")
        raise KeyboardInterrupt

    monkeypatch.setattr(script.srsly, "write_jsonl", interrupt)
    with pytest.raises(KeyboardInterrupt):
        script.fetch_corpora(["bionlp11id"], tmp_path / "output", assets)
    assert sorted(path.name for path in (tmp_path / "output").iterdir()) == ["licences.json", "types.json"]
