from .biaffine import BandedBiaffine
from .contrast import prompt_loss, supervised_contrastive
from .decoding import decode
from .entlm import EntLM
from .interaction import LocalSpanAttention
from .knowfree import KnowFREEHead
from .losses import band_bce, extension_weights
from .neighbours import nearest_vote
from .pointer import PointerSeq2Seq
from .prompts import PromptEncoder
from .semantics import LabelMatching
from .seq2seq import ConstrainedSeq2Seq

__all__ = [
    "BandedBiaffine",
    "ConstrainedSeq2Seq",
    "EntLM",
    "KnowFREEHead",
    "LabelMatching",
    "LocalSpanAttention",
    "PointerSeq2Seq",
    "PromptEncoder",
    "band_bce",
    "decode",
    "extension_weights",
    "nearest_vote",
    "prompt_loss",
    "supervised_contrastive",
]
