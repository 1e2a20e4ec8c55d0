from .contrast import build_contrast_ner
from .entlm import build_entlm
from .knowfree import build_knowfree
from .pooling import reduce_max
from .seq2seq import build_seq2seq
from .windows import create_byte_windows
from .with_context import build_with_context

__all__ = [
    "build_contrast_ner",
    "build_entlm",
    "build_knowfree",
    "build_seq2seq",
    "build_with_context",
    "create_byte_windows",
    "reduce_max",
]
