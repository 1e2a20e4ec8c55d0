"""The component `trf_data_cleaner`: free the memory of a Doc's transformer states."""

from typing import Callable

from spacy.language import Language
from spacy.tokens import Doc

# The key of `doc._.trf_data` in `doc.user_data`.
TRF_DATA = ("._.", "trf_data", None, None)


@Language.factory("trf_data_cleaner", assigns=["doc._.trf_data"], retokenizes=False)
def make_trf_data_cleaner(nlp: Language, name: str) -> Callable[[Doc], Doc]:
    """Create the component. Add it at the end of a pipeline with a transformer.

    spaCy's `doc_cleaner` is no replacement. It also sets `doc.tensor` to None, and `doc.vector` and `span.as_doc()`
    then raise an AttributeError.

    nlp (Language): The pipeline.
    name (str): The name of the component.
    RETURNS (Callable[[Doc], Doc]): The function `clean`.
    """
    return clean


def clean(doc: Doc) -> Doc:
    """Drop the transformer's states.

    doc (Doc): The Doc, which is changed.
    RETURNS (Doc): The same Doc.

    >>> import spacy
    >>> doc = spacy.blank("en")("Ada met Bob")
    >>> doc.user_data[TRF_DATA] = "states"
    >>> TRF_DATA in clean(doc).user_data
    False
    """
    # Setting the value to None would keep the key, and `Doc.from_docs` would warn about it.
    doc.user_data.pop(TRF_DATA, None)
    return doc
