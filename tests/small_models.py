"""Architectures small enough for tests."""

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
