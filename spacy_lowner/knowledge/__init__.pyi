from .annotate import AnnotationTask, annotate_corpus
from .explain import explain_entities
from .extend import extend_corpus
from .label_map import read_label_map
from .report import Report
from .taggers import load_tagger

__all__ = [
    "AnnotationTask",
    "Report",
    "annotate_corpus",
    "explain_entities",
    "extend_corpus",
    "load_tagger",
    "read_label_map",
]
