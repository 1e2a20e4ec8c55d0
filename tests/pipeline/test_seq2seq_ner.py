"""The pipe `seq2seq_ner` and its grammar, on tiny encoder-decoders."""

import json
import math
import random

import pytest
import spacy
import torch
from small_models import check_learns_and_comes_back
from spacy.tokens import Doc
from spacy.training import Example
from transformers import (
    EncoderDecoderModel,
    RobertaConfig,
    RobertaForCausalLM,
    RobertaModel,
)

from spacy_lowner.annotations import context_of
from spacy_lowner.corpus.docs import bare_doc
from spacy_lowner.errors import LownerError
from spacy_lowner.models.generation import generate, place_mentions
from spacy_lowner.models.hf.pieces import load_tokenizer, pieces_of_words
from spacy_lowner.models.hf.shim import get_module, loaded_module
from spacy_lowner.models.json_grammar import JSONGrammar, Mention
from spacy_lowner.models.seq2seq_inputs import (
    Seq2SeqInput,
    encode_inputs,
    max_positions,
    mentions_in,
    pieces_in_json,
)

LABELS = {"PER": "person", "politicalParty": "political party"}


@pytest.fixture(params=["bert", "t5"])
def tokenizer(request, tiny_encoder, tiny_t5):
    return load_tokenizer(tiny_encoder if request.param == "bert" else tiny_t5)


def test_seq2seq_ner_escapes_quotes_and_backslashes(tmp_path, tiny_t5):
    tokenizer = load_tokenizer(tiny_t5)
    words = ["Edward", '"', "Ted", '"', "a\\b"]
    pieces = pieces_of_words(tokenizer, words)
    written = pieces_in_json(tokenizer, words, pieces)
    assert [written[i] == pieces[i] for i in range(5)] == [True, False, True, False, False]
    grammar = JSONGrammar(tokenizer, LABELS)
    output = grammar.encode(written, [Mention("PER", 0, 5)])
    assert grammar.decode(output, written) == (Mention("PER", 0, 5),)
    # This vocabulary of letters lacks braces alone.
    said = "".join(tokenizer.convert_ids_to_tokens(output)).replace("▁", " ").split("<unk>")[1]
    ((label, (mention,)),) = json.loads(f"{{{said}}}").items()
    assert (label.strip(), mention.split()) == ("person", words)


def walk(grammar, words, draw, limit):
    """An output of a model that says anything."""
    states, pieces = grammar.start(), []
    while states and any(getattr(state, "pieces", True) for state in states):
        allowed = grammar.allowed(states, words, closing=len(pieces) >= limit)
        pieces.append(draw.choice(allowed))
        states = grammar.step(states, pieces[-1], words)
        assert len(pieces) < 500
    return pieces


def test_seq2seq_ner_a_type_with_quotes_is_escaped(tokenizer):
    grammar = JSONGrammar(tokenizer, {"Q": 'a "so-called" type'})
    written = grammar.encode(pieces_of_words(tokenizer, ["Ann"]), [Mention("Q", 0, 1)])
    assert '"a\\"so-called\\"type":["' in tokenizer.decode(written, skip_special_tokens=True).replace(" ", "").replace(
        "▁", ""
    )


@pytest.mark.parametrize("text", ["Ann met Bob Ann", "a", "", '" { } ] , "', "New New York \n York", "x" * 60])
def test_seq2seq_ner_every_output_is_valid_and_its_mentions_are_of_the_text(tokenizer, text):
    doc_words = text.split(" ") if text else []
    words = pieces_of_words(tokenizer, doc_words)
    grammar = JSONGrammar(tokenizer, LABELS)
    draw = random.Random(0)
    for limit in [0, 5, 40] * 30:
        pieces = walk(grammar, words, draw, limit)
        found = grammar.decode(pieces, words)
        assert found is not None and len({label for label, _, _ in found}) <= 2
        assert all(label in LABELS and 0 <= start < end <= len(doc_words) for label, start, end in found)
        # Types stay together, so that the output is an object with each key once.
        order = [label for label, _, _ in found]
        assert sorted(order, key=order.index) == order
        if limit == 0:
            assert found == ()
    assert grammar.decode(pieces[:-1], words) is None and grammar.decode([], words) is None


def test_seq2seq_ner_parses_generated_outputs(tokenizer):
    words = pieces_of_words(tokenizer, "Ann met Bob of the New Party".split())
    grammar = JSONGrammar(tokenizer, LABELS)
    mentions = [Mention("PER", 0, 1), Mention("politicalParty", 5, 7), Mention("PER", 2, 3)]
    pieces = grammar.encode(words, mentions)
    assert grammar.decode(pieces, words) == (mentions[0], mentions[2], mentions[1])
    assert grammar.decode(grammar.encode(words, []), words) == ()
    choices = grammar.choices(pieces, words)
    assert len(choices) == len(pieces) and all(piece in own for piece, own in zip(pieces, choices))
    # The end alone may follow the last brace.
    assert choices[0] == pieces[:1] and choices[-1] == pieces[-1:]


def test_seq2seq_ner_a_word_of_many_pieces_is_brought_to_its_end(tokenizer):
    words = pieces_of_words(tokenizer, ["abcdefghij" * 4])
    grammar = JSONGrammar(tokenizer, {"PER": "p"})
    pieces = grammar.encode(words, [Mention("PER", 0, 1)])
    states = grammar.start()
    for piece in pieces[:-10]:
        states = grammar.step(states, piece, words)
    while any(getattr(state, "pieces", True) for state in states):
        (piece,) = grammar.allowed(states, words, closing=True)
        states = grammar.step(states, piece, words)
    assert states[0].mentions == (Mention("PER", 0, 1),)


def test_seq2seq_ner_repeated_mentions_take_the_next_position():
    ann, saw, new, space = [1], [2], [3, 4], []
    words = [ann, saw, ann, space, new, ann]
    written = [Mention("PER", 0, 1), Mention("LOC", 4, 6), Mention("PER", 0, 1), Mention("ORG", 0, 1)]
    # "New Ann" is longer and takes its words first, so that the third "Ann" has no place.
    assert place_mentions(words, written) == [Mention("PER", 0, 1), Mention("PER", 2, 3), Mention("LOC", 4, 6)]
    assert place_mentions(words, [Mention("PER", 2, 5)]) == [Mention("PER", 2, 5)] and place_mentions([], []) == []


def test_seq2seq_ner_quotes_in_a_text_do_not_multiply_what_an_output_may_be(tokenizer):
    words = pieces_of_words(tokenizer, ('"a" , ' * 20).split())
    grammar = JSONGrammar(tokenizer, LABELS)
    states = grammar.start()
    for piece in grammar.encode(words, [Mention("PER", i, i + 1) for i in range(0, 40, 2)]):
        states = grammar.step(states, piece, words)
        assert len(states) < 100


TEXTS = [
    (["Ann", "sang", "in", "Rome"], ["B-PER", "O", "O", "B-LOC"]),
    (["Bob", "left", "Oslo"], ["B-PER", "O", "B-LOC"]),
    (["nothing", "to", "see"], ["O", "O", "O"]),
]


def examples_of(nlp, texts=TEXTS):
    docs = [Doc(nlp.vocab, words=words, ents=tags) for words, tags in texts]
    return [Example(Doc(nlp.vocab, words=list(words)), doc) for (words, _), doc in zip(texts, docs)]


def build(path, **config):
    nlp = spacy.blank("en")
    settings = {
        "@architectures": "spacy-lowner.Seq2Seq.v1",
        "model": path,
        "max_input_tokens": 128,
        "max_new_tokens": 60,
    }
    nlp.add_pipe("seq2seq_ner", config={"model": {**settings, **config.pop("model", {})}, **config})
    return nlp


def test_seq2seq_ner_a_word_that_no_output_has_room_for_is_no_mention(tiny_t5):
    nlp = build(tiny_t5, model={"max_input_tokens": 4000})
    nlp.initialize(lambda: examples_of(nlp))
    pipe = nlp.get_pipe("seq2seq_ner")
    tasks = [task for _, task in pipe.windows(Doc(nlp.vocab, words=["y" * 3000, "met", "Ann"]))]
    (written,) = generate(pipe.model, tasks)
    assert written.valid and len(written.text) < 400 and all(mention.start > 0 for mention in written.mentions)


def test_seq2seq_ner_text_that_is_not_read_is_neither_found_nor_learned(tiny_t5):
    nlp = build(tiny_t5)
    nlp.initialize(lambda: examples_of(nlp))
    model = nlp.get_pipe("seq2seq_ner").model
    words = ["Ann", "met", "y" * 100, "Bob", "\u200b"]
    task = Seq2SeqInput(words, "", LABELS, [Mention("PER", 0, 1), Mention("PER", 3, 4)])
    with pytest.warns(UserWarning, match="LN109.*happened 1 time"):
        ((_, kept, *_),) = encode_inputs(model, [task])
    assert len(kept) == 2 and mentions_in(task.mentions, kept) == [Mention("PER", 0, 1)]
    assert mentions_in([Mention("PER", 0, 1), Mention("PER", 1, 2)], [[], [5]]) == [Mention("PER", 1, 2)]


def test_seq2seq_ner_gold_that_no_prediction_can_reach_is_counted(tiny_t5):
    nlp = build(tiny_t5, model={"max_new_tokens": 20})
    nlp.initialize(lambda: examples_of(nlp))
    with pytest.warns(UserWarning, match="LN124.* 2 gold"):
        nlp.update(examples_of(nlp))


def test_seq2seq_ner_types_of_the_same_pieces_are_refused(tiny_t5):
    with pytest.raises(LownerError, match="LN069"):
        JSONGrammar(load_tokenizer(tiny_t5), {"人": "人", "地": "地"})
    nlp = build(tiny_t5)
    with pytest.raises(LownerError, match="LN069"):
        nlp.initialize(lambda: examples_of(nlp, [(["Ann", "Bob"], ["B-人", "B-地"])]))


def test_seq2seq_ner_a_score_is_a_probability_among_what_may_come(tiny_t5):
    nlp = build(tiny_t5)
    nlp.initialize(lambda: examples_of(nlp))
    pipe = nlp.get_pipe("seq2seq_ner")
    tasks, _ = pipe._inputs_and_targets(examples_of(nlp))
    module, tokenizer = loaded_module(pipe.model).model, load_tokenizer(tiny_t5)
    for task, scores in zip(tasks, pipe.model.predict(tasks)):
        ((ids, words, *_),) = encode_inputs(pipe.model, [task])
        grammar = JSONGrammar(tokenizer, task.labels)
        output = grammar.encode(words, task.mentions)
        begun = torch.tensor([[module.config.decoder_start_token_id, *output[:-1]]])
        weights = module(input_ids=torch.tensor([ids]), decoder_input_ids=begun).logits[0].exp().tolist()
        states = grammar.start()
        assert len(scores) == len(output)
        for piece, row, score in zip(output, weights, scores):
            allowed = grammar.allowed(states, words, closing=False)
            assert math.exp(score) == pytest.approx(row[piece] / sum(row[i] for i in allowed), rel=1e-3)
            states = grammar.step(states, piece, words)


@pytest.mark.parametrize("num_beams", [1, 2])
def test_seq2seq_ner_it_learns_and_comes_back_from_disk(tiny_t5, num_beams, tmp_path):
    spacy.util.fix_random_seed(0)
    nlp = build(tiny_t5, model={"num_beams": num_beams})
    check_learns_and_comes_back(nlp, "seq2seq_ner", examples_of, tmp_path / "model", steps=300)


@pytest.mark.filterwarnings("ignore:.*LN110", "ignore:.*LN111", "ignore:.*LN124")
def test_seq2seq_ner_a_decoder_is_made_of_an_encoder(tiny_encoder, tmp_path):
    nlp = build(tiny_encoder, model={"max_input_tokens": 64, "max_new_tokens": 20})
    examples = examples_of(nlp)
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.005
    losses = [nlp.update(examples, sgd=optimizer)["seq2seq_ner"] for _ in range(40)]
    assert losses[-1] < 0.7 * losses[0]
    texts = ["Ann sang in Rome", "", "Bob", " "]
    alone = [[(ent.text, ent.label_) for ent in nlp(text).ents] for text in texts]
    assert alone == [[(ent.text, ent.label_) for ent in doc.ents] for doc in nlp.pipe(texts)]
    nlp.to_disk(tmp_path / "model")
    again = spacy.load(tmp_path / "model")
    assert alone == [[(ent.text, ent.label_) for ent in again(text).ents] for text in texts]


@pytest.mark.filterwarnings("ignore:.*LN110", "ignore:.*LN111")
def test_seq2seq_ner_the_packaged_encoder_writes_too():
    spacy.util.fix_random_seed(0)
    nlp = build("minilm", model={"max_new_tokens": 24})
    optimizer = nlp.initialize(lambda: examples_of(nlp))
    losses = [nlp.update(examples_of(nlp), sgd=optimizer)["seq2seq_ner"] for _ in range(3)]
    assert losses[-1] < losses[0]
    assert all(
        written.valid
        for written in generate(
            nlp.get_pipe("seq2seq_ner").model, [Seq2SeqInput(["Ann", "sang"], "", {"PER": "person"})]
        )
    )


@pytest.mark.gpu
@pytest.mark.filterwarnings("ignore:.*LN110", "ignore:.*LN111")
@pytest.mark.parametrize("num_beams", [1, 2])
def test_seq2seq_ner_gpu_writes_what_cpu_writes(tiny_t5, num_beams, tmp_path):
    spacy.util.fix_random_seed(0)
    nlp = build(tiny_t5, model={"num_beams": num_beams})
    optimizer = nlp.initialize(lambda: examples_of(nlp))
    for _ in range(20):
        nlp.update(examples_of(nlp), sgd=optimizer)
    nlp.to_disk(tmp_path)
    texts = [" ".join(words) for words, _ in TEXTS]
    on_cpu = [[(ent.text, ent.label_) for ent in doc.ents] for doc in nlp.pipe(texts)]
    spacy.require_gpu()
    try:
        loaded = spacy.load(tmp_path)
        assert [[(ent.text, ent.label_) for ent in doc.ents] for doc in loaded.pipe(texts)] == on_cpu
        loaded.update(examples_of(loaded), losses={})
    finally:
        spacy.require_cpu()


def test_seq2seq_ner_untrained_outputs_are_of_the_text(tiny_t5):
    nlp = build(tiny_t5)
    nlp.initialize(lambda: examples_of(nlp))
    words = ["Ann", "sang", "in", "Rome", "."]
    for written in generate(nlp.get_pipe("seq2seq_ner").model, [Seq2SeqInput(words, "", {"PER": "per"})] * 3):
        assert written.valid and all(0 <= start < end <= 5 for _, start, end in written.mentions)


def test_seq2seq_ner_an_output_at_its_limit_is_closed_and_counted(tiny_t5):
    nlp = build(tiny_t5)
    nlp.initialize(lambda: examples_of(nlp))
    pipe = nlp.get_pipe("seq2seq_ner")
    pipe.model.attrs["settings"].max_new_tokens = 1
    doc = nlp.make_doc("Ann sang in Rome.")
    (written,) = generate(pipe.model, [Seq2SeqInput([token.text for token in doc], "", {"PER": "per"})])
    assert written.valid and written.cut
    with pytest.warns(UserWarning, match=r"1 output\(s\) were cut at the limit"):
        pipe(doc)


def test_seq2seq_ner_what_a_model_forces_by_itself_does_not_reach_the_output(tiny_t5):
    nlp = build(tiny_t5)
    nlp.initialize(lambda: examples_of(nlp))
    model = nlp.get_pipe("seq2seq_ner").model
    own = get_module(model.shims[0]).model.generation_config
    own.forced_bos_token_id, own.no_repeat_ngram_size, own.min_length = 5, 1, 40
    assert all(written.valid for written in generate(model, [Seq2SeqInput(["Ann", "sang"], "", {"PER": "per"})] * 3))


def test_seq2seq_ner_too_many_types_for_an_input_are_refused(tiny_t5, tiny_encoder):
    nlp = build(tiny_t5)
    nlp.get_pipe("seq2seq_ner").add_label("a very long name of a type " * 5)
    with pytest.raises(LownerError, match="LN057.*3 types"):
        nlp.initialize(lambda: examples_of(nlp, TEXTS[1:2]))
        nlp("Ann")
    nlp = build(tiny_encoder)
    with pytest.raises(LownerError, match="LN057.*max_input_tokens.*64"):
        nlp.initialize(lambda: examples_of(nlp))


def test_seq2seq_ner_reasoning_is_read_and_cut_before_text(tiny_t5):
    nlp = build(tiny_t5)
    nlp.initialize(lambda: examples_of(nlp))
    pipe = nlp.get_pipe("seq2seq_ner")
    doc = nlp.make_doc("Ann sang")
    ((plain, words, *_),) = encode_inputs(pipe.model, [task for _, task in pipe.windows(doc)])
    doc._.lowner_reasoning = {"bidirectional": "Ann is a PER."}
    ((reasoned, same, *_),) = encode_inputs(pipe.model, [task for _, task in pipe.windows(doc)])
    assert words == same and reasoned[: len(plain) - 1] == plain[:-1] and len(reasoned) > len(plain)
    doc._.lowner_reasoning = "so " * 100
    with pytest.warns(UserWarning, match="LN109.*128"):
        ((cut, *_),) = encode_inputs(pipe.model, [task for _, task in pipe.windows(doc)])
    assert len(cut) == 128 and cut[: len(plain) - 1] == plain[:-1]


def test_seq2seq_ner_long_docs_are_read_in_windows(tiny_t5):
    nlp = build(tiny_t5, window=3)
    examples = examples_of(
        nlp, [(["Ann", "sang", "in", "Rome", "and", "Oslo", "."], ["B-PER", "O", "O", "B-LOC", "O", "B-LOC", "O"])]
    )
    nlp.initialize(lambda: examples)
    windows = nlp.get_pipe("seq2seq_ner")._annotated_windows(examples[0])
    assert [(task.words, [tuple(one) for one in task.mentions]) for task in windows] == [
        (["Ann", "sang", "in"], [("PER", 0, 1)]), (["Rome", "and", "Oslo"], [("LOC", 0, 1), ("LOC", 2, 3)]), (["."], [])
    ]  # fmt: skip


def test_seq2seq_ner_a_gold_entity_is_not_cut_in_two(tiny_t5):
    nlp = build(tiny_t5, window=4)
    examples = examples_of(nlp, [("we saw the New York bridge".split(), ["O", "O", "O", "B-LOC", "I-LOC", "O"])])
    nlp.initialize(lambda: examples)
    windows = nlp.get_pipe("seq2seq_ner")._annotated_windows(examples[0])
    assert [(task.words, [tuple(one) for one in task.mentions]) for task in windows] == [
        (["we", "saw", "the"], []), (["New", "York", "bridge"], [("LOC", 0, 2)])
    ]  # fmt: skip


def test_seq2seq_ner_a_second_initialization_forgets_what_was_learned(tiny_t5):
    nlp = build(tiny_t5)
    examples = examples_of(nlp)
    optimizer = nlp.initialize(lambda: examples)
    shim = nlp.get_pipe("seq2seq_ner").model.shims[0]
    untrained = shim.to_bytes()
    nlp.update(examples, sgd=optimizer)
    assert shim.to_bytes() != untrained
    nlp.initialize(lambda: examples)
    assert shim.to_bytes() == untrained


def test_seq2seq_ner_roberta_counts_positions_from_its_padding():
    config = RobertaConfig(
        vocab_size=20, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8,
        max_position_embeddings=66, pad_token_id=1, is_decoder=True, add_cross_attention=True,
    )  # fmt: skip
    both = EncoderDecoderModel(encoder=RobertaModel(config), decoder=RobertaForCausalLM(config))
    assert max_positions(both, "encoder") == max_positions(both, "decoder") == 64


def test_seq2seq_ner_context_is_read_where_nobody_has_made_its_attribute():
    doc = Doc(spacy.blank("en").vocab, words=["Ann"])
    assert context_of(doc, "not_made_yet") == ""
    doc._.not_made_yet = ["Ann is a singer.", "So is Bob."]
    bare = bare_doc(doc, doc.vocab)
    Doc.remove_extension("not_made_yet")
    assert context_of(bare, "not_made_yet") == "Ann is a singer. So is Bob."
    Doc.remove_extension("not_made_yet")


def test_seq2seq_ner_missing_annotation_and_unknown_labels(tiny_t5):
    nlp = build(tiny_t5)
    nlp.initialize(lambda: examples_of(nlp))
    assert nlp.update(examples_of(nlp, [(["Ann", "sang"], ["B-PER", ""])]), sgd=None) == {"seq2seq_ner": 0.0}
    with pytest.raises(LownerError, match="LN043"):
        nlp.update(examples_of(nlp, [(["Ann"], ["B-NEW"])]))
    assert nlp.get_pipe("seq2seq_ner").add_label("NEW") == 1
    nlp.update(examples_of(nlp, [(["Ann"], ["B-NEW"])]))
    with pytest.raises(LownerError, match="LN042"):
        build(tiny_t5)("Ann")
    with pytest.raises(LownerError, match="LN042"):
        build(tiny_t5).update(examples_of(nlp))


def test_seq2seq_ner_labels_that_are_written_alike_and_odd_windows_are_refused(tiny_t5):
    pipe = build(tiny_t5).get_pipe("seq2seq_ner")
    pipe.add_label("political party")
    with pytest.raises(LownerError, match="LN058"):
        pipe.add_label("politicalParty")
    with pytest.raises(LownerError, match="window must be positive"):
        spacy.blank("en").add_pipe("seq2seq_ner", config={"window": 0})


def test_seq2seq_ner_outputs_end_before_a_decoder_has_no_more_positions(tiny_encoder):
    nlp = build(tiny_encoder, model={"max_input_tokens": 64})
    nlp.initialize(lambda: examples_of(nlp))
    model = nlp.get_pipe("seq2seq_ner").model
    model.attrs["settings"].max_new_tokens = 10_000
    (written,) = generate(model, [Seq2SeqInput(["Ann", "sang"] * 3, "", {"PER": "per"})])
    assert all(0 <= start < end <= 6 for _, start, end in written.mentions)
