"""Training of a source: an encoder and a span head that score any described type, learned from many corpora.

In each update the types are those of the batch's texts, each one with a description that is drawn anew. No type has
weights of its own, so that the model has to read the description:

    logit(span, type) = shared row · span features + scale * cos(map(words of the span), v)    v: the description

A text counts only for the types that it is annotated with, because entities of other types are unlabelled there. An
exception is an entity itself: it is no entity of a type of another corpus whose description is not similar to that of
its own type, and among the types of the batch its own should fit best (`objective`).
"""

import hashlib
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Dict, Optional, Sequence, Tuple

import torch
from torch import Tensor, nn
from transformers import AutoModel

from ..corpus.files import output_lock
from ..corpus.sentence import Sentence
from ..models.hf.bfloat16 import InBfloat16, computes_in_bfloat16
from ..models.hf.by_length import ByLength
from ..models.hf.encoder import encoder_path, loading
from ..models.hf.pieces import load_tokenizer
from ..models.hf.word_states import WordStates
from ..models.shapes import N_SHAPES, shapes_of_words
from ..nn.knowfree import PRIOR_LOGIT, KnowFREEHead
from ..nn.low_rank import LowRankLinear, add_updates, merge_updates
from ..training.source_file import add_to_encoder, load_head
from .batches import batches_of, make_batch
from .corpora import TextStream, TypedCorpus
from .descriptions import DescriptionBank
from .loop import TrainingLoop
from .objective import source_loss
from .settings import SourceSettings


class SourceModel(nn.Module):
    """Scores spans of texts for described types.

    words (WordStates): The encoder.
    head (KnowFREEHead): The span head, with descriptions.
    """

    def __init__(self, words: WordStates, head: KnowFREEHead):
        super().__init__()
        self.words = words
        self.head = head

    def forward(self, texts: Sequence[Sequence[str]], descriptions: Tensor) -> Tuple[Tensor, Tensor]:
        """Score all spans.

        texts (Sequence[Sequence[str]]): The words of each text.
        descriptions (Tensor): Embeddings of the types. Shape: (labels, embedding)
        RETURNS (Tuple[Tensor, Tensor]): Logits in band form, and the number of words of each text.
            Shapes: (texts, longest, width, labels), (texts,)
        """
        states = self.words(texts)
        lengths = torch.tensor([len(words) for words in texts], device=states.device)
        shapes = [torch.from_numpy(shapes_of_words(words)).long() for words in texts]
        padded = nn.utils.rnn.pad_sequence(shapes, batch_first=True).to(states.device)
        return self.head(states, lengths, padded, descriptions=descriptions.to(states.device)), lengths


def build_model(settings: SourceSettings, bank: DescriptionBank, start: Optional[Path] = None) -> SourceModel:
    """Build an untrained source.

    settings (SourceSettings): The settings.
    bank (DescriptionBank): The types. The head has a row for each, whose residual stays zero.
    start (Optional[Path]): File of a source to start from.
    RETURNS (SourceModel): The model.
    RAISES (LownerError): If the encoder or the source cannot be loaded, or they do not belong together.
    """
    path = encoder_path(settings.encoder)
    with loading(settings.encoder):
        encoder = AutoModel.from_pretrained(path, attention_probs_dropout_prob=0.0, attn_implementation="eager")
        tokenizer = load_tokenizer(path)
    if getattr(encoder, "pooler", None) is not None:
        # Spans do not use it.
        encoder.pooler = None
    torch.manual_seed(settings.seed)
    started = None
    if start is not None:
        source, started = load_head(start)
        add_to_encoder(encoder, source, start)
    _prepare(encoder, settings.rank)
    head = KnowFREEHead(
        encoder.config.hidden_size,
        n_target=len(bank.labels),
        n_extension=0,
        width=settings.width,
        dropout=settings.dropout,
        n_shapes=N_SHAPES,
        label_vectors=bank.first(bank.labels),
    )
    _start_rows(head)
    if started is not None:
        head.start_from(started)
    ByLength.attach(encoder)
    model = SourceModel(WordStates(encoder, tokenizer), head)
    if computes_in_bfloat16():
        InBfloat16.attach(encoder)
        InBfloat16.attach(head)
    return model


def _prepare(encoder: nn.Module, rank: int) -> None:
    """Choose what is trained: all weights without the embeddings, or low-rank updates, biases and norms."""
    encoder.requires_grad_(True)
    if rank:
        add_updates(encoder, rank)
        for module in encoder.modules():
            if isinstance(module, LowRankLinear) and module.linear.bias is not None:
                module.linear.bias.requires_grad_(True)
    for module in encoder.modules():
        if isinstance(module, nn.Embedding):
            module.requires_grad_(False)


def _start_rows(head: KnowFREEHead) -> None:
    """Let types have the shared row only, at first with the usual random weights and the usual bias."""
    for residual in head.output.requires_grad_(False).parameters():
        nn.init.zeros_(residual)
    if head.shared_row is None:
        raise ValueError("the head has no shared row")
    head.shared_row.reset_parameters()
    nn.init.constant_(head.shared_row.bias, PRIOR_LOGIT)


def train_source(
    corpora: Sequence[TypedCorpus],
    settings: SourceSettings,
    checkpoint: Path,
    *,
    start: Optional[Path] = None,
    device: str = "cpu",
) -> Tuple[SourceModel, DescriptionBank]:
    """Train a source. An interrupted training continues from its checkpoint.

    corpora (Sequence[TypedCorpus]): The corpora.
    settings (SourceSettings): The settings.
    checkpoint (Path): File of the state of the training. The caller deletes it when the result is saved.
    start (Optional[Path]): File of a source to start from, in place of the pretrained encoder and a random head.
    device (str): "cpu" or a GPU, such as "cuda:0".
    RETURNS (Tuple[SourceModel, DescriptionBank]): The trained model on the CPU, with updates merged into the encoder,
        and its types.
    RAISES (LownerError): If the checkpoint is of other corpora or settings, or cannot be written.
    """
    bank = DescriptionBank.of(corpora)
    model = build_model(settings, bank, start).to(device)
    draw = torch.Generator().manual_seed(settings.seed)
    loop = TrainingLoop(
        model,
        [
            (list(model.words.encoder.parameters()), settings.rate),
            (list(model.head.parameters()), settings.head_rate),
        ],
        settings,
        draw=draw,
        checkpoint=checkpoint,
        digest=digest_of_training(corpora, settings, start),
    )

    def loss_of(texts: Sequence[Sentence]) -> Tensor:
        batch = make_batch(texts, bank, settings, draw)
        descriptions = bank.draw(batch.columns, draw)
        logits, lengths = model(batch.texts, descriptions)
        return source_loss(logits, lengths, batch, descriptions, settings, draw)

    with output_lock(checkpoint):
        loop.run(batches_of(TextStream(corpora, settings.seed), settings.words), loss_of)
    model = model.to("cpu").eval()
    merge_updates(model.words.encoder)
    interpolate(model, build_model(replace(settings, rank=0), bank), settings.interpolation)
    return model, bank


@torch.no_grad()
def interpolate(model: SourceModel, pretrained: SourceModel, weight: float) -> None:
    """Interpolate the encoder and the map of the matching with those before training, in place.

        w = w_0 + weight * (w - w_0)    (WiSE-FT: Wortsman et al. 2022, Robust fine-tuning of zero-shot models)

    model (SourceModel): The trained model.
    pretrained (SourceModel): A model as it was before training.
    weight (float): The weight of the trained ones, in [0, 1].
    """
    before = dict(pretrained.named_parameters())
    for name, trained in model.named_parameters():
        if name.startswith(("words.", "head.matching.map.")):
            trained.copy_(before[name].lerp(trained, weight))


def digest_of_training(corpora: Sequence[TypedCorpus], settings: SourceSettings, start: Optional[Path]) -> str:
    """Compute a checksum of everything that determines the result of a training.

    corpora (Sequence[TypedCorpus]): The corpora.
    settings (SourceSettings): The settings.
    start (Optional[Path]): File of the source to start from.
    RETURNS (str): The checksum.
    """
    contents: Dict[str, Any] = {
        "settings": asdict(settings),
        "corpora": {one.name: [len(one.sentences), one.weight, one.descriptions] for one in corpora},
        "start": None if start is None else hashlib.sha256(start.read_bytes()).hexdigest(),
    }
    return hashlib.sha256(json.dumps(contents, sort_keys=True).encode()).hexdigest()
