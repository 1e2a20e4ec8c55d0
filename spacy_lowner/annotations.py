"""All keys of a Doc under which this package stores annotation, and the texts next to a Doc that help to read it.

DocBin keeps all of them, if it is made with `store_user_data=True`. JSONL is the format of `spacy lowner convert`.
"""

from spacy.tokens import Doc

# `doc.spans["sc"]`: the target spans, gold or predicted. Readers of corpora, `knowfree_spancat`, `contrast_ner` and
# `entlm_ner` write it, by default under this key. DocBin keeps it; JSONL keeps it under "spans", without scores.
SPANS_KEY = "sc"
# `doc.spans["sc_ext"]`: spans of extension labels, which only train. `spacy lowner extend` and `explain` write it.
# DocBin keeps it; JSONL keeps it under "extensions".
EXTENSION_KEY = "sc_ext"
# `doc.spans["sc_ext"].attrs["from"]`: the name of the annotator of the extension labels (a model, a tagger).
# `corpus.extensions.write_extensions` writes it. DocBin keeps it; JSONL keeps it under "extensions_source".
SOURCE_ORIGIN = "from"
# `doc.spans["sc_ext"].attrs["labels"]`: the extension labels of this Doc, as sorted lists by task ("entities", "pos").
# A task with an empty list was annotated and has no span. Written and kept together with the annotator's name.
SOURCE_LABELS = "labels"
# `doc.user_data["lowner_weight"]`: the weight of a synthetic Doc in the loss (beta in the paper of KnowFREE), a finite
# number of at least 0; 1 where it is missing. `spacy lowner explain` writes it. DocBin and JSONL keep it.
WEIGHT_KEY = "lowner_weight"
# `doc.user_data["lowner_origin"]`: the method that made a synthetic Doc: "factmix-context", "factmix-entity" or
# "llm-explained". FactMix and `spacy lowner explain` write it. DocBin and JSONL keep it.
ORIGIN_KEY = "lowner_origin"
# `doc.user_data["lowner_provenance"]`: a dict of the "model", the version of the "prompt" and the original "text" from
# which a synthetic Doc was made. `spacy lowner explain` writes it. DocBin and JSONL keep it.
PROVENANCE_KEY = "lowner_provenance"
# `doc.user_data["lowner_partial"]`: the spans of a partially annotated Doc that were judged, a dict of "labels" and
# "rejected". "labels" lists the labels that are annotated completely; of other labels, only the gold spans and the
# rejected ones were judged. "rejected" lists [start, end, label] in tokens. Without the key, all spans of all labels
# were judged. Readers of corpora write it. DocBin keeps it; JSONL keeps it under "annotated_labels" and
# "rejected_spans".
PARTIAL_KEY = "lowner_partial"
# `doc.user_data["lowner_soft"]`: probabilities of spans that other pipelines have predicted, a dict of "labels" and
# "spans". "labels" lists the labels that have them. "spans" lists [start, end, label, probability] in tokens; the other
# spans of these labels have the probability zero. `spacy lowner distill` writes it. DocBin and JSONL keep it.
SOFT_KEY = "lowner_soft"
# Keys of `doc.user_data` that JSONL keeps under the same names.
USER_KEYS = (WEIGHT_KEY, ORIGIN_KEY, PROVENANCE_KEY, SOFT_KEY)
# `doc._.lowner_reasoning`: a dict of "initial" and "bidirectional" reasoning, the "model" that wrote it and the
# "prompt_hash". `llm_reasoner` and `spacy lowner reason` write it. DocBin keeps it; JSONL keeps it under "context".
REASONING_KEY = "lowner_reasoning"
# The order in which they are read. Where there is not enough room, the end is cut.
REASONING_FIELDS = ("bidirectional", "initial")
# `doc.user_data["lowner_unsplit"]`: whether the Doc is read in one window, because its end may be cut.
# `models.with_context` writes it on Docs that live for one batch. Neither DocBin nor JSONL ever holds it.
UNSPLIT_KEY = "lowner_unsplit"


def register(name: str) -> None:
    """Register the extension attribute `doc._.<name>` with the default None, unless it is registered already.

    name (str): Name of the attribute.

    >>> from spacy.tokens import Doc
    >>> register("my_passages")
    >>> Doc.has_extension("my_passages")
    True
    """
    if not Doc.has_extension(name):
        Doc.set_extension(name, default=None)


def context_of(doc: Doc, name: str) -> str:
    """Join the values of `doc._.<name>` to one text.

    A list is joined in its order. Of a reasoning the fields in `REASONING_FIELDS` are joined, of another dict all
    values.

    doc (Doc): The Doc.
    name (str): Name of the extension attribute: reasoning, retrieved passages, or entries of a glossary.
    RETURNS (str): The text, empty where there is no value.

    >>> import spacy
    >>> register("my_passages")
    >>> doc = spacy.blank("en")("Ada wrote it")
    >>> doc._.my_passages = ["Ada is a person.", "It is a program."]
    >>> context_of(doc, "my_passages")
    'Ada is a person. It is a program.'
    """
    # A pickled pipe may be loaded in a process that has not run its constructor.
    register(name)
    value = doc._.get(name)
    if isinstance(value, dict):
        fields = [field for field in REASONING_FIELDS if field in value] or list(value)
        value = " ".join(str(value[field]) for field in fields if value[field])
    if isinstance(value, (list, tuple)):
        value = " ".join(map(str, value))
    return str(value or "")
