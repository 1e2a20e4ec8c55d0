"""Extension labels from a scripted model, from a pipeline, and through the command."""

import json

import numpy
import pytest
import spacy
import srsly
from spacy.tokens import Span
from typer.testing import CliRunner

from spacy_lowner.cli import lowner
from spacy_lowner.corpus.docs import read_docs, write_docs
from spacy_lowner.corpus.extensions import (
    drop_short_extensions,
    entity_mentions,
    labels_by_source,
    rename_extensions,
    write_extensions,
)
from spacy_lowner.corpus.sentence import LabeledSpan
from spacy_lowner.errors import LownerError
from spacy_lowner.knowledge.extend import extend_corpus
from spacy_lowner.knowledge.label_map import read_label_map
from spacy_lowner.knowledge.synonyms import merge_synonyms
from spacy_lowner.knowledge.taggers import load_tagger, write_tags
from spacy_lowner.llm.messages import Reply
from spacy_lowner.llm.templates import render


class Scripted:
    """Answers by the beginning of a prompt and the sentence at its end."""

    def __init__(self, entities=None, segments=None, pos=None, merge="{}"):
        self.answers = {"Please identify": entities or {}, "Please split": segments or {}, "Please give": pos or {}}
        self.merge = merge
        self.prompts = []

    def ask(self, requests, *, description=None):
        return [self.answer(request.messages[-1][1]) for request in requests]

    def answer(self, prompt):
        self.prompts.append(prompt)
        if prompt.startswith("The following labels"):
            return self.merge if isinstance(self.merge, Reply) else Reply(self.merge)
        for beginning, answers in self.answers.items():
            if prompt.startswith(beginning):
                response = answers.get(prompt.rsplit("Sentence: ", 1)[1], "[]")
                return (
                    response
                    if isinstance(response, Reply)
                    else Reply(response if isinstance(response, str) else json.dumps(response))
                )


def ext(doc):
    return [(span.text, span.label_) for span in doc.spans.get("sc_ext", [])]


def test_extend_entities_are_aligned_and_the_rest_is_counted(make_doc):
    docs = [make_doc("Ann met Ann Lee in Rome"), make_doc("no one"), make_doc("a b"), make_doc("c d")]
    response = [
        {"entity": "Ann", "type": "person"},
        {"entity": "Ann Lee", "type": "person"},
        {"entity": "Paris", "type": "city"},
        {"entity": "Rome"},
        "Rome",
    ]
    model = Scripted(
        {"Ann met Ann Lee in Rome": response, "no one": "None.", "a b": Reply("", error="the server is down")}
    )
    report = extend_corpus(docs, model, tasks=["entities"])
    assert [ext(doc) for doc in docs] == [[("Ann", "person"), ("Ann Lee", "person")], [], [], []]
    assert report.used == {"entities": 2}
    assert report.rejected == {"item without text and label": 2, "not in the text": 1, "no JSON": 1, "no answer": 1}
    assert {"reason": "no answer", "text": "a b", "response": "the server is down"} in report.cases


def test_extend_tags_the_words_of_the_segmentation(make_doc):
    doc = make_doc("we saw New York")
    model = Scripted(
        segments={doc.text: ["we", "saw", "New York"]},
        pos={doc.text: {"items": [{"word": "we", "pos": "PRON"}, {"word": "New York", "pos": "PROPN"}]}},
    )
    report = extend_corpus([doc], model, tasks=["pos"])
    assert ext(doc) == [("we", "PRON"), ("New York", "PROPN")] and report.rejected["word without a part of speech"] == 1
    assert '["we", "saw", "New York"]' in model.prompts[1]


def test_extend_tags_every_word(make_doc):
    doc = make_doc("we saw New York again")
    model = Scripted(segments={doc.text: ["saw", "New York", "York again", "Rome"]})
    report = extend_corpus([doc], model, tasks=["pos"])
    assert '["we", "saw", "New York", "again"]' in model.prompts[1]
    assert (
        report.rejected["segments that overlap"] == report.rejected["not in the text"] == 1
        and "sc_ext" not in doc.spans
    )


def test_extend_empty_answer_is_annotation(make_doc):
    docs = [make_doc("Ann sang"), make_doc("no one")]
    report = extend_corpus(docs, Scripted({"Ann sang": [{"entity": "Bob", "type": "person"}]}), tasks=["entities"])
    assert "sc_ext" not in docs[0].spans and report.rejected == {"not in the text": 1}
    assert len(docs[1].spans["sc_ext"]) == 0


def test_extend_reads_all_lists_of_a_reply(make_doc, tmp_path):
    doc = make_doc("Ann left Rome")
    response = (
        'Of sentence [1]: [{"entity": "Ann", "type": "person"}] and [{"Rome", "city"}] and [NaN], '
        '[{"entity": "Rome", "type": "city"}]'
    )
    report = extend_corpus(
        [doc], Scripted({doc.text: f'{response} [{{"entity": "Ann", "type": "person"}}]'}), tasks=["entities"]
    )
    assert ext(doc) == [("Ann", "person"), ("Rome", "city")]
    assert report.rejected == {"item without text and label": 3}
    srsly.write_json(tmp_path / "report.json", report.as_dict())


def test_extend_items_without_brackets_may_be_equal(make_doc):
    doc = make_doc("the cat saw the dog")
    response = [("the", "DET"), ("cat", "NOUN"), ("saw", "VERB"), ("the", "DET"), ("dog", "NOUN")]
    lines = "\n".join(json.dumps({"word": word, "pos": pos, "notes": []}) for word, pos in response)
    report = extend_corpus(
        [doc], Scripted(pos={doc.text: lines}, segments={doc.text: [word for word, _ in response]}), tasks=["pos"]
    )
    assert ext(doc) == response and not report.rejected


def test_extend_words_in_another_case_stay_in_their_order(make_doc):
    doc = make_doc("The run was long so the team run")
    response = [
        ("the", "DET"),
        ("run", "NOUN"),
        ("was", "AUX"),
        ("long", "ADJ"),
        ("so", "CONJ"),
        ("the", "DET"),
        ("team", "NOUN"),
        ("run", "VERB"),
    ]
    answers = {
        "pos": {doc.text: [{"word": word, "pos": pos} for word, pos in response]},
        "segments": {doc.text: [word for word, _ in response]},
    }
    report = extend_corpus([doc], Scripted(**answers), tasks=["pos"])
    assert [label for _, label in ext(doc)] == [label for _, label in response] and not report.rejected
    assert [span.start for span in doc.spans["sc_ext"]] == list(range(8))


@pytest.mark.parametrize(
    "merge, reason",
    [
        ("{}", None),
        ('{"town": ["city"], "city": ["town"]}', "synonym of more than one label"),
        ("[]", "no mapping of labels"),
    ],
)
def test_extend_reports_mappings_by_reason(make_doc, merge, reason):
    docs = [make_doc("Rome"), make_doc("Bonn")]
    response = {"Rome": [{"entity": "Rome", "type": "city"}], "Bonn": [{"entity": "Bonn", "type": "town"}]}
    report = extend_corpus(docs, Scripted(response, merge=merge), tasks=["entities"], embed=by_hand)
    assert reason in report.rejected if reason else not report.rejected


def test_extend_reports_why_a_mention_has_no_position(make_doc):
    doc = make_doc("Ann saw Boston_based Bob")
    response = [{"entity": text, "type": "x"} for text in ("Ann", "Ann", "Boston", "Eve")]
    report = extend_corpus([doc], Scripted({doc.text: response}), tasks=["entities"])
    assert report.rejected == {"part of a word, or repeated too often": 2, "not in the text": 1}


def test_extend_mapping_that_was_cut_is_used_up_to_there(make_doc):
    docs = [make_doc("Rome and Paris"), make_doc("Bonn")]
    response = {"Rome and Paris": [{"entity": "Rome", "type": "city"}], "Bonn": [{"entity": "Bonn", "type": "town"}]}
    report = extend_corpus(
        docs, Scripted(response, merge=Reply('{"city": ["town', truncated=True)), tasks=["entities"], embed=by_hand
    )
    assert ext(docs[1]) == [("Bonn", "town")] and report.rejected == {"cut at the limit of tokens": 1}


def test_extend_labels_of_one_task_are_kept_without_the_other(make_doc):
    docs = [make_doc("Ann sang"), make_doc("Bob ran"), make_doc("so")]
    response = {"Ann sang": [{"entity": "Ann", "type": "person"}], "Bob ran": [{"entity": "Bob", "type": "person"}]}
    tags = {
        "Ann sang": Reply("", error="the server is down"),
        "Bob ran": [{"word": "ran", "pos": "VERB"}],
        "so": "no list",
    }
    report = extend_corpus(docs, Scripted(response, pos=tags))
    assert [ext(doc) for doc in docs] == [[("Ann", "person")], [("Bob", "person"), ("ran", "VERB")], []]
    assert [list(labels_by_source(doc)) for doc in docs] == [
        ["llm (entities)"],
        ["llm (entities)", "llm (pos)"],
        ["llm (entities)"],
    ]
    assert report.used == {"entities": 2, "pos": 1}


@pytest.mark.parametrize("reply", ['{"groups": {"city": ["town"]}}', '[{"city": "town"}]', "[]"])
def test_extend_mapping_of_another_shape_is_counted(make_doc, reply):
    docs = [make_doc("Rome and Paris"), make_doc("Bonn")]
    response = {"Rome and Paris": [{"entity": "Rome", "type": "city"}], "Bonn": [{"entity": "Bonn", "type": "town"}]}
    report = extend_corpus(docs, Scripted(response, merge=reply), tasks=["entities"], embed=by_hand)
    assert ext(docs[1]) == [("Bonn", "town")] and report.rejected["no mapping of labels"] == 1


def by_hand(texts):
    """Sentences about towns lie together, whatever the label; others by their letters."""
    rows = {"Rome": [0.0, 0.1], "Paris": [0.0, -0.1], "Bonn": [0.02, 0.0], "Ann": [5.0, 5.0], "Lee": [5.0, 5.1]}
    return numpy.asarray([rows[text.split()[0]] for text in texts])


TOWNS = [("Rome", "city"), ("Paris", "city"), ("Bonn", "town"), ("Ann", "place"), ("Lee", "place")]


def test_extend_synonyms_merge_where_both_the_model_and_the_vectors_say_so():
    assert merge_synonyms(TOWNS, {"city": ["town", "place"]}, by_hand) == {"town": "city"}
    assert merge_synonyms(TOWNS, {"town": ["city"]}, by_hand) == {"city": "town"}
    assert merge_synonyms(TOWNS, {"settlement": ["town", "city"]}, by_hand) == {"town": "city"}
    assert merge_synonyms(TOWNS, {"city": ["town"], "place": ["town", "city"]}, by_hand) == {"town": "city"}
    assert merge_synonyms(TOWNS, {"city": ["unknown label"]}, by_hand) == {} == merge_synonyms([], {}, by_hand)
    assert merge_synonyms(TOWNS, {"city": ["town"]}, by_hand, epsilon=0.1) == {}
    assert merge_synonyms([*TOWNS, ("Bonn", "town"), ("Bonn", "town")], {"city": ["town"]}, by_hand) == {"town": "city"}


def test_extend_labels_with_one_mention_merge_within_the_usual_radius():
    mentions = [*TOWNS, ("Bonn", "village")]
    assert merge_synonyms(mentions, {"village": ["town"]}, by_hand) == {"town": "village"}
    assert merge_synonyms([("Bonn", "town"), ("Rome", "village")], {"village": ["town"]}, by_hand) == {}
    far = [*TOWNS, ("Ann", "village")]
    assert merge_synonyms(far, {"village": ["town"]}, by_hand) == {}


def test_extend_settled_labels_stay_and_others_become_them():
    mapping = {"town": ["city", "village"]}
    assert merge_synonyms(TOWNS, mapping, by_hand, settled={"city"}) == {"town": "city"}
    assert merge_synonyms(TOWNS, mapping, by_hand, settled={"town"}) == {"city": "town"}
    assert merge_synonyms(TOWNS, mapping, by_hand, settled={"town", "city"}) == {}
    more = [*TOWNS, ("Rome", "village")]
    assert merge_synonyms(more, mapping, by_hand, settled={"town", "city"}) == {"village": "town"}


def test_extend_labels_merge_into_those_of_docs_that_are_known(make_doc):
    known, new = make_doc("Rome and Paris"), make_doc("Bonn")
    known.spans["sc_ext"] = [Span(known, 0, 1, label="city"), Span(known, 2, 3, label="city")]
    model = Scripted({"Bonn": [{"entity": "Bonn", "type": "town"}]}, merge='{"town": ["city"]}')
    extend_corpus([new], model, tasks=["entities"], embed=by_hand, known=[known, make_doc("Paris")])
    assert ext(new) == [("Bonn", "city")] and ext(known) == [("Rome", "city"), ("Paris", "city")]
    assert '["city", "town"]' in model.prompts[-1]
    again = Scripted({"Bonn": [{"entity": "Bonn", "type": "city"}]})
    extend_corpus([new], again, tasks=["entities"], embed=by_hand, known=[known])
    assert ext(new) == [("Bonn", "city")] and len(again.prompts) == 1


def test_extend_users_names_of_labels(make_doc, tmp_path):
    doc, without = make_doc("the big dogs"), make_doc("it rains")
    doc.spans["sc_ext"] = [Span(doc, i, i + 1, label=label) for i, label in enumerate(("DT", "JJ", "NNS"))] + [
        Span(doc, 2, 3, label="NN")
    ]
    srsly.write_json(tmp_path / "names.json", {"NN": "noun", "NNS": "noun", "DT": None, "VB": "verb"})
    names = read_label_map(tmp_path / "names.json")
    assert rename_extensions(doc, names, "names") == 3 and rename_extensions(without, names, "names") == 0
    assert ext(doc) == [("big", "JJ"), ("dogs", "noun")] and "sc_ext" not in without.spans
    assert rename_extensions(doc, names, "names") == 0 and read_label_map(None) == {}
    for wrong in ({"NN": 3}, {"NN": ""}):
        srsly.write_json(tmp_path / "wrong.json", wrong)
        with pytest.raises(LownerError, match="LN027.*wrong.json.*'NN'"):
            read_label_map(tmp_path / "wrong.json")


def test_extend_radius_is_that_of_the_farthest():
    vectors = {"a": [3.0], "b": [-3.0], "c": [0.0], "d": [0.0], "e": [0.0], "x": [4.0]}

    def embed(texts):
        return numpy.asarray([vectors[text.split()[0]] for text in texts])

    mentions = [*((name, "big") for name in "abcde"), ("x", "far")]
    assert merge_synonyms(mentions, {"big": ["far"]}, embed, top_p=2, epsilon=1.34) == {"far": "big"}
    assert merge_synonyms(mentions, {"big": ["far"]}, embed, top_p=2, epsilon=1.33) == {}
    assert merge_synonyms(mentions, {"big": ["far"]}, embed, top_p=4, epsilon=1.5) == {}


def test_extend_merged_labels_reach_the_docs(make_doc):
    docs = [make_doc("Rome and Paris"), make_doc("Bonn")]
    response = {
        "Rome and Paris": [{"entity": "Rome", "type": "city"}, {"entity": "Paris", "type": "city"}],
        "Bonn": [{"entity": "Bonn", "type": "town"}],
    }
    report = extend_corpus(
        docs, Scripted(response, merge='```{"city": ["town"]}```'), tasks=["entities"], embed=by_hand
    )
    assert ext(docs[1]) == [("Bonn", "city")] and report.used["merged labels"] == 1 and not report.rejected
    response["Bonn"] = [{"entity": "Bonn", "type": "place"}]
    by_letters = lambda texts: numpy.asarray([[float(ord(text[0]))] for text in texts])
    report = extend_corpus(
        docs, Scripted(response, merge='{"city": ["place", "town"]}'), tasks=["entities"], embed=by_letters
    )
    assert ext(docs[1]) == [("Bonn", "place")]
    assert report.rejected == {"synonym that is not a label": 1, "synonyms whose mentions are too different": 1}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_extend_prompts_of_both_languages(language):
    for name, values in (("entities", {}), ("segments", {}), ("pos", {"words": ["東京"]})):
        prompt = render("spacy_lowner.knowledge", name, language, text="東京 {{ 1 }}", **values)
        assert prompt.endswith("東京 {{ 1 }}") and ('["東京"]' in prompt or name != "pos")
    assert '["a", "b"]' in render("spacy_lowner.knowledge", "merge", language, labels=["a", "b"])
    with pytest.raises(LownerError, match="LN014"):
        render("spacy_lowner.knowledge", "merge", "xx", labels=[])


def test_extend_tags_of_jieba():
    pytest.importorskip("jieba")
    nlp = spacy.blank("zh")
    docs = [nlp.make_doc("我在北京大学  学习资讯智能😀\n资讯"), nlp.make_doc(""), nlp.make_doc(" ")]
    report = write_tags(docs, load_tagger("jieba"))
    assert report.used["pos"] and report.used["entities"] and not report.rejected
    found = {(span.text, span.label_) for span in docs[0].spans["sc_ext"]}
    assert {("北京大学", "nt"), ("资讯智能", "NP"), ("资讯", "n"), ("在", "p"), ("😀", "x")} <= found
    assert (
        not any("\n" in text or text.isspace() for text, _ in found)
        and not docs[1].spans["sc_ext"]
        and not docs[2].spans["sc_ext"]
    )


def test_extend_tags_of_nltk_skip_white_space():
    pytest.importorskip("nltk")
    doc = spacy.blank("en").make_doc("\nThe big  dog\nRome  today")
    try:
        write_tags([doc], load_tagger("nltk"))
    except LownerError:
        pytest.skip("the data of the tagger is not installed")
    found = ext(doc)
    assert ("The big  dog", "NP") in found and len(found) == 5 + sum(label == "NP" for _, label in found)
    assert not any("\n" in text or text.isspace() for text, _ in found)


def test_extend_tags_of_a_pipeline(make_doc, tmp_path):
    nlp = spacy.blank("en")
    ruler = nlp.add_pipe("attribute_ruler")
    ruler.add(patterns=[[{"LOWER": "rome"}]], attrs={"POS": "PROPN"})
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "GPE", "pattern": "Rome"}])
    nlp.to_disk(tmp_path / "tagger")
    tagger = load_tagger(f"spacy:{tmp_path / 'tagger'}")
    doc = make_doc("in Rome")
    for tasks, labels in ((["entities", "pos"], ["GPE", "PROPN"]), (["pos"], ["PROPN"]), (["entities"], ["GPE"])):
        report = write_tags([doc], tagger, tasks)
        assert [(span.start, span.end, span.label_) for span in doc.spans["sc_ext"]] == [
            (1, 2, label) for label in labels
        ]
        assert report.rejected == ({"word without a part of speech": 1} if "pos" in tasks else {})
    for name in ("spacy:none-such", "spacy:", "other"):
        with pytest.raises(LownerError):
            load_tagger(name)


def test_extend_tags_of_a_pipeline_that_merges_words(make_doc, tmp_path):
    nlp = spacy.blank("en")
    patterns = [{"label": "PER", "pattern": "Ann Lee"}, {"label": "LOC", "pattern": "Rome"}]
    nlp.add_pipe("entity_ruler").add_patterns(patterns)
    nlp.add_pipe("merge_entities")
    nlp.to_disk(tmp_path / "tagger")
    doc = make_doc("Ann Lee left Rome today")
    report = write_tags([doc], load_tagger(f"spacy:{tmp_path / 'tagger'}"))
    assert ext(doc) == [("Ann Lee", "PER"), ("Rome", "LOC")]
    # Who gives no parts of speech at all has left none out.
    assert report.used == {"entities": 2, "pos": 0} and not report.rejected


def test_extend_reads_objects_without_a_list(make_doc):
    doc = make_doc("Ann left Rome")
    response = '{"entity": "Ann", "type": "person"}\n{"entity": "Rome", "type": "city"}'
    report = extend_corpus([doc, make_doc("")], Scripted({doc.text: response}), tasks=["entities"])
    assert ext(doc) == [("Ann", "person"), ("Rome", "city")] and not report.rejected


def test_extend_command(make_doc, tmp_path):
    nlp = spacy.blank("en")
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "GPE", "pattern": "Rome"}])
    nlp.to_disk(tmp_path / "tagger")
    write_docs([make_doc("Ann left Rome", (0, 1, "PER"))], tmp_path / "in.spacy")
    paths = [str(tmp_path / "in.spacy"), str(tmp_path / "out.spacy")]
    done = CliRunner().invoke(lowner, ["extend", *paths, "--from", f"spacy:{tmp_path / 'tagger'}"])
    assert done.exit_code == 0, done.output
    (doc,) = read_docs(tmp_path / "out.spacy")
    assert ext(doc) == [("Rome", "GPE")] and [span.label_ for span in doc.spans["sc"]] == ["PER"]
    dry = CliRunner().invoke(lowner, ["extend", *paths, "--dry-run"])
    assert (
        dry.exit_code == 0
        and "Ann left Rome" in dry.output
        and "About 4 calls" in dry.output
        and "at most 8,192 of answers" in " ".join(dry.output.split())
    )
    assert "About 3 calls" in CliRunner().invoke(lowner, ["extend", *paths, "--dry-run", "--no-merge"]).output
    srsly.write_json(tmp_path / "names.json", {"GPE": "place"})
    named = CliRunner().invoke(
        lowner,
        ["extend", *paths, "--from", f"spacy:{tmp_path / 'tagger'}", "--label-map", str(tmp_path / "names.json")],
    )
    assert named.exit_code == 0 and [ext(doc) for doc in read_docs(tmp_path / "out.spacy")] == [[("Rome", "place")]]
    srsly.write_json(tmp_path / "names.json", {"PER": "place"})
    vain = CliRunner().invoke(
        lowner,
        ["extend", *paths, "--from", f"spacy:{tmp_path / 'tagger'}", "--label-map", str(tmp_path / "names.json")],
    )
    assert vain.exit_code == 0 and "names no label" in vain.output
    assert CliRunner().invoke(lowner, ["extend", *paths]).exit_code == 1
    assert CliRunner().invoke(lowner, ["extend", *paths, "--tasks", "verbs"]).exit_code == 1


def test_extend_command_with_a_server(make_doc, tmp_path):
    pytest.importorskip("openai")
    from llm.server import serve

    write_docs([make_doc("Ann left Rome"), make_doc("Bob stays")], tmp_path / "in.spacy")

    def answer(prompt, attempt):
        return '[{"entity": "Ann", "type": "person"}]' if "named entities" in prompt and "Ann" in prompt else "[]"

    with serve(answer) as (url, server):
        arguments = [str(tmp_path / "in.spacy"), str(tmp_path / "out.spacy"), "--model", "m", "--base-url", url]
        arguments += ["--cache", str(tmp_path / "cache.sqlite"), "--tasks", "entities"]
        for _ in range(2):
            done = CliRunner().invoke(lowner, ["extend", *arguments])
            assert done.exit_code == 0, done.output
        assert len(server.seen) == 2
    assert [ext(doc) for doc in read_docs(tmp_path / "out.spacy")] == [[("Ann", "person")], []]
    with serve(lambda prompt, attempt: (400, {}, "no")) as (url, _):
        options = ["--model", "m", "--base-url", url, "--cache", str(tmp_path / "other.sqlite")]
        done = CliRunner().invoke(lowner, ["extend", arguments[0], str(tmp_path / "never.spacy"), *options])
    assert done.exit_code == 1 and "LN077" in done.output and not (tmp_path / "never.spacy").exists()
    assert srsly.read_json(tmp_path / "out.report.json")["used"] == {"entities": 1}


def test_extend_settings_of_the_client_come_from_a_file(make_doc, tmp_path):
    pytest.importorskip("openai")
    from llm.server import serve

    write_docs([make_doc("Ann left Rome")], tmp_path / "in.spacy")
    settings = tmp_path / "client.json"
    arguments = [
        "extend",
        str(tmp_path / "in.spacy"),
        str(tmp_path / "out.spacy"),
        "--settings",
        str(settings),
        "--tasks",
        "entities",
    ]
    with serve(lambda prompt, attempt: "[]") as (url, server):
        srsly.write_json(
            settings,
            {
                "model": "m",
                "base_url": url,
                "cache": None,
                "prompt_price": 2e6,
                "parameters": {"temperature": 0.5, "max_tokens": None},
            },
        )
        done = CliRunner().invoke(lowner, arguments)
        assert done.exit_code == 0, done.output
        assert server.bodies[0]["temperature"] == 0.5 and "max_tokens" not in server.bodies[0] and "cost" in done.output
        for wrong in ({"prices": 1}, {"timeout": "soon"}, {"max_concurrency": 0}, {"parameters": "cold"}):
            srsly.write_json(settings, {"model": "m", "base_url": url, **wrong})
            done = CliRunner().invoke(lowner, arguments)
            assert done.exit_code == 1 and next(iter(wrong)) in done.output
    srsly.write_json(settings, {"parameters": {"max_tokens": "many"}})
    assert "answers without a limit" in CliRunner().invoke(lowner, [*arguments, "--dry-run"]).output


def test_extend_rejects_items_that_are_not_texts(make_doc):
    doc = make_doc("Rome and France")
    report = extend_corpus(
        [doc],
        Scripted({doc.text: '[{"entity": "Rome", "type": "city"}, {"entity": "Rome", "type": ["x"]}]'}),
        tasks=["entities"],
    )
    assert ext(doc) == [("Rome", "city")] and report.rejected == {"item without text and label": 1}


@pytest.mark.parametrize(
    "response", ['[{"entity": "Rome", "type": "city"}, {"entity": "Fra', '[{"entity": "Ro', '{"items": [']
)
def test_extend_cut_list_is_no_annotation(make_doc, response):
    doc = make_doc("Rome and France")
    report = extend_corpus([doc], Scripted({doc.text: Reply(response, truncated=True)}), tasks=["entities"])
    assert "sc_ext" not in doc.spans and not report.used and report.rejected["cut at the limit of tokens"] == 1


def test_extend_words_of_a_segmentation_that_was_cut_are_tokens(make_doc):
    doc = make_doc("Rome and France")
    model = Scripted(segments={doc.text: Reply('["Rome", "and", "Fr', truncated=True)})
    extend_corpus([doc], model, tasks=["pos"])
    assert '["Rome", "and", "France"]' in model.prompts[-1]


def test_extend_label_source_stays_with_the_labels(make_doc, tmp_path):
    doc, known = make_doc("Rome is old"), make_doc("Paris")
    response = {
        "pos": {
            doc.text: [
                {"word": "Rome", "pos": "name"},
                {"word": "is", "pos": "verb"},
                {"word": "old", "pos": "adjective"},
            ]
        }
    }
    extend_corpus([doc], Scripted({doc.text: [{"entity": "Rome", "type": "city"}]}, **response))
    rename_extensions(doc, {"name": "noun", "verb": None}, "names")
    write_docs([doc, known], tmp_path / "out.spacy")
    again, other = read_docs(tmp_path / "out.spacy")
    assert labels_by_source(again) == {
        "llm, names (entities)": ["city"],
        "llm, names (pos)": ["adjective", "noun"],
    }
    assert not labels_by_source(other)
    assert ext(again) == [("Rome", "city"), ("Rome", "noun"), ("old", "adjective")] and entity_mentions(
        [again, other]
    ) == [("Rome", "city")]
    again.spans["sc_ext"] = list(again.spans["sc_ext"])
    assert list(labels_by_source(again)) == [""] and len(entity_mentions([again])) == 3


def test_extend_prompts_hold_text_as_it_is():
    prompt = render("spacy_lowner.knowledge", "explain", "en", text="x", entities=["O'Brien (person)", "R&D <x> 東"])
    assert '["O\'Brien (person)", "R&D <x> 東"]' in prompt


@pytest.mark.parametrize("depth", [500, 900, 990, 20_000])
@pytest.mark.parametrize(
    "beginning, opening, closing, end",
    [("", "[", "]", ""), ("", '{"items":[', "]}", ""), ('[{"entity": ', "[", "]", ', "type": "x"}]')],
)
def test_extend_nested_brackets_are_counted(make_doc, depth, beginning, opening, closing, end):
    doc, other = make_doc("Ann left"), make_doc("Rome is old")
    response = f"{beginning}{opening * depth}{closing * depth}{end}"
    replies = {doc.text: response, other.text: [{"entity": "Rome", "type": "city"}]}
    report = extend_corpus([doc, other], Scripted(replies), tasks=["entities"])
    assert report.rejected == {"no JSON": 1} and ext(other) == [("Rome", "city")] and "sc_ext" not in doc.spans


def test_extend_nested_values_inside_items_are_counted(make_doc, tmp_path):
    doc = make_doc("Ann left Rome")
    nested = json.loads("[" * 40 + "]" * 40)
    response = [
        {"entity": nested, "type": "x"},
        {"entity": "Ann", "type": {"a": nested}},
        nested,
        {"entity": "Rome", "type": "city"},
    ]
    report = extend_corpus([doc], Scripted({doc.text: response}), tasks=["entities"])
    assert ext(doc) == [("Rome", "city")] and report.rejected == {"item without text and label": 3}
    srsly.write_json(tmp_path / "report.json", report.as_dict())


LABELS = {
    "O": "O",
    "o ": "O",
    "x" * 61: "60 letters",
    "per\nson": "control",
    "a\u0000b": "control",
    "\u202eab": "control",
    "\u001b[31m": "control",
}


@pytest.mark.parametrize("label", LABELS)
def test_extend_labels_that_a_model_invents_are_refused_and_counted(make_doc, label):
    doc = make_doc("Ann left Rome")
    response = [{"entity": "Ann", "type": label}, {"entity": "Rome", "type": "city"}]
    report = extend_corpus([doc], Scripted({doc.text: response}), tasks=["entities"])
    (reason,) = report.rejected
    assert ext(doc) == [("Rome", "city")] and LABELS[label] in reason and report.cases[0]["text"] == doc.text
    tags = {
        "segments": {doc.text: doc.text.split()},
        "pos": {doc.text: [{"word": "Ann", "pos": label}, {"word": "left", "pos": "VERB"}]},
    }
    report = extend_corpus([doc], Scripted(**tags), tasks=["pos"])
    assert ext(doc) == [("left", "VERB")] and report.rejected == {reason: 1, "word without a part of speech": 2}


def test_extend_a_doc_whose_labels_are_all_refused_has_none(make_doc):
    doc = make_doc("Ann left")
    extend_corpus([doc], Scripted({doc.text: [{"entity": "Ann", "type": "O"}]}), tasks=["entities"])
    assert "sc_ext" not in doc.spans


def test_extend_a_label_of_sixty_letters_is_used(make_doc):
    doc = make_doc("Ann left")
    extend_corpus([doc], Scripted({doc.text: [{"entity": "Ann", "type": "x" * 60}]}), tasks=["entities"])
    assert ext(doc) == [("Ann", "x" * 60)]


def test_extend_reads_a_bounded_number_of_items(make_doc):
    doc = make_doc("Ann left Rome")
    response = [{"entity": "Ann", "type": "person"}] + [
        {"entity": f"x{number}", "type": "y"} for number in range(12_000)
    ]
    report = extend_corpus([doc], Scripted({doc.text: response}), tasks=["entities"])
    assert ext(doc) == [("Ann", "person")]
    assert report.rejected == {"more than 10,000 items": 1, "not in the text": 9999} and len(report.cases) == 1000


def test_extend_many_lists_are_compared_in_linear_time(make_doc):
    doc = make_doc("Ann left Rome")
    response = (
        " ".join(f'[{{"entity": "Ann", "type": "{number}"}}]' for number in range(4000))
        + ' [{"entity": "Ann", "type": "1"}]'
    )
    report = extend_corpus([doc], Scripted({doc.text: response}), tasks=["entities"])
    assert ext(doc) == [("Ann", "0")] and report.rejected == {"part of a word, or repeated too often": 3999}


@pytest.mark.parametrize("count", [9_999, 10_000, 50_000])
def test_extend_reads_a_bounded_mapping(make_doc, count):
    docs = [make_doc("Rome"), make_doc("Bonn")]
    response = {"Rome": [{"entity": "Rome", "type": "city"}], "Bonn": [{"entity": "Bonn", "type": "town"}]}
    merge = json.dumps({"city": ["town"], "\u001b" * 100: [["x"]], **{f"s{number}": [] for number in range(count - 4)}})
    report = extend_corpus(
        docs, Scripted(response, merge=merge), tasks=["entities"], embed=lambda texts: numpy.zeros((len(texts), 2))
    )
    assert ext(docs[1]) == [("Bonn", "city")]
    assert report.rejected["mapping of more than 10,000 labels"] == (count > 10_000)
    assert all(len(case["text"]) <= 300 for case in report.cases)


def test_extend_cases_are_clean_and_short(make_doc, tmp_path):
    doc = make_doc("Ann left Rome")
    response = [
        {"entity": "\u001b[2Jx" + "y" * 5000, "type": "x"},
        {"entity": "\u0007" * 10, "type": "\u0007"},
        [float("nan")],
    ]
    report = extend_corpus([doc], Scripted({doc.text: json.dumps(response) + " " * 5000}), tasks=["entities"])
    report.add(extend_corpus([doc], Scripted({doc.text: "no json \u202e\u001b[0m" + "z" * 10**6}), tasks=["entities"]))
    assert sum(report.rejected.values()) == len(report.cases) == 4
    written = json.dumps(report.as_dict(), allow_nan=False)
    assert len(written) < 10_000 and not any(escape in written for escape in ("u001b", "u0007", "u202e"))


def test_extend_short_spans_are_dropped_with_their_labels(make_doc):
    doc, none = make_doc("New York is old"), make_doc("so")
    write_extensions(doc, "nltk", {"entities": [LabeledSpan(0, 2, "NP")], "pos": [LabeledSpan(3, 4, "JJ")]})
    assert drop_short_extensions(doc, 2) == 1 and drop_short_extensions(none, 2) == 0
    assert ext(doc) == [("New York", "NP")] and "sc_ext" not in none.spans
    assert labels_by_source(doc) == {"nltk (entities)": ["NP"], "nltk (pos)": []}
    assert drop_short_extensions(doc, 2) == 0
