from .contrast import build_contrast_ner
from .entlm import build_entlm
from .hf.transformer import build_tok2vec_transformer, build_transformer
from .knowfree import build_knowfree
from .pointer import build_pointer_seq2seq
from .pooling import reduce_max
from .seq2seq import build_seq2seq
from .with_context import build_with_context

__all__ = [
    "build_contrast_ner",
    "build_entlm",
    "build_knowfree",
    "build_pointer_seq2seq",
    "build_seq2seq",
    "build_tok2vec_transformer",
    "build_transformer",
    "build_with_context",
    "reduce_max",
]
