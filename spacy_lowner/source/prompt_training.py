"""Training of a source for `contrast_ner`: prompts that know any described type, learned from many corpora.

Each batch has texts of one corpus, as the pipe will have later, and its loss is that of the pipe (eq. 2-4). Types have
no weights of their own. Their vectors are a map of descriptions, which are drawn anew in each batch:

    logit(word, type) = scale * cos(state of the word's prompt, map(description))

The types of an entity compete also with types of other corpora, so that a corpus with few types teaches more.
"""

import random
from itertools import chain
from pathlib import Path
from typing import Iterator, List, NamedTuple, Optional, Sequence, Tuple

import torch
from spacy.tokens import Doc
from spacy.vocab import Vocab
from torch import Tensor, nn

from ..corpus.files import output_lock
from ..corpus.sentence import Sentence
from ..models.contrast import build_contrast_ner, reader_of
from ..models.hf.bfloat16 import InBfloat16, computes_in_bfloat16
from ..models.hf.shim import loaded_module
from ..nn.contrast import prompt_loss
from ..nn.prompts import PromptEncoder, SourcePrompts, TypeMap
from ..training.source_file import add_to_encoder, load_source
from ..types import CandidateT, PromptModelT
from .corpora import TextStream, TypedCorpus
from .descriptions import DescriptionBank
from .loop import TrainingLoop
from .settings import SourceSettings
from .training import digest_of_training

# As in configs/contrast_ner.cfg: words outside of entities per word inside, lambda and tau.
NEGATIVE_RATIO, CONTRAST_WEIGHT, TEMPERATURE = 3.0, 0.5, 0.1
# Types of other corpora in a batch.
OTHERS = 32
# The settings of the module that a pipe must have too.
SHARED = ("state", "soft_tokens")


class PromptSource(nn.Module):
    """Prompts and the type map.

    model (PromptModelT): The model of a `contrast_ner`, initialized with "O" as its only type.
    embedding (int): Width of the embeddings of descriptions.
    """

    def __init__(self, model: PromptModelT, embedding: int):
        super().__init__()
        self.model = model
        self.prompts: PromptEncoder = loaded_module(model)
        self.types = TypeMap(self.prompts.head.types.detach()[0], embedding)

    def forward(self, inputs: List[Tuple[Doc, List[CandidateT]]], descriptions: Tensor) -> Tuple[Tensor, Tensor]:
        """Compare words with "O" and described types.

        inputs (List[Tuple[Doc, List[CandidateT]]]): Docs with candidates.
        descriptions (Tensor): Embeddings of the types. Shape: (labels, embedding)
        RETURNS (Tuple[Tensor, Tensor]): States and logits, in the order of the candidates. Shapes: (candidates, dim),
            (candidates, 1 + labels)
        """
        device = self.types.outside.device
        batches, order = reader_of(self.model).read(inputs)
        tensors = [{name: torch.as_tensor(x, device=device) for name, x in batch.items()} for batch in batches]
        # Output i is of candidate order[i].
        states = self.prompts.encode(tensors)[torch.as_tensor(order, device=device).argsort()]
        return states, self.prompts.head(states, self.types(descriptions.to(device)))

    def learned(self) -> SourcePrompts:
        """RETURNS (SourcePrompts): What is handed over, next to the encoder."""
        head = self.prompts.head
        settings = {name: self.prompts.settings[name] for name in SHARED}
        return SourcePrompts(head.soft.detach(), head.scale.detach(), self.types, settings)


class PromptBatch(NamedTuple):
    """Texts of one corpus, with sampled words.

    inputs (List[Tuple[Doc, List[CandidateT]]]): Docs with candidates.
    targets (Tensor): 0 for "O", or 1 + position of the type among `columns`. Shape: (candidates,), int64
    columns (Tensor): The types as indices into the bank: those of the corpus, then those of others. Shape: (labels,)
    own (int): Number of types of the corpus.
    """

    inputs: List[Tuple[Doc, List[CandidateT]]]
    targets: Tensor
    columns: Tensor
    own: int


def train_prompts(
    corpora: Sequence[TypedCorpus],
    settings: SourceSettings,
    checkpoint: Path,
    *,
    start: Optional[Path] = None,
    device: str = "cpu",
) -> PromptSource:
    """Train prompts. An interrupted training continues from its checkpoint.

    corpora (Sequence[TypedCorpus]): The corpora.
    settings (SourceSettings): The settings.
    checkpoint (Path): File of the state of the training. The caller deletes it when the result is saved.
    start (Optional[Path]): File of a source whose encoder training starts from.
    device (str): "cpu" or a GPU, such as "cuda:0".
    RETURNS (PromptSource): The trained prompts, on the CPU.
    RAISES (LownerError): If the source belongs to another encoder, or the checkpoint is of other corpora or settings.
    """
    bank = DescriptionBank.of(corpora)
    torch.manual_seed(settings.seed)
    model = build_contrast_ner(settings.encoder)
    model.initialize(Y=["nothing"])
    source = PromptSource(model, bank.vectors.shape[1]).to(device)
    encoder = source.prompts.encoder
    if start is not None:
        add_to_encoder(encoder, load_source(start), start)
    encoder.get_input_embeddings().requires_grad_(False)
    # The type map has the vector of "O".
    source.prompts.head.types.requires_grad_(False)
    if device == "cpu" and computes_in_bfloat16():
        InBfloat16.attach(encoder)
    draw, vocab = torch.Generator().manual_seed(settings.seed), Vocab()
    loop = TrainingLoop(
        source,
        [
            (list(encoder.parameters()), settings.rate),
            ([*source.prompts.head.parameters(), *source.types.parameters()], settings.head_rate),
        ],
        settings,
        draw=draw,
        checkpoint=checkpoint,
        digest=digest_of_training(corpora, settings, start),
    )

    def loss_of(texts: Sequence[Sentence]) -> Tensor:
        batch = make_prompt_batch(texts, bank, settings, draw, vocab)
        states, logits = source(batch.inputs, bank.draw(batch.columns, draw))
        targets = batch.targets.to(logits.device)
        # A word outside of the entities of this corpus may well be an entity of another one.
        unknown = (targets == 0)[:, None] & (torch.arange(logits.shape[1], device=logits.device) > batch.own)
        logits = logits.masked_fill(unknown, -torch.inf)
        return prompt_loss(states, logits, targets, weight=CONTRAST_WEIGHT, temperature=TEMPERATURE)

    with output_lock(checkpoint):
        loop.run(batches_of_one_corpus(corpora, settings), loss_of)
    return source.to("cpu").eval()


def batches_of_one_corpus(corpora: Sequence[TypedCorpus], settings: SourceSettings) -> Iterator[List[Sentence]]:
    """Draw batches without end, each of texts of one corpus. Corpora are drawn as by `TextStream`.

    corpora (Sequence[TypedCorpus]): The corpora.
    settings (SourceSettings): Words of a batch, which the last text exceeds, and the seed.
    YIELDS (List[Sentence]): The texts, all annotated with the types of their corpus.
    """
    draw = random.Random(settings.seed)
    whole = TextStream(corpora, settings.seed)
    streams = [iter(TextStream([corpus._replace(weight=1.0)], settings.seed)) for corpus in whole.corpora]
    while True:
        (stream,) = draw.choices(streams, whole.weights)
        texts: List[Sentence] = []
        while sum(len(text.words) for text in texts) < settings.words:
            texts.append(next(stream))
        yield texts


def make_prompt_batch(
    texts: Sequence[Sentence], bank: DescriptionBank, settings: SourceSettings, draw: torch.Generator, vocab: Vocab
) -> PromptBatch:
    """Sample the words of texts, and types of other corpora whose descriptions are like none of their own.

    texts (Sequence[Sentence]): Texts of one corpus.
    bank (DescriptionBank): The types.
    settings (SourceSettings): Its `unlike` is the highest cosine with a type of another corpus.
    draw (torch.Generator): The source of randomness.
    vocab (Vocab): The vocabulary of the Docs.
    RETURNS (PromptBatch): The batch.
    """
    labels = list(texts[0].annotated_labels or ())
    own = torch.tensor([bank.columns[label] for label in labels])
    first = bank.first(bank.labels)
    possible = ((first[own] @ first.T).amax(0) < settings.unlike).nonzero()[:, 0]
    others = possible[torch.randperm(len(possible), generator=draw)[:OTHERS]]
    inputs: List[Tuple[Doc, List[CandidateT]]] = []
    targets: List[int] = []
    for text in texts:
        types = word_types(text, labels)
        chosen = sample_words(types, draw)
        inputs.append((Doc(vocab, words=text.words), [(word, word + 1) for word in chosen]))
        targets += [types[word] for word in chosen]
    return PromptBatch(inputs, torch.tensor(targets), torch.cat([own, others]), len(own))


def word_types(text: Sentence, labels: Sequence[str]) -> List[int]:
    """Get the type of each word: 0 outside of entities. A word in nested entities has the type of the shortest one.

    text (Sentence): The text.
    labels (Sequence[str]): The labels.
    RETURNS (List[int]): 1 + position of the label, by word.

    >>> from spacy_lowner.corpus.sentence import LabeledSpan
    >>> spans = [LabeledSpan(0, 2, "LOC"), LabeledSpan(0, 3, "ORG")]
    >>> word_types(Sentence(["New", "York", "Times"], spans), ["ORG", "LOC"])
    [2, 2, 1]
    """
    types = [0] * len(text.words)
    for span in sorted(text.spans, key=lambda span: span.start - span.end):
        types[span.start : span.end] = [1 + labels.index(span.label)] * (span.end - span.start)
    return types


def sample_words(types: Sequence[int], draw: torch.Generator) -> List[int]:
    """Choose the words of a text: all in entities, and `NEGATIVE_RATIO` times as many others.

    types (Sequence[int]): Type of each word, 0 outside of entities.
    draw (torch.Generator): The source of randomness.
    RETURNS (List[int]): The words, in the order of the text.

    >>> sample_words([1, 0], torch.Generator())
    [0, 1]
    """
    inside = [word for word, kind in enumerate(types) if kind]
    outside = [word for word, kind in enumerate(types) if not kind]
    count = round(NEGATIVE_RATIO * max(1, len(inside)))
    chosen = torch.randperm(len(outside), generator=draw)[:count].tolist()
    return sorted(chain(inside, (outside[i] for i in chosen)))
