"""configs/reasoning.cfg as a whole: the language model answers, and its statements decide."""

import json
from pathlib import Path

import pytest
import spacy
import srsly
from spacy import registry
from spacy.training.initialize import init_nlp
from spacy.training.loop import train
from spacy.util import load_config

from spacy_lowner.corpus.docs import write_docs
from spacy_lowner.llm.messages import Reply

CONFIG = Path(__file__).parents[2] / "configs" / "reasoning.cfg"
CONFUSION = {
    "types": ["singer", "song"],
    "sources": ["PER"],
    "prefixes": ["PER", None],
    "most_confused": ["song", "singer"],
    "descriptions": {"singer": "a person who sings", "song": "a piece of music"},
}
KNOWN = {"Ann": "singer", "Hurt": "song", "Zed": "singer", "Xanadu": "song"}


class Scripted:
    """Says the types of the words that it knows."""

    model = "wise"

    def ask(self, requests, *, description=None):
        texts = [request.messages[0][1].rsplit("Text: ", 1)[1].split("\n")[0] for request in requests]
        return [self.answer(text) for text in texts]

    def answer(self, text):
        statements = " ".join(f"{word} is a {KNOWN[word]}." for word in text.split() if word in KNOWN)
        return Reply(json.dumps({"initial": "The text has names.", "bidirectional": statements}))


@pytest.mark.skipif(not CONFIG.is_file(), reason="the source tree is not here")
def test_reasoning_config_trains_and_uses_statements_about_words_it_has_never_seen(tmp_path, make_doc, tiny_encoder):
    registry.misc("test.Scripted.v1", func=Scripted)
    write_docs([make_doc("Ann sang Hurt", (0, 1, "singer"), (2, 3, "song"))] * 8, tmp_path / "train.spacy")
    srsly.write_json(tmp_path / "confusion.json", CONFUSION)
    srsly.write_json(tmp_path / "types.json", CONFUSION["descriptions"])
    overrides = {
        "paths.train": str(tmp_path / "train.spacy"),
        "paths.dev": str(tmp_path / "train.spacy"),
        "paths.confusion": str(tmp_path / "confusion.json"),
        "paths.descriptions": str(tmp_path / "types.json"),
        "paths.source": "",
        "paths.encoder": str(tiny_encoder),
        "components.llm_reasoner.llm": {"@misc": "test.Scripted.v1"},
        "training.max_steps": 30,
        "training.eval_frequency": 30,
        "training.optimizer.learn_rate": 0.001,
    }
    nlp = init_nlp(load_config(CONFIG, overrides, interpolate=False))
    (tmp_path / "model").mkdir()
    train(nlp, tmp_path / "model")
    loaded = spacy.load(tmp_path / "model" / "model-last")
    doc = loaded("Zed heard Xanadu")
    assert doc._.lowner_reasoning["bidirectional"] == "Zed is a singer. Xanadu is a song."
    assert {(span.text, span.label_) for span in doc.spans["sc"]} == {("Zed", "singer"), ("Xanadu", "song")}
