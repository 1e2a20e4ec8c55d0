"""The trainable pipe `seq2seq_ner`: an encoder-decoder that writes entities as JSON, held to the words of the text."""

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
from ..errors import Errors, LownerError, Warnings, check_settings, warn_once
from ..models.hf.pieces import tokenizer_of
from ..models.hf.shim import loaded_module
from ..models.json_grammar import JSONGrammar, Mention
from ..models.seq2seq import Seq2SeqInput, generate
from ..models.windows import cut_windows
from ..types import WriterModelT
from .annotation import add_entities
from .base import LabelledPipe

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
    nlp: Language, name: str, model: WriterModelT, window: int, context: str, scorer: Optional[Callable]
) -> "Seq2SeqRecognizer":
    """Create a `seq2seq_ner`; the arguments are those of `Seq2SeqRecognizer`."""
    return Seq2SeqRecognizer(nlp.vocab, model, name, window=window, context=context, scorer=scorer)


class Seq2SeqRecognizer(LabelledPipe):
    """Writes {"type": ["mention", …], …} of a text and, where there is some, of reasoning about it (PBRC, section 3.3.2)."""

    def __init__(
        self,
        vocab: Vocab,
        model: WriterModelT,
        name: str = "seq2seq_ner",
        *,
        window: int = 128,
        context: str = REASONING_KEY,
        scorer: Optional[Callable] = get_ner_prf,
    ):
        """Create the pipe.

        vocab (Vocab): The shared vocabulary. model (WriterModelT): The encoder-decoder. name (str): Its name.
        window (int): Words that are read at once; a longer Doc is cut. context (str): Of `doc._`: the reasoning, or any text.
        scorer (Optional[Callable]): Scoring method.
        """
        check_settings(name, ("window", window, window > 0, "positive"))
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
        """Load the encoder-decoder, take labels from the data.

        get_examples (Callable): Returns the training examples. nlp (Optional[Language]): The pipeline.
        labels (Optional[List[str]]): By default those of the data.
        """
        validate_get_examples(get_examples, "Seq2SeqRecognizer.initialize")
        self._take_labels(labels, {span.label_ for example in get_examples() for span in example.reference.ents})
        self.model.initialize()
        # Told now, not by the first text.
        JSONGrammar(tokenizer_of(loaded_module(self.model)), {label: readable_name(label) for label in self.labels})

    def predict(self, docs: Iterable[Doc]) -> List[List[Mention]]:
        """RETURNS (List[List[Mention]]): The entities of each Doc, none overlapping. Docs are batched by length within."""
        docs = list(docs)
        asked = [(number, start, task) for number, doc in enumerate(docs) for start, task in self.tasks(doc)]
        found: List[List[Mention]] = [[] for _ in docs]
        written = generate(self.model, [task for _, _, task in asked])
        for (number, start, _), own in zip(asked, written):
            found[number] += [Mention(label, start + first, start + end) for label, first, end in own.mentions]
        surplus, cut = sum(own.surplus for own in written), sum(own.cut for own in written)
        if surplus:
            warn_once(self, Warnings.LN110, name=self.name, count=surplus)
        if cut:
            warn_once(self, Warnings.LN111, name=self.name, count=cut)
        return found

    def set_annotations(self, docs: Iterable[Doc], predicted: Sequence[Sequence[Mention]]) -> None:
        """Write entities to `doc.ents`."""
        for doc, mentions in zip(docs, predicted):
            add_entities(doc, [Span(doc, start, end, label=label) for label, start, end in mentions])

    def tasks(self, doc: Doc, together: Sequence[Span] = ()) -> List[Tuple[int, Seq2SeqInput]]:
        """The parts of a Doc that are read at once.

        doc (Doc): The Doc. together (Sequence[Span]): What must not be cut in two.
        RETURNS (List[Tuple[int, Seq2SeqInput]]): Each after its first word.
        """
        words = [token.text for token in doc]
        context = context_of(doc, self.cfg["context"])
        labels = {label: readable_name(label) for label in self.labels}
        if not any(word.strip() for word in words):
            return []
        inside = {token.i for span in together for token in span[1:]}
        starts = [start for start in range(len(words)) if start not in inside] + [len(words)]
        sizes = [end - start for start, end in zip(starts, starts[1:])]
        windows = [(starts[first], starts[end]) for first, end in cut_windows(sizes, self.cfg["window"], 0.0)]
        return [(start, Seq2SeqInput(words[start:end], context, labels)) for start, end in windows]

    def _check_label(self, label: str) -> None:
        alike = next((known for known in self.labels if readable_name(known) == readable_name(label)), None)
        if alike is not None:
            raise LownerError(Errors.LN058.format(name=self.name, first=alike, second=label, text=readable_name(label)))

    def _inputs_and_targets(self, examples: Sequence[Example]) -> Optional[Tuple[List[Seq2SeqInput], None]]:
        tasks = [task for example in examples for task in self._lessons(example)]
        return (tasks, None) if tasks else None

    def _loss(self, gold: None, scores: List[Floats1d]) -> Tuple[float, List[Floats1d]]:
        """RETURNS (Tuple[float, List[Floats1d]]): Mean negative log-probability of the pieces to write, and its gradient."""
        count = max(1, sum(map(len, scores)))
        return -float(sum(float(own.sum()) for own in scores)) / count, [own * 0.0 - 1.0 / count for own in scores]

    def _lessons(self, example: Example) -> List[Seq2SeqInput]:
        """RETURNS (List[Seq2SeqInput]): With what is to be written; parts whose annotation is not whole are left out."""
        loaded_module(self.model)
        tags = example.get_aligned_ner()
        spans = example.get_aligned_spans_y2x(example.reference.ents)
        known = set(self.labels)
        unknown = sorted({span.label_ for span in spans} - known)
        if unknown:
            raise LownerError(Errors.LN043.format(name=self.name, label=unknown[0], labels=", ".join(self.labels)))
        lessons = []
        for start, task in self.tasks(example.predicted, spans):
            end = start + len(task.words)
            if any(tag in (None, "-", "") for tag in tags[start:end]):
                continue
            inside = [span for span in spans if start <= span.start and span.end <= end]
            mentions = [Mention(span.label_, span.start - start, span.end - start) for span in inside]
            lessons.append(task._replace(mentions=mentions))
        return lessons
