"""The reasoning chain: its prompt, its replies, its pipe and its command."""

import json

import pytest
import spacy
import srsly
from small_models import TOK2VEC
from spacy.training import Example as TrainingExample
from thinc.api import ConfigValidationError
from typer.testing import CliRunner

from spacy_lowner.annotations import context_of
from spacy_lowner.cli import lowner
from spacy_lowner.corpus.docs import read_docs, write_docs
from spacy_lowner.errors import LownerError
from spacy_lowner.llm.messages import Reply
from spacy_lowner.pipeline.llm_reasoner import LLMReasoner
from spacy_lowner.reasoning.chain import ReasoningChain
from spacy_lowner.reasoning.examples import PACKAGED, examples_from, load_examples
from spacy_lowner.reasoning.reason import reason_about

CONFUSION = {
    "types": ["album", "singer", "song"],
    "sources": ["MISC", "PER"],
    "prefixes": ["MISC", "PER", None],
    "most_confused": ["song", None, "album"],
    "descriptions": {"album": "a record", "song": "a piece"},
}


@pytest.fixture
def docs(make_doc):
    return [
        make_doc("Ann sang", (0, 1, "singer")),
        make_doc("Bob sang Hurt", (0, 1, "singer"), (2, 3, "song")),
        make_doc("Thriller", (0, 1, "album")),
        make_doc("no one"),
    ]


def prompt_of(**settings):
    chain = ReasoningChain.from_confusion(CONFUSION, {"song": "one tune"}, examples=load_examples("ai")[:1], **settings)
    request = chain.request("Ann sang {{ 1 }}")
    return request.messages[0][1], request.schema


def test_reasoning_all_five_steps():
    prompt, schema = prompt_of()
    assert all(f"Step {number}." in prompt for number in range(1, 6))
    assert "- MISC->album: a record" in prompt and "- song: one tune" in prompt and "- PER: per" in prompt
    assert "- album -> song" in prompt and "- song -> album" in prompt and "- singer ->" not in prompt
    assert prompt.endswith("Text: Ann sang {{ 1 }}\nAnswer:") and schema["required"] == ["initial", "bidirectional"]
    assert '"initial": "Marvin Minsky and' in prompt and "They are not just persons" in prompt


@pytest.mark.parametrize(
    "switches, steps, backward",
    [
        ({"initial": False}, {1, 4, 5}, True),
        ({"backward": False}, {1, 2, 3, 4, 5}, False),
        ({"initial": False, "backward": False}, {1, 4, 5}, False),
    ],
)
def test_reasoning_ablations_skip_steps_and_examples(switches, steps, backward):
    prompt, schema = prompt_of(**switches)
    assert {number for number in range(1, 6) if f"Step {number}." in prompt} == steps
    assert ("album -> song" in prompt) == backward == ("They are not just persons" in prompt)
    assert ('"initial"' in prompt) == (2 in steps) == ("initial" in schema["required"])
    assert "MISC->album" in prompt


@pytest.mark.parametrize(
    "reply, expected",
    [
        (Reply('{"initial": "a", "bidirectional": "b\\n c"}'), {"initial": "a", "bidirectional": "b c"}),
        (Reply('Sure: ```json\n{"bidirectional": "b"}```'), {"bidirectional": "b"}),
        (Reply("I think so."), None),
        (Reply("[]"), None),
        (Reply('As in [1] and {"this": 2}: [{"bidirectional": "b"}]'), {"bidirectional": "b"}),
        (Reply("", error="down", timed_out=True), None),
        (Reply('{"initial": "a", "bidirectional": "b is', truncated=True), {"initial": "a"}),
        (Reply('{"initial": "Ann is a', truncated=True), None),
        (Reply('{"initial": ["Ann is PER", "x"], "bidirectional": {"a": 1}}'), {"initial": "Ann is PER x"}),
    ],
)
def test_reasoning_replies(reply, expected):
    assert ReasoningChain.from_confusion(CONFUSION).read(reply) == expected


@pytest.mark.parametrize(
    "content, expected",
    [
        ("[" * 990 + "]" * 990, None),
        ('{"bidirectional": ' + "[" * 990 + "]" * 990 + "}", None),
        ('{"initial": "\\u0000", "bidirectional": "\\u200b"}', None),
        ('{"bidirectional": "Ann\\u001b[0m is\\u0000 a\\nperson."}', {"bidirectional": "Ann[0m is a person."}),
        (json.dumps({"initial": "x" * 20_001, "bidirectional": "y" * 20_000}), {"bidirectional": "y" * 20_000}),
        (json.dumps({"initial": 9e999, "bidirectional": ["Ann.", "\x1b Bob."]}), {"bidirectional": "Ann. Bob."}),
    ],
    ids=["deep", "deep part", "blank", "controls", "long", "list"],
)
def test_reasoning_of_hostile_replies(content, expected):
    assert ReasoningChain.from_confusion(CONFUSION).read(Reply(content)) == expected


COARSE = "organisation person location misc country event award "
TYPES_IN_WORDS = {
    "ai": "researcher university algorithm programming language field metric product conference location task "
    "organisation person misc country",
    "literature": COARSE + "writer book poem magazine literary genre",
    "music": COARSE + "song band album musical artist musical instrument music genre",
    "politics": "organisation person location misc country event politician political party election",
    "science": "organisation person location misc country event award scientist university discipline enzyme protein "
    "chemical compound chemical element academic journal astronomical object theory",
}


@pytest.mark.parametrize("domain", PACKAGED)
def test_reasoning_shipped_examples_cover_the_types_of_their_domain(domain):
    examples = load_examples(domain)
    assert len(examples) == 10 and all(all(example) for example in examples)
    content = " ".join(example.forward for example in examples)
    assert all(word in content for word in TYPES_IN_WORDS[domain].split())


def test_reasoning_examples_are_made_of_sentences_that_bring_most_types(docs):
    chain = ReasoningChain.from_confusion(CONFUSION)
    made = examples_from(docs, chain, max_examples=2)
    assert [example.text for example in made] == ["Bob sang Hurt", "Thriller"]
    assert (
        made[0].initial == "Bob is PER: per."
        and "Hurt is not of the type album, because it is not a record." in made[0].backward
    )
    assert "because it is a piece" in made[0].forward and 'in "Bob sang Hurt"' in made[0].forward
    assert len(examples_from(docs, chain)) == 3


@pytest.mark.parametrize(
    "records", [[{"text": "a"}], ["a"], [{"text": "a", "initial": "", "forward": "", "backward": "", "more": ""}]]
)
def test_reasoning_bad_examples_are_refused(records, tmp_path):
    srsly.write_json(tmp_path / "examples.json", records)
    with pytest.raises(LownerError, match="example 1"):
        load_examples(str(tmp_path / "examples.json"))
    with pytest.raises(LownerError, match="LN010"):
        load_examples(str(tmp_path / "none.json"))


class Model:
    model = "wise"

    def __init__(self, *errors):
        self.errors = errors
        self.prompts = []

    def ask(self, requests, *, description=None):
        self.prompts += [request.messages[0][1].rsplit("Text: ", 1)[1].split("\n")[0] for request in requests]
        new = self.prompts[-len(requests) :] if requests else []
        return [
            Reply("", error="down", timed_out=True)
            if text in self.errors
            else Reply(json.dumps({"initial": "It is", "bidirectional": text}))
            for text in new
        ]


def test_reasoning_is_recorded_on_docs(docs, nlp):
    docs = [*docs, nlp.make_doc(" ")]
    reasoned = reason_about(docs, Model("no one"), ReasoningChain.from_confusion(CONFUSION), model_name="wise")
    assert reasoned == (3, 0, {"down": 1}, False)
    found = docs[0]._.lowner_reasoning
    assert {**found, "prompt_hash": None} == {
        "initial": "It is",
        "bidirectional": "Ann sang",
        "model": "wise",
        "prompt_hash": None,
    }
    assert context_of(docs[0], "lowner_reasoning") == "Ann sang It is" and context_of(docs[3], "lowner_reasoning") == ""
    assert found["prompt_hash"] != docs[1]._.lowner_reasoning["prompt_hash"]


class Short:
    def ask(self, requests, *, description=None):
        return [Reply('{"initial": "a", "bidirectional": "b is', truncated=True) for _ in requests]


def test_reasoning_partial_reasoning_is_counted(docs):
    reasoned = reason_about(docs, Short(), ReasoningChain.from_confusion(CONFUSION), model_name="m")
    assert reasoned == (0, len(docs), {}, False) and "bidirectional" not in docs[0]._.lowner_reasoning


def test_reasoning_partial_reasoning_is_reported_once(docs):
    nlp, _ = initialized(docs, Short())
    with pytest.warns(UserWarning, match="LN119.*2 text") as caught:
        list(nlp.pipe(["a", "b", "c", "d"], batch_size=2))
    assert len(caught) == 1


@pytest.mark.parametrize("change", [{"prefixes": ["X", None]}, {"most_confused": ["zzz", None]}, {"sources": [1]}])
def test_reasoning_confusion_that_does_not_fit_together_is_refused(change):
    change = {
        key: (value * len(CONFUSION["types"]))[: len(CONFUSION["types"])] if key != "sources" else value
        for key, value in change.items()
    }
    with pytest.raises(LownerError, match="LN092"):
        ReasoningChain.from_confusion({**CONFUSION, **change})


def build(llm=None, **config):
    nlp = spacy.blank("en")
    pipe = nlp.add_pipe("llm_reasoner", config=config)
    pipe.llm = llm
    return nlp, pipe


def initialized(docs, llm=None, **config):
    nlp, pipe = build(llm, **config)
    examples = [TrainingExample(nlp.make_doc(doc.text), doc) for doc in docs]
    pipe.initialize(lambda: examples, confusion=CONFUSION)
    return nlp, pipe


def test_reasoning_pipe_reasons_in_batches_and_comes_back(docs, tmp_path):
    model = Model()
    nlp, pipe = initialized(docs, model)
    assert len(pipe.chain.examples) == 3
    texts = ["Ann sang", "", "Bob", "so what"]
    found = list(nlp.pipe(texts))
    assert [doc.text for doc in found] == texts and model.prompts == ["Ann sang", "Bob", "so what"]
    assert found[2]._.lowner_reasoning["bidirectional"] == "Bob" and found[1]._.lowner_reasoning is None
    assert nlp(found[2])._.lowner_reasoning["model"] == "wise" and len(model.prompts) == 3
    nlp.to_disk(tmp_path / "model")
    again = spacy.load(tmp_path / "model")
    assert again.get_pipe("llm_reasoner").chain == pipe.chain
    other = spacy.load(tmp_path / "model", config={"components": {"llm_reasoner": {"backward": False}}}).get_pipe(
        "llm_reasoner"
    )
    assert not other.chain.backward and other.chain.examples == pipe.chain.examples
    assert build()[0].from_bytes(nlp.to_bytes()).get_pipe("llm_reasoner").chain == pipe.chain


def test_reasoning_config_can_name_the_examples_that_ship(docs):
    pipe = build()[1]
    pipe.initialize(lambda: [], confusion=CONFUSION, examples="ai")
    assert pipe.chain.examples == load_examples("ai")
    with pytest.raises(LownerError, match="LN010"):
        pipe.initialize(lambda: [], confusion=CONFUSION, examples="no such file.json")


def test_reasoning_failures_cost_reasoning_not_docs(docs):
    nlp, _ = initialized(docs)
    with pytest.warns(UserWarning, match="LN107.*no language model is configured") as caught:
        assert len(list(nlp.pipe(["a", "b"]))) == 2 and nlp("c")._.lowner_reasoning is None
    assert len(caught) == 1
    nlp, _ = initialized(docs, Model("b"))
    with pytest.warns(UserWarning, match="1 text.*down"):
        assert [bool(doc._.lowner_reasoning) for doc in nlp.pipe(["a", "b", "c"])] == [True, False, True]
    nlp, _ = initialized(docs, Model("b"), on_failure="raise")
    with pytest.raises(LownerError, match="LN095"):
        list(nlp.pipe(["a", "b"]))


def test_reasoning_server_that_refuses_everything_costs_reasoning_only(docs):
    pytest.importorskip("openai")
    from spacy_lowner.llm.client import OpenAIClient
    from spacy_lowner.llm.retrying import RetryPolicy

    client = OpenAIClient("m", "http://127.0.0.1:9/v1", retry_policy=RetryPolicy(deadline=0.2))
    nlp, _ = initialized(docs, client)
    with pytest.warns(UserWarning, match="LN107"):
        assert [doc.text for doc in nlp.pipe(["a", "b"])] == ["a", "b"]
    client.close()


def test_reasoning_cooldown_after_a_batch_without_answers(docs, monkeypatch):
    model = Model("a", "b")
    nlp, pipe = initialized(docs, model)
    with pytest.warns(UserWarning, match="LN107"):
        list(nlp.pipe(["a", "b", "c"], batch_size=2))
    assert model.prompts == ["a", "b"]
    monkeypatch.setattr(pipe, "_cooldown_until", 0.0)
    assert nlp("c")._.lowner_reasoning is not None


def test_reasoning_no_cooldown_if_failures_raise(docs):
    model = Model("a")
    nlp, pipe = initialized(docs, model, on_failure="raise")
    with pytest.raises(LownerError, match="LN095.*down"):
        nlp("a")
    assert nlp("b")._.lowner_reasoning is not None


def test_reasoning_error_handler_gets_a_failed_batch(docs):
    nlp, pipe = initialized(docs, Model("b"), on_failure="raise")
    failures = []
    nlp.set_error_handler(lambda name, proc, failed, error: failures.append((name, [doc.text for doc in failed])))
    assert [doc.text for doc in nlp.pipe(["a", "b", "c"], batch_size=1)] == ["a", "c"]
    assert failures == [("llm_reasoner", ["b"])]


def test_reasoning_no_cooldown_after_an_empty_text_or_an_unreadable_reply(docs):
    model = Model()
    nlp, pipe = initialized(docs, model)
    nlp("")
    assert nlp("Ann sang")._.lowner_reasoning is not None
    pipe.llm = Unreadable()
    with pytest.warns(UserWarning, match="no reasoning in the reply"):
        nlp("Bob sang")
    pipe.llm = model
    assert nlp("Cat sang")._.lowner_reasoning is not None


class Unreadable:
    """Says nothing that is JSON."""

    def ask(self, requests, *, description=None):
        return [Reply("hm") for _ in requests]


def test_reasoning_pipe_reports_missing_settings(docs):
    nlp, pipe = build(Model())
    with pytest.raises(LownerError, match="LN094"):
        nlp("a")
    with pytest.raises(LownerError, match="LN094"):
        pipe.initialize(lambda: [])
    with pytest.raises(LownerError, match="lacks types"):
        pipe.initialize(lambda: [], confusion={"sources": [], "prefixes": [], "most_confused": []})
    with pytest.raises(ConfigValidationError, match="on_failure"):
        build(on_failure="cry")
    with pytest.raises(LownerError, match="on_failure"):
        LLMReasoner(nlp.vocab, on_failure="cry")


def test_reasoning_config_can_name_recorded_replies(docs, tmp_path):
    chain = ReasoningChain.from_confusion(
        CONFUSION, examples=examples_from(docs, ReasoningChain.from_confusion(CONFUSION))
    )
    reply = {"prompt": chain.request("Ann sang").messages[0][1], "reply": '{"initial": "x", "bidirectional": "y"}'}
    srsly.write_jsonl(tmp_path / "replies.jsonl", [reply])
    nlp = spacy.blank("en")
    llm = {"@misc": "spacy-lowner.ReplayLLM.v1", "path": str(tmp_path / "replies.jsonl")}
    pipe = nlp.add_pipe("llm_reasoner", config={"llm": llm})
    pipe.initialize(lambda: [TrainingExample(nlp.make_doc(doc.text), doc) for doc in docs], confusion=CONFUSION)
    assert nlp("Ann sang")._.lowner_reasoning["bidirectional"] == "y"
    assert nlp.config["components"]["llm_reasoner"]["llm"]["@misc"] == "spacy-lowner.ReplayLLM.v1"


def test_reasoning_command_with_a_server(docs, tmp_path):
    pytest.importorskip("openai")
    from llm.server import serve

    write_docs(docs, tmp_path / "in.spacy")
    srsly.write_json(tmp_path / "confusion.json", CONFUSION)
    arguments = [
        "reason",
        str(tmp_path / "in.spacy"),
        str(tmp_path / "out.spacy"),
        "--confusion",
        str(tmp_path / "confusion.json"),
    ]
    with serve(lambda prompt, attempt: '{"initial": "i", "bidirectional": "b"}') as (url, server):
        more = [
            "--model",
            "m",
            "--base-url",
            url,
            "--cache",
            str(tmp_path / "cache.sqlite"),
            "--train",
            str(tmp_path / "in.spacy"),
        ]
        done = CliRunner().invoke(lowner, [*arguments, *more, "--limit", "2"])
        assert done.exit_code == 0, done.output
        assert len(server.seen) == 2
    assert [
        doc._.lowner_reasoning and doc._.lowner_reasoning["initial"] for doc in read_docs(tmp_path / "out.spacy")
    ] == ["i", "i", None, None]
    again = [
        arguments[0],
        str(tmp_path / "out.spacy"),
        str(tmp_path / "again.spacy"),
        *arguments[3:],
        "--train",
        str(tmp_path / "in.spacy"),
    ]
    with serve(
        lambda prompt, attempt: (
            '{"initial": "j", "bidirectional": "b"}' if "Ann" in prompt.rsplit("Text:", 1)[1] else "I refuse"
        )
    ) as (url, _):
        done = CliRunner().invoke(
            lowner, [*again, "--model", "n", "--base-url", url, "--cache", str(tmp_path / "n.sqlite")]
        )
        assert done.exit_code == 0, done.output
    later = {
        doc.text: doc._.lowner_reasoning and doc._.lowner_reasoning["initial"]
        for doc in read_docs(tmp_path / "again.spacy")
    }
    assert set(later.values()) == {"j", None}
    dry = CliRunner().invoke(lowner, [*arguments, "--examples", "ai", "--dry-run"])
    assert dry.exit_code == 0 and "Step 5" in dry.output and "4 calls" in dry.output
    assert "LN096" in CliRunner().invoke(lowner, arguments).output


def test_reasoning_chain_is_one_pipeline_that_trains_and_serves(docs):
    spacy.util.fix_random_seed(0)
    nlp, pipe = initialized(docs)

    class Knowing(Model):
        """Says which names are singers."""

        def ask(self, requests, *, description=None):
            texts = [request.messages[0][1].rsplit("Text: ", 1)[1].split("\n")[0] for request in requests]
            return [
                Reply(json.dumps({"initial": "i", "bidirectional": "a singer" if "Ann" in text else "a writer"}))
                for text in texts
            ]

    pipe.llm = Knowing()
    inner = {**TOK2VEC, "window_size": 3, "depth": 2, "width": 32}
    tok2vec = {"@architectures": "spacy-lowner.WithContext.v1", "dropout": 0.0, "tok2vec": inner}
    model = {"@architectures": "spacy-lowner.KnowFREE.v1", "tok2vec": tok2vec, "dropout": 0.0}
    span_pipe = nlp.add_pipe("knowfree_spancat", config={"label_semantics": False, "model": model})
    gold = []
    for text, label in (("Ann came", "singer"), ("Bob came", "writer")):
        doc = nlp.make_doc(text)
        doc.spans["sc"] = [spacy.tokens.Span(doc, 0, 1, label)]
        gold.append(TrainingExample(nlp.make_doc(text), doc))
    span_pipe.initialize(lambda: gold)
    optimizer = nlp.create_optimizer()
    for _ in range(60):
        nlp.update(gold, sgd=optimizer, annotates=["llm_reasoner"])
    found = nlp("Ann came")
    assert [span.label_ for span in found.spans["sc"]] == ["singer"] and found._.lowner_reasoning["model"] == "wise"
    pipe.llm = None
    with pytest.warns(UserWarning, match="LN107"):
        assert "sc" in nlp("Ann came").spans


def test_reasoning_server_of_a_saved_pipeline_can_be_changed(docs, tmp_path):
    pytest.importorskip("openai")
    nlp = spacy.blank("en")
    llm = {"@misc": "spacy-lowner.OpenAI.v1", "model": "m", "base_url": "http://one/v1"}
    pipe = nlp.add_pipe("llm_reasoner", config={"llm": llm})
    pipe.initialize(lambda: [TrainingExample(nlp.make_doc(doc.text), doc) for doc in docs], confusion=CONFUSION)
    nlp.to_disk(tmp_path / "model")
    assert spacy.load(tmp_path / "model").get_pipe("llm_reasoner").llm.base_url == "http://one/v1"
    changed = {"components": {"llm_reasoner": {"llm": {"base_url": "http://two/v1"}}}}
    again = spacy.load(tmp_path / "model", config=changed).get_pipe("llm_reasoner")
    assert (again.llm.base_url, again.llm.model) == ("http://two/v1", "m") and again.chain == pipe.chain
