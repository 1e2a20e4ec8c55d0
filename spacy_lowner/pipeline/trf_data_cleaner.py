"""The component `trf_data_cleaner`: a Doc that is done gives back the memory of its transformer states."""

from typing import Callable

from spacy.language import Language
from spacy.tokens import Doc

# Where `doc._.trf_data` stands.
TRF_DATA = ("._.", "trf_data", None, None)


@Language.factory("trf_data_cleaner", retokenizes=False)
def make_trf_data_cleaner(nlp: Language, name: str) -> Callable[[Doc], Doc]:
    """Create the component. It belongs at the end of a pipeline with a transformer.

    spaCy's `doc_cleaner` also sets `doc.tensor` to None, and cannot be told not to; `doc.vector` and `span.as_doc()` then
    raise an AttributeError.

    RETURNS (Callable[[Doc], Doc]): `clean`.
    """
    return clean


def clean(doc: Doc) -> Doc:
    """Drop the transformer's states. RETURNS (Doc): The same Doc."""
    # With the value None the key would remain, and `Doc.from_docs` warn of it.
    doc.user_data.pop(TRF_DATA, None)
    return doc
