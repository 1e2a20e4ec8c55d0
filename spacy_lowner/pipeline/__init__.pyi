from .contrast_ner import ContrastEntityRecognizer
from .entlm_ner import EntLMRecognizer
from .knowfree_spancat import KnowFREESpanCategorizer
from .llm_reasoner import LLMReasoner
from .seq2seq_ner import Seq2SeqRecognizer

__all__ = [
    "ContrastEntityRecognizer",
    "EntLMRecognizer",
    "KnowFREESpanCategorizer",
    "LLMReasoner",
    "Seq2SeqRecognizer",
]
