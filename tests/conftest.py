"""Options for tests that are off by default, and Docs built by hand."""

import signal

import pytest
import spacy
from spacy.tokens import Doc, Span
from spacy.training import Example

OPTIONS = ("slow", "gpu", "external")


def pytest_configure(config):
    # A shell starts background jobs with interrupts ignored, and here as well as in what tests start they are tested.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser):
    for name in OPTIONS:
        parser.addoption(f"--{name}", action="store_true", help=f"also run tests marked {name}")
    parser.addoption("--update-golden", action="store_true", help="write outputs of commands and frozen pipelines")


def pytest_collection_modifyitems(config, items):
    for item in items:
        for name in OPTIONS:
            if name in item.keywords and not config.getoption(f"--{name}"):
                item.add_marker(pytest.mark.skip(reason=f"needs --{name}"))


@pytest.fixture
def nlp():
    return spacy.blank("en")


@pytest.fixture
def make_doc(nlp):
    """make_doc(text or words, (start, end, label), …): a gold Doc with spans under "sc"."""

    def make(text, *spans, key="sc"):
        doc = nlp.make_doc(text) if isinstance(text, str) else Doc(nlp.vocab, words=text)
        doc.spans[key] = [Span(doc, *span) for span in spans]
        return doc

    return make


@pytest.fixture
def make_example(nlp):
    """make_example(doc): an Example that predicts the words of the gold Doc."""

    def make(doc):
        spaces = [bool(token.whitespace_) for token in doc]
        return Example(Doc(nlp.vocab, words=[token.text for token in doc], spaces=spaces), doc)

    return make


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory):
    """The folder of a masked language model with random weights and 64 positions, whose pieces are letters."""
    import string

    import torch
    from transformers import BertConfig, BertForMaskedLM, BertTokenizerFast

    folder = tmp_path_factory.mktemp("tiny-bert")
    pieces = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        *string.printable.strip(),
        *(f"##{c}" for c in string.ascii_lowercase),
    ]
    (folder / "vocab.txt").write_text("\n".join(pieces), encoding="utf8")
    BertTokenizerFast(str(folder / "vocab.txt"), model_max_length=64).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(pieces),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=64,
    )
    BertForMaskedLM(config).save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="session")
def tiny_t5(tmp_path_factory):
    """An encoder-decoder of random weights, whose vocabulary of letters has no braces, as T5's has none."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import T5Config, T5ForConditionalGeneration, T5TokenizerFast

    folder = tmp_path_factory.mktemp("tiny-t5")
    signs = [chr(i) for i in range(33, 127) if chr(i) not in "{}"]
    vocabulary = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), *((sign, -2.0) for sign in ["▁", *signs])]
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=2))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    fast = T5TokenizerFast(tokenizer_object=tokenizer, extra_ids=0)
    fast.save_pretrained(folder)
    torch.manual_seed(0)
    config = T5Config(
        vocab_size=len(vocabulary), d_model=32, d_kv=8, d_ff=32, num_layers=1, num_heads=2, dropout_rate=0.0,
        decoder_start_token_id=0, eos_token_id=1, pad_token_id=0,
    )  # fmt: skip
    T5ForConditionalGeneration(config).save_pretrained(folder)
    return str(folder)
