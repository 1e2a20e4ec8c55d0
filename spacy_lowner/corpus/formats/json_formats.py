"""The table of JSON formats of annotation tools. A record has the first format with evidence."""

from .argilla import ARGILLA, ARGILLA_1, ARGILLA_FEEDBACK, ARGILLA_FLAT
from .doccano import DOCCANO
from .gliner import GLINER, GLINER_2
from .hugging_face import HUGGING_FACE
from .label_studio import LABEL_STUDIO, LABEL_STUDIO_MIN
from .prodigy import PRODIGY
from .small_tools import CLUENER, DATATURKS, LIGHTTAG, MRC, NER_ANNOTATOR, RASA, UBIAI
from .spacy_json import SPACY_2

JSON_FORMATS = (
    LABEL_STUDIO,
    LABEL_STUDIO_MIN,
    ARGILLA,
    ARGILLA_1,
    ARGILLA_FLAT,
    ARGILLA_FEEDBACK,
    PRODIGY,
    DOCCANO,
    SPACY_2,
    NER_ANNOTATOR,
    DATATURKS,
    GLINER,
    GLINER_2,
    CLUENER,
    MRC,
    LIGHTTAG,
    UBIAI,
    RASA,
    HUGGING_FACE,
)
