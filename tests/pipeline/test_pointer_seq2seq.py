"""The pipe `seq2seq_ner` with a pointer decoder, on a tiny encoder with random weights."""

import json

import pytest
import spacy
import torch
from small_models import check_learns_and_comes_back
from spacy.tokens import Doc
from spacy.training import Example

from spacy_lowner.errors import LownerError
from spacy_lowner.models.generation import generate
from spacy_lowner.models.hf.shim import loaded_module
from spacy_lowner.models.json_grammar import Mention
from spacy_lowner.models.seq2seq_inputs import Seq2SeqInput

TEXTS = [
    (["Ann", "sang", "in", "Rome"], ["B-p", "O", "O", "B-l"]),
    (["Bob", "left", "Oslo"], ["B-p", "O", "B-l"]),
    (["no", "to", "see"], ["O", "O", "O"]),
    (["New", "York", "Ann"], ["B-l", "I-l", "B-p"]),
]
LABELS = {"l": "l", "p": "p"}


def examples_of(nlp, texts=TEXTS):
    docs = [Doc(nlp.vocab, words=words, ents=tags) for words, tags in texts]
    return [Example(Doc(nlp.vocab, words=list(words)), doc) for (words, _), doc in zip(texts, docs)]


def build(encoder, **model):
    spacy.util.fix_random_seed(0)
    nlp = spacy.blank("en")
    settings = {
        "@architectures": "spacy-lowner.PointerSeq2Seq.v1",
        "encoder": encoder,
        "layers": 1,
        "dropout": 0.0,
        "max_input_tokens": 64,
    }
    nlp.add_pipe("seq2seq_ner", config={"model": {**settings, **model}})
    return nlp


@pytest.fixture
def untrained(tiny_encoder):
    nlp = build(tiny_encoder)
    nlp.initialize(lambda: examples_of(nlp))
    return nlp


def all_outputs(words):
    """Every set of mentions of two types that do not overlap, at any positions."""

    def placed(start):
        yield []
        for first in range(start, words):
            for end in range(first + 1, words + 1):
                for label in LABELS:
                    for rest in placed(end):
                        yield [Mention(label, first, end), *rest]

    return list(placed(0))


def test_pointer_seq2seq_probabilities_of_all_outputs_sum_to_one(untrained):
    words = ["a", "b", "c"]
    outputs = all_outputs(len(words))
    assert len(outputs) == len({tuple(sorted(output)) for output in outputs}) > 30
    inputs = [Seq2SeqInput(words, "", LABELS, mentions) for mentions in outputs]
    scores = untrained.get_pipe("seq2seq_ner").model.predict(inputs)
    assert [len(row) for row in scores] == [3 * len(mentions) + 1 for mentions in outputs]
    total = torch.tensor([float(row.sum()) for row in scores]).exp().sum()
    assert float(total) == pytest.approx(1.0, rel=1e-4)


def test_pointer_seq2seq_what_is_found_is_as_likely_as_its_steps_say(untrained):
    model = untrained.get_pipe("seq2seq_ner").model
    # A free choice of steps: random weights mark as many mentions as the text has room for.
    loaded_module(model).decoder.stop.bias.data.fill_(-5.0)
    inputs = [Seq2SeqInput(list("abcde"), "", LABELS), Seq2SeqInput(["x", " ", "y"], "", LABELS)]
    for given, found in zip(inputs, generate(model, inputs)):
        assert found.mentions and found.valid
        taken = [word for mention in found.mentions for word in range(mention.start, mention.end)]
        assert len(taken) == len(set(taken))
        (scores,) = model.predict([given._replace(mentions=found.mentions)])
        assert len(scores) == 3 * len(found.mentions) + 1
        # Each step was the best one of its kind, so no step can be less likely than the even choice among all.
        choices = len(given.words) + 1, len(given.words), len(LABELS)
        for number, score in enumerate(scores[:-1]):
            assert score >= -torch.tensor(float(choices[number % 3])).log() - 1e-4


def test_pointer_seq2seq_it_learns_and_comes_back_from_disk(tiny_encoder, tmp_path):
    check_learns_and_comes_back(build(tiny_encoder), "seq2seq_ner", examples_of, tmp_path / "model", steps=150)


def test_pointer_seq2seq_writes_the_json_of_the_paper(tiny_encoder):
    nlp = build(tiny_encoder)
    optimizer = nlp.initialize(lambda: examples_of(nlp))
    optimizer.learn_rate = 0.01
    for _ in range(150):
        nlp.update(examples_of(nlp), sgd=optimizer)
    pipe = nlp.get_pipe("seq2seq_ner")
    tasks = [task for _, task in pipe.windows(nlp.make_doc("New York Ann"))]
    (found,) = generate(pipe.model, tasks)
    assert json.loads(found.text) == {"l": ["New York"], "p": ["Ann"]}
    assert found.mentions == [Mention("l", 0, 2), Mention("p", 2, 3)]


def test_pointer_seq2seq_order_and_batches_change_nothing(untrained):
    texts = ["Ann sang in Rome", "", "Bob", " ", "a b c d e f g h"]
    alone = [[(ent.text, ent.label_) for ent in untrained(text).ents] for text in texts]
    together = [[(ent.text, ent.label_) for ent in doc.ents] for doc in untrained.pipe(reversed(texts))]
    assert alone == together[::-1]


def test_pointer_seq2seq_words_without_pieces_are_no_ends(untrained):
    model = untrained.get_pipe("seq2seq_ner").model
    gold = Seq2SeqInput(["x", " ", "y", "\u00ad"], "", LABELS, [Mention("p", 0, 4)])
    bare = Seq2SeqInput(["x", " ", "y", "\u00ad"], "", LABELS, [Mention("p", 0, 3)])
    first, second = model.predict([gold, bare])
    assert first.tolist() == second.tolist()
    loaded_module(model).decoder.stop.bias.data.fill_(-50.0)
    ends = [mention.end for mention in generate(model, [gold])[0].mentions]
    assert ends and set(ends) <= {1, 3}


def test_pointer_seq2seq_mentions_beyond_the_input_are_not_learned(untrained):
    model = untrained.get_pipe("seq2seq_ner").model
    words = ["ab", "y" * 60, "cd"]
    task = Seq2SeqInput(words, "", LABELS, [Mention("p", 0, 1), Mention("l", 2, 3)])
    with pytest.warns(UserWarning, match="LN109"):
        (scores,) = model.predict([task])
    assert len(scores) == 4
    assert all(mention.end == 1 for mention in generate(model, [task])[0].mentions)


def test_pointer_seq2seq_a_source_with_other_types_gives_all_weights(tiny_encoder, tmp_path):
    source = build(tiny_encoder)
    optimizer = source.initialize(lambda: examples_of(source))
    for _ in range(3):
        source.update(examples_of(source), sgd=optimizer)
    target = build(tiny_encoder)
    texts = [(["Ann", "ate"], ["B-x", "O"])]
    target.initialize(lambda: examples_of(target, texts))
    pipe = target.get_pipe("seq2seq_ner")
    assert pipe.start_from(source.get_pipe("seq2seq_ner"))
    ours, theirs = (loaded_module(nlp.get_pipe("seq2seq_ner").model).state_dict() for nlp in (target, source))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs) and pipe.labels == ("x",)


def test_pointer_seq2seq_unusable_encoders_and_settings_are_named(tiny_t5, tiny_encoder):
    nlp = build(tiny_t5)
    with pytest.raises(LownerError, match="LN025.*spacy-lowner.Seq2Seq.v1"):
        nlp.initialize(lambda: examples_of(nlp))
    nlp = build(tiny_encoder, max_input_tokens=65)
    with pytest.raises(LownerError, match="LN057"):
        nlp.initialize(lambda: examples_of(nlp))
    with pytest.raises(LownerError, match="layers"):
        build(tiny_encoder, layers=0)
