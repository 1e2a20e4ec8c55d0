"""The trainable pipe `entlm_ner`: a masked language model that predicts a label word at each word of an entity."""

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
from ..validation import NOT_EMPTY
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
    """Create an `entlm_ner`. For the arguments see `EntLMRecognizer`."""
    return EntLMRecognizer(nlp.vocab, model, name, spans_key=spans_key, scorer=scorer)


class EntLMRecognizer(LabelledPipe):
    """Recognize entities by template-free prompt tuning (EntLM, Ma et al., 2022; FactMix, section 3.3).

    The masked language model reads a text without masks. It learns to predict the word itself outside of entities, and
    a label word, such as "person", for each word of an entity.

    >>> import spacy
    >>> pipe = spacy.blank("en").add_pipe("entlm_ner")
    >>> pipe.add_label("person"), pipe.labels
    (1, ('person',))
    """

    constraints = {"spans_key": NOT_EMPTY}

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

        vocab (Vocab): The shared vocabulary.
        model (WordScoresT): Maps Docs to a score per word and type.
        name (str): The name of the pipe.
        spans_key (str): The key of `doc.spans` to which entities are written with their scores. They are in `doc.ents`
            too.
        scorer (Optional[Callable]): The scoring method.
        """
        self.vocab = vocab
        self.model = model
        self.name = name
        self.scorer = scorer
        self._set_cfg({"spans_key": spans_key}, label_words={})

    @property
    def descriptions(self) -> Dict[str, str]:
        """RETURNS (Dict[str, str]): The label words of each label, for the model card."""
        return {label: ", ".join(words) for label, words in self.cfg["label_words"].items()}

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Optional[Language] = None,
        labels: Optional[List[str]] = None,
    ) -> None:
        """Load the language model, and collect labels and label words from the data.

        get_examples (Callable[[], Iterable[Example]]): Returns the training examples.
        nlp (Optional[Language]): The pipeline.
        labels (Optional[List[str]]): The labels to predict. None uses the labels of the data.
        RAISES (LownerError): If there is no label.
        """
        validate_get_examples(get_examples, "EntLMRecognizer.initialize")
        self.cfg["label_words"] = {}
        warn_of_lost_entities(get_examples(), None, self.name)
        # The Docs of each label, with the indices of the words in its entities.
        occurrences: Dict[str, List[Tuple[Doc, set]]] = {}
        for example in self._complete(get_examples()):
            words: Dict[str, set] = {}
            for (word, _), label in self._gold_types(example).items():
                words.setdefault(label, set()).add(word)
            for label in words:
                occurrences.setdefault(label, []).append((example.predicted, words[label]))
        self._add_labels(labels, set(occurrences) - {OUTSIDE})
        self.model.initialize(
            Y=[LabelledWords(readable_name(label), occurrences.get(label, [])) for label in self.labels]
        )
        self.cfg["label_words"] = dict(zip(self.labels, self.model.attrs["label_words"]))

    def predict(self, docs: Iterable[Doc]) -> List[List[ScoredSpan]]:
        """Predict the entities of Docs. The model groups Docs of similar length, and the order is restored.

        docs (Iterable[Doc]): The Docs.
        RETURNS (List[List[ScoredSpan]]): The entities of each Doc, without overlap.
        """
        docs = list(docs)
        return [self._choose(doc, scores) for doc, scores in zip(docs, self.model.predict(docs))]

    def set_annotations(self, docs: Iterable[Doc], predicted: Sequence[Sequence[ScoredSpan]]) -> None:
        """Write entities to `doc.ents`, and with their scores to `doc.spans`.

        The score of an entity is the mean probability of its words.

        docs (Iterable[Doc]): The Docs to change.
        predicted (Sequence[Sequence[ScoredSpan]]): The output of `predict`.
        """
        for doc, spans in zip(docs, predicted):
            add_entities(doc, write_spans(doc, self.cfg["spans_key"], spans, self.labels))

    def get_loss(self, examples: Iterable[Example], scores: List[Floats2d]) -> Tuple[float, List[Floats2d]]:
        """Compute the loss L_RepLM (eq. 3 of FactMix).

        examples (Iterable[Example]): The batch.
        scores (List[Floats2d]): The model's output for each Doc. Shape: (words, 1 + labels)
        RETURNS (Tuple[float, List[Floats2d]]): The loss, and its gradient in the shape of the scores.
        RAISES (LownerError): If an entity has a label that the pipe does not know.
        """
        columns = {OUTSIDE: 0, **{label: 1 + i for i, label in enumerate(self.labels)}}
        gold = []
        for example in examples:
            # -1 marks a word without annotation, from which nothing is learned.
            targets = [-1] * len(example.predicted)
            for (word, _), label in self._gold_types(example).items():
                if label not in columns:
                    raise LownerError(Errors.LN043.format(name=self.name, label=label, labels=", ".join(self.labels)))
                targets[word] = columns[label]
            gold.append(targets)
        return replacement_loss(scores, gold)

    def _check_label(self, label: str) -> None:
        if label == OUTSIDE:
            raise LownerError(Errors.LN052.format(name=self.name, label=label))
        if self.cfg["label_words"]:
            raise LownerError(Errors.LN048.format(name=self.name, label=label, labels=", ".join(self.labels)))

    def _inputs_and_targets(self, examples: Sequence[Example]) -> Optional[Tuple[List[Doc], Sequence[Example]]]:
        docs = [example.predicted for example in examples]
        return (docs, examples) if any(map(len, docs)) else None

    def _get_loss(self, examples: Sequence[Example], scores: List[Floats2d]) -> Tuple[float, List[Floats2d]]:
        return self.get_loss(examples, scores)

    def _gold_types(self, example: Example) -> Dict[Tuple[int, int], str]:
        return gold_types(example, candidates_of(example.predicted, "words", 1), "words", self.name)

    def _choose(self, doc: Doc, scores: Floats2d) -> List[ScoredSpan]:
        probs = self.model.ops.to_numpy(self.model.ops.softmax(scores)) if len(doc) else []
        # Column 0 is "O", so the label of a word outside of entities becomes -1.
        words = [
            ScoredSpan(word, end, int(probs[word].argmax()) - 1, float(probs[word].max()))
            for word, end in candidates_of(doc, "words", 1)
        ]
        return join_words(doc, [word for word in words if word.label >= 0])
