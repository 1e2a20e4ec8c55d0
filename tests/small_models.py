"""Architectures small enough for tests."""

import spacy

TOK2VEC = {
    "@architectures": "spacy.HashEmbedCNN.v2",
    "width": 16,
    "depth": 1,
    "embed_size": 500,
    "window_size": 1,
    "maxout_pieces": 2,
    "subword_features": True,
    "pretrained_vectors": None,
}

# The beginning of a config, which a test continues.
SMALL_PIPELINE = """\
[paths]
train = null
dev = null

[system]
seed = 0
gpu_allocator = null

[nlp]
lang = "en"
pipeline = ["knowfree_spancat"]

[components]

[components.knowfree_spancat]
factory = "knowfree_spancat"
"""

# A config of a few seconds, for commands that train.
SMALL_TRAINING = f"""
{SMALL_PIPELINE}label_semantics = false

[training]
seed = ${{system.seed}}
gpu_allocator = ${{system.gpu_allocator}}
max_steps = 60
patience = 0
dropout = 0.0

[training.optimizer]
@optimizers = "spacy-lowner.Adam.v1"
learn_rate = 0.001
"""


def check_learns_and_comes_back(nlp, name, examples_of, path, *, steps):
    """Train a pipe for entities until it knows its examples, and load it from disk and from bytes.

    nlp (Language): The pipeline, not initialized.
    name (str): Name of the pipe.
    examples_of (Callable[[Language], List[Example]]): Makes the examples.
    path (Path): A new folder.
    steps (int): Number of updates.
    """
    examples = examples_of(nlp)
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.01
    losses = [nlp.update(examples, sgd=optimizer)[name] for _ in range(steps)]
    assert losses[-1] < 0.05 * losses[0]
    assert nlp.evaluate(examples)["ents_f"] == 1.0
    nlp.to_disk(path)
    again = spacy.load(path)
    assert again.evaluate(examples_of(again))["ents_f"] == 1.0
    assert again.from_bytes(nlp.to_bytes()).evaluate(examples_of(again))["ents_f"] == 1.0
