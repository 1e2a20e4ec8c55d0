"""Templates, packed rows, and the encoder that reads them."""

import pytest
import torch
from spacy.tokens import Doc

from spacy_lowner.errors import LownerError
from spacy_lowner.models.contrast import build_contrast_ner
from spacy_lowner.models.hf.shim import get_module
from spacy_lowner.models.prompts.packing import PromptWriter, Text
from spacy_lowner.models.prompts.reader import PromptReader
from spacy_lowner.models.prompts.templates import TEMPLATES, check_template, parse_template

CLS, SEP, MASK = 1, 2, 3
WORDS = {"is": 11, "a": 12, "entity.": 13, "What": 14}


def writer(template="is_a", max_packed_length=64, soft=(90, 91), share_positions=False):
    parsed = parse_template(template, lambda text: [WORDS.get(word, 10) for word in text.split()])
    return PromptWriter(
        parsed,
        soft=list(soft),
        cls=CLS,
        sep=SEP,
        mask=MASK,
        first_position=2,
        max_packed_length=max_packed_length,
        share_positions=share_positions,
    )


@pytest.mark.parametrize("name", TEMPLATES)
def test_templates_of_the_paper(name):
    template = parse_template(name, lambda text: [0] * len(text.split()))
    assert [name for name, _ in template.shared][:2] == ["text", "soft"]
    assert {name for name, _ in template.literal} == {"text", "soft", "candidate", "mask", "hard"}


@pytest.mark.parametrize(
    "template, problem",
    [
        ("{text} {candidate} is a {mask}", "lacks {soft}"),
        ("{text}", "lacks {soft}, {candidate}, {mask}"),
        ("{text} {soft} {candidate} {mask} {mask}", "{mask} more than once"),
        ("{text} {soft} {candidate} {mask} {type}", "{type}, which mean nothing"),
        ("{text} {soft} {candidate} {mask} }", "a brace that belongs to no slot"),
    ],
)
def test_bad_templates_are_refused_with_what_is_wrong(template, problem):
    with pytest.raises(LownerError) as error:
        check_template(template)
    assert problem in str(error.value) and "is_a" in str(error.value)
    with pytest.raises(LownerError):
        build_contrast_ner("minilm", template=template)


TEXTS = [Text([[21], [22, 23], [24]], [(1, 2), (0, 1)]), Text([[25]], [(0, 1)])]


def test_paper_rows():
    first, second, third = writer().paper(TEXTS)
    assert first.ids == [CLS, 21, 22, 23, 24, 90, 91, 22, 23, 11, 12, MASK, 13, SEP]
    assert first.positions == list(range(2, 16)) and set(first.owners) == set(first.texts) == {0}
    assert [first.prompts, second.prompts, third.prompts] == [
        [(0, 11, range(2, 4))],
        [(1, 10, range(1, 2))],
        [(2, 7, range(1, 2))],
    ]


def test_packed_rows_hold_a_text_once():
    (row,) = writer().packed(TEXTS)
    shared, one, two = [CLS, 21, 22, 23, 24, 90, 91], [22, 23, 11, 12, MASK, 13, SEP], [21, 11, 12, MASK, 13, SEP]
    assert row.ids == shared + one + two + [CLS, 25, 90, 91] + [25, 11, 12, MASK, 13, SEP]
    assert row.positions[:7] == list(range(2, 9)) and row.positions[7:14] == list(range(9, 16))
    assert row.positions[14:20] == list(range(9, 15)) and row.positions[20:24] == [2, 3, 4, 5]
    assert row.owners == [0] * 7 + [1] * 7 + [2] * 6 + [0] * 4 + [1] * 6
    assert row.texts == [1] * 20 + [2] * 10
    assert [(one.number, row.ids[one.mask]) for one in row.prompts] == [(0, MASK), (1, MASK), (2, MASK)]
    assert [[row.ids[column] for column in one.word] for one in row.prompts] == [[22, 23], [21], [25]]


def test_an_anchored_candidate_has_the_positions_of_its_word():
    (row,) = writer(share_positions=True).packed(TEXTS)
    assert row.positions[:7] == list(range(2, 9)) and row.positions[7:14] == [4, 5, 11, 12, 13, 14, 15]
    assert row.positions[14:20] == [3, 10, 11, 12, 13, 14]
    first, second, third = writer(share_positions=True).paper(TEXTS)
    assert first.positions == [*range(2, 9), 4, 5, *range(11, 16)]
    assert second.positions[7] == 3 and third.positions[4] == 3
    (row,) = writer("What {mask} {soft} is {candidate} {text}", share_positions=True).packed(TEXTS[:1])
    assert row.positions[:5] == [2, 3, 4, 5, 6] and row.positions[10:12] == [4, 5]


@pytest.mark.parametrize("size", [1, 16, 20, 30])
def test_a_text_whose_prompts_do_not_fit_is_split_and_nothing_is_dropped(size):
    rows = list(writer(max_packed_length=size).packed(TEXTS))
    assert sorted(number for row in rows for number, _, _ in row.prompts) == [0, 1, 2]
    assert all(len(row.ids) <= size or len(row.prompts) == 1 for row in rows)
    assert len(rows) == {1: 3, 16: 3, 20: 2, 30: 1}[size]


def test_slots_in_any_order():
    row = next(writer("What {mask} {soft} is {candidate} {text}").paper(TEXTS))
    assert row.ids == [CLS, 14, MASK, 90, 91, 11, 22, 23, 21, 22, 23, 24, SEP]
    row = next(writer("What {mask} {soft} is {candidate} {text}").packed(TEXTS))
    assert row.ids[:13] == [CLS, 21, 22, 23, 24, 14, MASK, 90, 91, 11, 22, 23, SEP]


@pytest.fixture
def build(tiny_encoder):
    def make(**settings):
        torch.manual_seed(0)
        model = build_contrast_ner(tiny_encoder, soft_tokens=3, **settings)
        model.initialize(Y=["nothing", "person", "place"])
        for weight in get_module(model.shims[0]).parameters():
            if weight.ndim > 1:
                torch.nn.init.normal_(weight, std=0.5)
        return model

    return make


@pytest.fixture
def doc(nlp):
    return Doc(nlp.vocab, words="ann met bob in rome".split())


EACH_WORD = [(i, i + 1) for i in range(5)]


def test_a_packed_state_is_that_of_the_prompt_alone(build, doc, nlp):
    model = build(max_packed_length=200)
    other = Doc(nlp.vocab, words=["hi", "you"])
    together = model.predict([(doc, EACH_WORD), (other, [(0, 1), (1, 2)])]).states
    alone = [model.predict([(doc, [place])]).states[0] for place in EACH_WORD]
    alone += [model.predict([(other, [place])]).states[0] for place in [(0, 1), (1, 2)]]
    for one, packed in zip(alone, together):
        assert packed == pytest.approx(one, abs=1e-4)
    assert abs(together[0] - together[1]).max() > 0.1


@pytest.mark.parametrize("share_positions", [True, False])
def test_a_packed_prompt_sees_its_text_and_the_text_not_its_prompts(build, doc, nlp, share_positions):
    """The same mask, written out for one prompt in a plain row: text and soft tokens see themselves, the prompt all."""
    model = build(share_positions=share_positions)
    module = get_module(model.shims[0]).eval()
    batches, _ = PromptReader(module, vars(model.attrs["settings"])).read([(doc, [(2, 3)])])
    batch = {name: torch.as_tensor(array) for name, array in batches[0].items()}
    length, own = batch["ids"].shape[1], int((batch["owners"] == 0).sum())
    mask = torch.ones(1, length, length, dtype=torch.long)
    mask[:, :own, own:] = 0
    with torch.no_grad():
        states = module.encoder(
            inputs_embeds=module._embed(batch["ids"]),
            position_ids=batch["positions"],
            attention_mask=mask,
        ).last_hidden_state[0]
    assert batch["positions"].tolist() == [[*range(length)]] or share_positions
    word = states[batch["words"][:, 1]].mean(0)
    both = (states[batch["masks"][0]] + word) / 2
    assert model.predict([(doc, [(2, 3)])]).states[0] == pytest.approx(both.numpy(), abs=1e-4)


def test_paper_form_is_what_the_encoder_gives_for_the_whole_prompt(build, doc):
    model = build(packing="paper", state="mask", share_positions=False)
    module = get_module(model.shims[0])
    batches, order = PromptReader(module, vars(model.attrs["settings"])).read([(doc, EACH_WORD)])
    states = model.predict([(doc, EACH_WORD)]).states
    module.eval()
    for batch in batches:
        for row in range(len(batch["ids"])):
            ids = torch.as_tensor(batch["ids"][row : row + 1])
            ids = ids[batch["texts"][row : row + 1] == 0][None]
            with torch.no_grad():
                plain = module.encoder(inputs_embeds=module._embed(ids)).last_hidden_state[0]
            mask = ids[0].tolist().index(4)
            assert states[order.pop(0)] == pytest.approx(plain[mask].numpy(), abs=1e-4)


def test_long_docs_are_windowed_and_long_words_cut_inside(build, nlp):
    model = build(window=16)
    words = [c * 3 for c in "abcdefghijklmnopqrstuvwxyz"] + ["x." * 500]
    long = Doc(nlp.vocab, words=words)
    with pytest.warns(UserWarning, match="LN104"):
        states = model.predict([(long, [(i, i + 1) for i in range(len(words))])]).states
    assert len(states) == len(words) and len({tuple(state) for state in states.tolist()}) == len(words)


def test_gradients_reach_soft_tokens_and_encoder(build, doc):
    model = build()
    prediction, backprop = model.begin_update([(doc, EACH_WORD)])
    prediction.states[:] = 1.0
    prediction.logits[:] = 1.0
    backprop(prediction)
    module = get_module(model.shims[0])
    assert module.head.soft.grad.abs().sum() > 0 and module.head.types.grad.abs().sum() > 0
    assert module.encoder.encoder.layer[0].output.dense.weight.grad.abs().sum() > 0


def test_words_that_look_like_special_tokens_are_text(build, nlp):
    model = build()
    doc = Doc(nlp.vocab, words=["[MASK]", "[SEP]"])
    assert model.predict([(doc, [(0, 1), (1, 2)])]).states.shape[0] == 2


def test_encoders_that_cannot_read_prompts_are_refused(tmp_path, tiny_encoder):
    from transformers import AutoTokenizer, DistilBertConfig, DistilBertModel

    config = DistilBertConfig(vocab_size=200, dim=8, n_layers=1, n_heads=1, hidden_dim=8, max_position_embeddings=64)
    DistilBertModel(config).save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(tiny_encoder).save_pretrained(tmp_path)
    with pytest.raises(LownerError, match="LN051"):
        build_contrast_ner(str(tmp_path)).initialize(Y=["nothing", "x"])


def test_roberta_counts_positions_from_its_padding(tmp_path, nlp):
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast, RobertaConfig, RobertaModel

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocab = {piece: i for i, piece in enumerate(["<s>", "<pad>", "</s>", "<unk>", "<mask>", *letters])}
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        cls_token="<s>",
        pad_token="<pad>",
        sep_token="</s>",
        unk_token="<unk>",
        mask_token="<mask>",
    ).save_pretrained(tmp_path)
    config = RobertaConfig(
        vocab_size=len(vocab),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=80,
        type_vocab_size=1,
    )
    RobertaModel(config).save_pretrained(tmp_path)
    model = build_contrast_ner(str(tmp_path))
    model.initialize(Y=["nothing", "x"])
    doc = Doc(nlp.vocab, words=["Rome", "is", "old"])
    module = get_module(model.shims[0])
    batches, _ = PromptReader(module, vars(model.attrs["settings"])).read([(doc, [(0, 1)])])
    assert batches[0]["positions"].min() == 2
    assert model.predict([(doc, [(0, 1), (1, 3)])]).states.shape == (2, 16)
