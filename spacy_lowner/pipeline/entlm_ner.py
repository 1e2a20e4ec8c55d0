"""The trainable pipe `entlm_ner`: a masked language model that says a label's word in the place of an entity."""

from typing import Callable, Dict, Iterable, List, Optional, Sequence, Tuple

from spacy.language import Language
from spacy.scorer import get_ner_prf
from spacy.tokens import Doc
from spacy.training import Example, validate_get_examples
from spacy.vocab import Vocab
from thinc.api import Config
from thinc.types import Floats2d

from ..annotations import SPANS_KEY
from ..corpus.names import readable_name
from ..errors import Errors, LownerError
from ..models.entlm import replacement_loss
from ..types import LabelledWords, ScoredSpan, WordScoresT
from .annotation import add_entities, write_spans
from .base import LabelledPipe
from .candidates import OUTSIDE, candidates_of, gold_types, join_words, warn_of_lost_entities

entlm_default_config = """
[model]
@architectures = "spacy-lowner.EntLM.v1"
masked_lm = "minilm"
label_words = "virtual"
top_words = 6
purity = 0.6
batch_size = 4096
mixed_precision = false
"""
DEFAULT_ENTLM_MODEL = Config().from_str(entlm_default_config)["model"]


@Language.factory(
    "entlm_ner",
    assigns=["doc.ents", "doc.spans", "token.ent_iob", "token.ent_type"],
    default_config={
        "model": DEFAULT_ENTLM_MODEL,
        "spans_key": SPANS_KEY,
        "scorer": {"@scorers": "spacy.ner_scorer.v1"},
    },
    default_score_weights={"ents_f": 1.0, "ents_p": 0.0, "ents_r": 0.0, "ents_per_type": None},
)
def make_entlm_ner(
    nlp: Language, name: str, model: WordScoresT, spans_key: str, scorer: Optional[Callable]
) -> "EntLMRecognizer":
    """Create an `entlm_ner`; the arguments are those of `EntLMRecognizer`."""
    return EntLMRecognizer(nlp.vocab, model, name, spans_key=spans_key, scorer=scorer)


class EntLMRecognizer(LabelledPipe):
    """Template-free prompt tuning (Ma et al., 2022; FactMix, section 3.3): each word is itself, or a label's word."""

    def __init__(
        self,
        vocab: Vocab,
        model: WordScoresT,
        name: str = "entlm_ner",
        *,
        spans_key: str = SPANS_KEY,
        scorer: Optional[Callable] = get_ner_prf,
    ):
        """Create the pipe.

        vocab (Vocab): The shared vocabulary. model (WordScoresT): Docs to scores of their words. name (str): Its name.
        spans_key (str): Key of `doc.spans` to write entities with their scores to; `doc.ents` has them too.
        scorer (Optional[Callable]): Scoring method.
        """
        self.vocab = vocab
        self.model = model
        self.name = name
        self.scorer = scorer
        self._set_cfg({"spans_key": spans_key}, label_words={})

    @property
    def descriptions(self) -> Dict[str, str]:
        """RETURNS (Dict[str, str]): The words that stood for each label before training, for the model card."""
        return {label: ", ".join(words) for label, words in self.cfg["label_words"].items()}

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Optional[Language] = None,
        labels: Optional[List[str]] = None,
    ) -> None:
        """Load the language model, take labels and their words from the data.

        get_examples (Callable): Returns the training examples. nlp (Optional[Language]): The pipeline.
        labels (Optional[List[str]]): By default those of the data.
        """
        validate_get_examples(get_examples, "EntLMRecognizer.initialize")
        self.cfg["label_words"] = {}
        warn_of_lost_entities(get_examples(), None, self.name)
        places: Dict[str, List[Tuple[Doc, set]]] = {}
        for example in get_examples():
            own: Dict[str, set] = {}
            for (word, _), label in self._gold(example).items():
                own.setdefault(label, set()).add(word)
            for label in own:
                places.setdefault(label, []).append((example.predicted, own[label]))
        self._take_labels(labels, set(places) - {OUTSIDE})
        self.model.initialize(Y=[LabelledWords(readable_name(label), places.get(label, [])) for label in self.labels])
        self.cfg["label_words"] = dict(zip(self.labels, self.model.attrs["label_words"]))

    def predict(self, docs: Iterable[Doc]) -> List[List[ScoredSpan]]:
        """RETURNS (List[List[ScoredSpan]]): The entities of each Doc, none overlapping. Docs are batched by length within."""
        docs = list(docs)
        return [self._choose(doc, scores) for doc, scores in zip(docs, self.model.predict(docs))]

    def set_annotations(self, docs: Iterable[Doc], predicted: Sequence[Sequence[ScoredSpan]]) -> None:
        """Write entities to `doc.ents`, and with the mean probabilities of their words to `doc.spans`."""
        for doc, spans in zip(docs, predicted):
            add_entities(doc, write_spans(doc, self.cfg["spans_key"], spans, self.labels))

    def get_loss(self, examples: Iterable[Example], scores: List[Floats2d]) -> Tuple[float, List[Floats2d]]:
        """RETURNS (Tuple[float, List[Floats2d]]): L_RepLM (eq. 3), and its gradient."""
        columns = {OUTSIDE: 0, **{label: 1 + i for i, label in enumerate(self.labels)}}
        gold = []
        for example in examples:
            own = [-1] * len(example.predicted)
            for (word, _), label in self._gold(example).items():
                if label not in columns:
                    raise LownerError(Errors.LN043.format(name=self.name, label=label, labels=", ".join(self.labels)))
                own[word] = columns[label]
            gold.append(own)
        return replacement_loss(scores, gold)

    def _check_label(self, label: str) -> None:
        if label == OUTSIDE:
            raise LownerError(Errors.LN052.format(name=self.name, label=label))
        if self.cfg["label_words"]:
            raise LownerError(Errors.LN048.format(name=self.name, label=label, labels=", ".join(self.labels)))

    def _inputs_and_targets(self, examples: Sequence[Example]) -> Optional[Tuple[List[Doc], Sequence[Example]]]:
        docs = [example.predicted for example in examples]
        return (docs, examples) if any(map(len, docs)) else None

    def _loss(self, examples: Sequence[Example], scores: List[Floats2d]) -> Tuple[float, List[Floats2d]]:
        return self.get_loss(examples, scores)

    def _gold(self, example: Example) -> Dict[Tuple[int, int], str]:
        return gold_types(example, candidates_of(example.predicted, "words", 1), "words", self.name)

    def _choose(self, doc: Doc, scores: Floats2d) -> List[ScoredSpan]:
        probs = self.model.ops.to_numpy(self.model.ops.softmax(scores)) if len(doc) else []
        chosen = [
            ScoredSpan(word, end, int(probs[word].argmax()) - 1, float(probs[word].max()))
            for word, end in candidates_of(doc, "words", 1)
        ]
        return join_words(doc, [span for span in chosen if span.label >= 0])
