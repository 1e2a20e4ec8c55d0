from .convert import ConvertReport, load_corpus
from .docs import read_docs, write_docs
from .sampling import sample_shots, sample_size, split_docs
from .sentence import LabeledSpan, Sentence
from .statistics import CorpusStatistics, describe_corpus
from .writers import write_corpus

__all__ = [
    "ConvertReport",
    "CorpusStatistics",
    "LabeledSpan",
    "Sentence",
    "describe_corpus",
    "load_corpus",
    "read_docs",
    "sample_shots",
    "sample_size",
    "split_docs",
    "write_corpus",
    "write_docs",
]
