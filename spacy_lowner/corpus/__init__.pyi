from .convert import ConvertReport, load_corpus, stream_corpus
from .docs import read_docs, write_docs
from .exports.protocol import ExportOptions
from .exports.table import export_corpus
from .partial import PartialAnnotation, write_partial
from .sampling import sample_shots, sample_size, split_docs
from .sentence import LabeledSpan, Sentence
from .statistics import CorpusStatistics, describe_corpus
from .writers import write_corpus

__all__ = [
    "ConvertReport",
    "CorpusStatistics",
    "ExportOptions",
    "LabeledSpan",
    "PartialAnnotation",
    "Sentence",
    "describe_corpus",
    "export_corpus",
    "load_corpus",
    "read_docs",
    "sample_shots",
    "sample_size",
    "split_docs",
    "stream_corpus",
    "write_corpus",
    "write_docs",
    "write_partial",
]
