"""A source pipeline in one small file: what training changed of its encoder, and its span head or its prompts.

The file holds low-rank updates of the encoder and the head in half precision, 7 MB for all-MiniLM-L6-v2:

    W = W_0 + B A        linear layers of the encoder
    w = w_0 + d          its other weights that training changed
    head                 all weights of the span head, with a row per type of the source
    prompts              or soft tokens, scale and type map of prompts (`nn.prompts.SourcePrompts`)
"""

import hashlib
import json
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Tuple, Union

import torch
from safetensors import safe_open
from safetensors.torch import save
from spacy.language import Language
from spacy.pipeline import TrainablePipe
from spacy_transformers.layers import TransformerModel
from torch import Tensor

from ..corpus.files import atomic_path
from ..errors import Errors, LownerError
from ..models.hf.encoder import embed_texts
from ..models.hf.shim import loaded_module
from ..models.transfer import encoder_of
from ..nn.knowfree import KnowFREEHead
from ..nn.pointer import PointerSeq2Seq
from ..nn.prompts import PromptEncoder, SourcePrompts, TypeMap
from ..types import StartsFrom
from .names import OPEN, SUFFIX

# A layer of BERT that spans do not use.
_UNUSED = "pooler."
# Prefixes of the tensors in the file.
_HEAD, _PROMPTS, _TYPES, _A, _B, _DELTA = "head.", "prompts.", "prompts.types.", "a.", "b.", "d."


class SourceFile(NamedTuple):
    """The trained weights.

    updates (Dict[str, Tensor]): What is added to the weights of the pretrained encoder, by name.
    head (Optional[KnowFREEHead]): The span head. Its rows are those of the source's types.
    prompts (Optional[SourcePrompts]): In place of a head: what prompts have learned.
    encoder (str): Fingerprint of the encoder that the updates belong to.
    metadata (Dict[str, Any]): What the file says of itself, such as corpora and licences.
    """

    updates: Dict[str, Tensor]
    head: Optional[KnowFREEHead]
    prompts: Optional[SourcePrompts]
    encoder: str
    metadata: Dict[str, Any]


def source_path(source: str) -> Optional[Path]:
    """Find the file of a source.

    source (str): "open" for the packaged one, or a path.
    RETURNS (Optional[Path]): The file; None if the source is a pipeline.

    >>> source_path("training/source/model-best") is None
    True
    """
    if source == OPEN:
        with as_file(files("spacy_lowner.assets") / f"open_source{SUFFIX}") as packaged:
            return packaged
    return Path(source) if source.endswith(SUFFIX) else None


def fingerprint(encoder: torch.nn.Module) -> str:
    """Identify a pretrained encoder by its word embeddings, which training of this package does not change.

    encoder (torch.nn.Module): The encoder.
    RETURNS (str): A checksum.

    >>> fingerprint(torch.nn.Embedding(2, 1, _weight=torch.zeros(2, 1)))[:8]
    'af5570f5'
    """
    weights = next(one.weight for one in encoder.modules() if isinstance(one, torch.nn.Embedding))
    return hashlib.sha256(weights.detach().float().cpu().numpy().tobytes()).hexdigest()


def load_source(path: Path) -> SourceFile:
    """Read a file of `save_source`.

    path (Path): The file.
    RETURNS (SourceFile): The weights.
    RAISES (LownerError): If the file is missing.
    """
    if not path.is_file():
        raise LownerError(Errors.LN010.format(path=path))
    with safe_open(str(path), framework="pt") as file:
        metadata = json.loads(file.metadata()["source"])
        tensors = {name: file.get_tensor(name).float() for name in file.keys()}
    updates = _part(tensors, _DELTA)
    for layer, a in _part(tensors, _A).items():
        updates[layer] = tensors[f"{_B}{layer}"] @ a
    head = prompts = None
    if "head" in metadata:
        head = KnowFREEHead.from_settings(**metadata["head"])
        head.load_state_dict(_part(tensors, _HEAD))
    else:
        types = TypeMap(tensors[f"{_TYPES}outside"], tensors[f"{_TYPES}map.weight"].shape[1])
        types.load_state_dict(_part(tensors, _TYPES))
        soft, scale = (tensors[f"{_PROMPTS}{name}"] for name in ("soft", "scale"))
        prompts = SourcePrompts(soft, scale, types, metadata["prompts"])
    return SourceFile(updates, head, prompts, metadata["encoder"], metadata)


def load_head(path: Path) -> Tuple[SourceFile, KnowFREEHead]:
    """Read a source that must have a span head.

    path (Path): The file.
    RETURNS (Tuple[SourceFile, KnowFREEHead]): The source, and its head.
    RAISES (LownerError): If it cannot be read, or has prompts in place of a head.
    """
    source = load_source(path)
    if source.head is None:
        raise LownerError(Errors.LN229.format(path=path))
    return source, source.head


def _part(tensors: Dict[str, Tensor], prefix: str) -> Dict[str, Tensor]:
    """RETURNS (Dict[str, Tensor]): The tensors with a prefix, by the rest of their names."""
    return {name[len(prefix) :]: one for name, one in tensors.items() if name.startswith(prefix)}


def save_source(
    trained: torch.nn.Module,
    pretrained: torch.nn.Module,
    head: Union[KnowFREEHead, SourcePrompts],
    path: Path,
    *,
    rank: int,
    about: Dict,
) -> None:
    """Write a trained encoder and head as one file.

    trained (torch.nn.Module): The encoder after training.
    pretrained (torch.nn.Module): The same encoder before it.
    head (Union[KnowFREEHead, SourcePrompts]): The trained head, or what prompts have learned.
    path (Path): The file.
    rank (int): Rank of the updates of linear layers. Each one is cut to its largest singular values.
    about (Dict): Corpora, licences, types and settings, which are kept in the file.
    RAISES (LownerError): If the file cannot be written.
    """
    metadata = {**about, "encoder": fingerprint(pretrained), "rank": rank}
    before = pretrained.state_dict()
    if isinstance(head, SourcePrompts):
        tensors = {f"{_TYPES}{name}": one for name, one in head.types.state_dict().items()}
        tensors.update({f"{_PROMPTS}soft": head.soft, f"{_PROMPTS}scale": head.scale})
        metadata["prompts"] = head.settings
    else:
        tensors = {f"{_HEAD}{name}": one for name, one in head.state_dict().items()}
        metadata["head"] = head.settings
    for name, weight in trained.state_dict().items():
        delta = (weight - before[name]).float() if weight.is_floating_point() else torch.zeros(1)
        if not delta.any() or name.startswith(_UNUSED):
            continue
        if delta.dim() == 2 and min(delta.shape) > rank:
            u, s, v = torch.linalg.svd(delta, full_matrices=False)
            root = s[:rank].sqrt()
            tensors[f"{_B}{name}"], tensors[f"{_A}{name}"] = u[:, :rank] * root, root[:, None] * v[:rank]
        else:
            tensors[f"{_DELTA}{name}"] = delta
    halves = {name: one.detach().half().contiguous().cpu() for name, one in tensors.items()}
    with atomic_path(path) as draft:
        draft.write_bytes(save(halves, metadata={"source": json.dumps(metadata, ensure_ascii=False)}))


def add_to_encoder(encoder: torch.nn.Module, source: SourceFile, path: Path, name: str = "the encoder") -> None:
    """Add the updates of a source to its pretrained encoder, in place.

    encoder (torch.nn.Module): The encoder.
    source (SourceFile): The source.
    path (Path): Its file, for messages.
    name (str): Name of the pipe, for messages.
    RAISES (LownerError): If the updates belong to another encoder.
    """
    if fingerprint(encoder) != source.encoder:
        raise LownerError(Errors.LN183.format(pipe=name, path=path))
    weights = encoder.state_dict()
    with torch.no_grad():
        for layer, update in source.updates.items():
            weights[layer] += update.to(weights[layer])


def start_from_file(nlp: Language, path: Path, pipes: Optional[List[str]] = None) -> Language:
    """Copy a source file into a new pipeline.

    nlp (Language): The pipeline, initialized. All encoders in it get the updates, each `knowfree_spancat` the head, and
        each `contrast_ner` the prompts.
    path (Path): A file of `save_source`.
    pipes (Optional[List[str]]): Names of the pipes; by default all.
    RETURNS (Language): The pipeline.
    RAISES (LownerError): If a pipe has another encoder or another size of head, or nothing can be copied.
    """
    source = load_source(path)
    names = [name for name in nlp.pipe_names if pipes is None or name in pipes]
    copied = [name for name in names if _start_pipe(nlp.get_pipe(name), name, source, path)]
    if not copied:
        raise LownerError(
            Errors.LN044.format(path=path, pipe=", ".join(names), pipes="transformer, knowfree_spancat, contrast_ner")
        )
    return nlp


def _start_pipe(pipe: Any, name: str, source: SourceFile, path: Path) -> bool:
    """RETURNS (bool): Whether something was copied."""
    if not isinstance(pipe, TrainablePipe):
        return False
    head = loaded_module(pipe.model.get_ref("torch")) if "torch" in pipe.model.ref_names else None
    encoder = pipe.model.transformer if isinstance(pipe.model, TransformerModel) else encoder_of(pipe.model)
    if encoder is not None:
        add_to_encoder(encoder, source, path, name)
    if isinstance(head, KnowFREEHead) and source.head is None:
        raise LownerError(Errors.LN229.format(path=path))
    try:
        if isinstance(head, KnowFREEHead) and source.head is not None:
            head.start_from(source.head)
        elif isinstance(head, PromptEncoder) and source.prompts is not None:
            texts = list(pipe.descriptions.values())
            head.start_from_source(source.prompts, torch.from_numpy(embed_texts(texts)))
    except (RuntimeError, ValueError) as error:
        raise LownerError(Errors.LN045.format(pipe=name, reason=str(error).splitlines()[0])) from error
    if isinstance(head, PointerSeq2Seq) and source.head is not None and source.head.matching is not None:
        head.decoder.start_matching(source.head.matching)
    if isinstance(pipe, StartsFrom):
        pipe.weights_changed()
    return encoder is not None or isinstance(head, KnowFREEHead)
