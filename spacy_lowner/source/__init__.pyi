from .adaptation import adapt_encoder
from .corpora import TextStream, TypedCorpus, read_corpus
from .distillation import soft_docs, write_soft_corpus
from .new_type import learn_type
from .pipelines import open_pipeline
from .settings import SourceSettings
from .silver import soften
from .training import SourceModel, train_source

__all__ = [
    "SourceModel",
    "SourceSettings",
    "TextStream",
    "TypedCorpus",
    "adapt_encoder",
    "learn_type",
    "open_pipeline",
    "read_corpus",
    "soft_docs",
    "soften",
    "train_source",
    "write_soft_corpus",
]
