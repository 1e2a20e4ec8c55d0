"""The trainable pipe `seq2seq_ner`: an encoder-decoder that generates entities as JSON, with words of the text only."""

from typing import Callable, Iterable, List, Optional, Sequence, Tuple

from spacy.language import Language
from spacy.scorer import get_ner_prf
from spacy.tokens import Doc, Span
from spacy.training import Example, validate_get_examples
from spacy.vocab import Vocab
from thinc.api import Config
from thinc.types import Floats1d

from ..annotations import REASONING_KEY, context_of, register
from ..corpus.names import readable_name
from ..errors import Errors, LownerError, Warnings, warn_once
from ..models.generation import generate
from ..models.hf.pieces import tokenizer_of
from ..models.hf.shim import loaded_module
from ..models.json_grammar import JSONGrammar, Mention
from ..models.seq2seq_inputs import Seq2SeqInput
from ..models.windows import cut_windows
from ..types import Seq2SeqModelT
from ..validation import POSITIVE
from .annotation import add_entities
from .base import LabelledPipe
from .candidates import MISSING_TAGS

seq2seq_default_config = """
[model]
@architectures = "spacy-lowner.Seq2Seq.v1"
model = "google/flan-t5-base"
max_input_tokens = 512
max_new_tokens = 128
num_beams = 1
batch_size = 4096
mixed_precision = false
"""
DEFAULT_SEQ2SEQ_MODEL = Config().from_str(seq2seq_default_config)["model"]


@Language.factory(
    "seq2seq_ner",
    assigns=["doc.ents", "token.ent_iob", "token.ent_type"],
    default_config={
        "model": DEFAULT_SEQ2SEQ_MODEL,
        "window": 128,
        "context": REASONING_KEY,
        "scorer": {"@scorers": "spacy.ner_scorer.v1"},
    },
    default_score_weights={"ents_f": 1.0, "ents_p": 0.0, "ents_r": 0.0, "ents_per_type": None},
)
def make_seq2seq_ner(
    nlp: Language, name: str, model: Seq2SeqModelT, window: int, context: str, scorer: Optional[Callable]
) -> "Seq2SeqRecognizer":
    """Create a `seq2seq_ner`. For the arguments see `Seq2SeqRecognizer`."""
    return Seq2SeqRecognizer(nlp.vocab, model, name, window=window, context=context, scorer=scorer)


class Seq2SeqRecognizer(LabelledPipe):
    """Recognize entities by generating `{"type": ["mention", …], …}` (PBRC, section 3.3.2).

    The input is the text, preceded by reasoning about it if the Doc has some. A grammar restricts the output to valid
    JSON, to the labels of the pipe, and to mentions in the text.
    """

    constraints = {"window": POSITIVE}

    def __init__(
        self,
        vocab: Vocab,
        model: Seq2SeqModelT,
        name: str = "seq2seq_ner",
        *,
        window: int = 128,
        context: str = REASONING_KEY,
        scorer: Optional[Callable] = get_ner_prf,
    ):
        """Create the pipe.

        vocab (Vocab): The shared vocabulary.
        model (Seq2SeqModelT): The encoder-decoder.
        name (str): The name of the pipe.
        window (int): The longest input, in words. A longer Doc is cut into windows.
        context (str): The name of the attribute of `doc._` with the reasoning, or any other text to read with the Doc.
        scorer (Optional[Callable]): The scoring method.
        RAISES (LownerError): If `window` is not positive.
        """
        self.vocab = vocab
        self.model = model
        self.name = name
        self.scorer = scorer
        self._set_cfg({"window": window, "context": context})
        register(context)

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Optional[Language] = None,
        labels: Optional[List[str]] = None,
    ) -> None:
        """Load the encoder-decoder, and collect the labels from the data.

        get_examples (Callable[[], Iterable[Example]]): Returns the training examples.
        nlp (Optional[Language]): The pipeline.
        labels (Optional[List[str]]): The labels to predict. None uses the labels of the data.
        RAISES (LownerError): If there is no label.
        """
        validate_get_examples(get_examples, "Seq2SeqRecognizer.initialize")
        self._add_labels(labels, {span.label_ for example in get_examples() for span in example.reference.ents})
        self.model.initialize()
        # Building the grammar reports labels that the tokenizer cannot write, before training starts.
        JSONGrammar(tokenizer_of(loaded_module(self.model)), {label: readable_name(label) for label in self.labels})

    def predict(self, docs: Iterable[Doc]) -> List[List[Mention]]:
        """Predict the entities of Docs. The model groups Docs of similar length, and the order is restored.

        docs (Iterable[Doc]): The Docs.
        RETURNS (List[List[Mention]]): The entities of each Doc, without overlap.
        """
        docs = list(docs)
        windows = [(number, start, window) for number, doc in enumerate(docs) for start, window in self.windows(doc)]
        predictions: List[List[Mention]] = [[] for _ in docs]
        generations = generate(self.model, [window for _, _, window in windows])
        for (number, start, _), generation in zip(windows, generations):
            # Mentions count words from the start of their window.
            predictions[number] += [
                Mention(label, start + first, start + end) for label, first, end in generation.mentions
            ]
        surplus = sum(generation.surplus for generation in generations)
        cut = sum(generation.cut for generation in generations)
        if surplus:
            warn_once(self, Warnings.LN110, name=self.name, count=surplus)
        if cut:
            warn_once(self, Warnings.LN111, name=self.name, count=cut)
        return predictions

    def set_annotations(self, docs: Iterable[Doc], predicted: Sequence[Sequence[Mention]]) -> None:
        """Write entities to `doc.ents`.

        docs (Iterable[Doc]): The Docs to change.
        predicted (Sequence[Sequence[Mention]]): The output of `predict`.
        """
        for doc, mentions in zip(docs, predicted):
            add_entities(doc, [Span(doc, start, end, label=label) for label, start, end in mentions])

    def windows(self, doc: Doc, uncut: Sequence[Span] = ()) -> List[Tuple[int, Seq2SeqInput]]:
        """Cut a Doc into windows, the inputs of the model.

        doc (Doc): The Doc.
        uncut (Sequence[Span]): Spans that must not be cut.
        RETURNS (List[Tuple[int, Seq2SeqInput]]): Windows, each with the index of its first word. A blank Doc has none.

        >>> import spacy
        >>> nlp = spacy.blank("en")
        >>> pipe = nlp.add_pipe("seq2seq_ner", config={"window": 2})
        >>> [(start, window.words) for start, window in pipe.windows(nlp.make_doc("Ada met Bob"))]
        [(0, ['Ada', 'met']), (2, ['Bob'])]
        """
        words = [token.text for token in doc]
        context = context_of(doc, self.cfg["context"])
        labels = {label: readable_name(label) for label in self.labels}
        if not any(word.strip() for word in words):
            return []
        # A window may start at any word except inside of an uncut span.
        inside = {token.i for span in uncut for token in span[1:]}
        starts = [start for start in range(len(words)) if start not in inside] + [len(words)]
        sizes = [end - start for start, end in zip(starts, starts[1:])]
        windows = [(starts[first], starts[end]) for first, end in cut_windows(sizes, self.cfg["window"], 0.0)]
        return [(start, Seq2SeqInput(words[start:end], context, labels)) for start, end in windows]

    def _check_label(self, label: str) -> None:
        # The output names a label by its readable name, so two labels must not share one.
        same_name = next((known for known in self.labels if readable_name(known) == readable_name(label)), None)
        if same_name is not None:
            raise LownerError(
                Errors.LN058.format(name=self.name, first=same_name, second=label, text=readable_name(label))
            )

    def _inputs_and_targets(self, examples: Sequence[Example]) -> Optional[Tuple[List[Seq2SeqInput], None]]:
        windows = [window for example in examples for window in self._annotated_windows(example)]
        return (windows, None) if windows else None

    def _get_loss(self, targets: None, scores: List[Floats1d]) -> Tuple[float, List[Floats1d]]:
        """Compute the mean negative log-probability of the gold pieces.

        targets (None): Always None: the model's inputs contain the targets.
        scores (List[Floats1d]): The log-probability of each gold piece of each window. Shape of each: (pieces,)
        RETURNS (Tuple[float, List[Floats1d]]): The loss, and its gradient in the shape of the scores.
        """
        count = max(1, sum(map(len, scores)))
        total = sum(float(window.sum()) for window in scores)
        return -float(total) / count, [window * 0.0 - 1.0 / count for window in scores]

    def _annotated_windows(self, example: Example) -> List[Seq2SeqInput]:
        """Cut an example into windows with gold mentions.

        example (Example): The example.
        RETURNS (List[Seq2SeqInput]): The windows. Windows with words without annotation are dropped.
        RAISES (LownerError): If an entity has a label that the pipe does not know.
        """
        loaded_module(self.model)
        tags = example.get_aligned_ner()
        spans = example.get_aligned_spans_y2x(example.reference.ents)
        known = set(self.labels)
        unknown = sorted({span.label_ for span in spans} - known)
        if unknown:
            raise LownerError(Errors.LN043.format(name=self.name, label=unknown[0], labels=", ".join(self.labels)))
        windows = []
        for start, window in self.windows(example.predicted, spans):
            end = start + len(window.words)
            if any(tag in MISSING_TAGS for tag in tags[start:end]):
                continue
            inside = [span for span in spans if start <= span.start and span.end <= end]
            mentions = [Mention(span.label_, span.start - start, span.end - start) for span in inside]
            windows.append(window._replace(mentions=mentions))
        return windows
