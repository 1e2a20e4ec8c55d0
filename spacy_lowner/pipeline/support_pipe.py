"""The base class of pipes that compare texts with labelled examples, the support."""

import warnings
from collections import Counter
from pathlib import Path
from typing import Any, Dict, Iterable, List, Optional, Sequence, Tuple, Union

import numpy
from spacy import util
from spacy.tokens import Doc
from spacy.training import Example, validate_examples
from spacy.vocab import Vocab
from thinc.api import Optimizer

from ..corpus.files import atomic_path
from ..errors import Errors, LownerError, Warnings
from ..models.hf.inference import PREPARING
from ..models.neighbours import index_support
from ..nn.neighbours import NeighbourIndex
from ..types import CandidateT, PromptModelT
from .base import LabelledPipe
from .candidates import OUTSIDE, warn_of_lost_entities
from .support import Support

# Settings of models that change how texts are read, and so the states.
READING = ("packing", "share_positions", "max_packed_length", "window")


class SupportPipe(LabelledPipe):
    """A trainable pipe that stores labelled examples and their states, so that labels can change without training.

    The states of the support come from the encoder. They are computed again before the next prediction when the weights
    have changed, and the search index is built again when the support has changed.
    """

    def __init__(self, vocab: Vocab, model: PromptModelT, name: str):
        """Create the pipe with an empty support.

        vocab (Vocab): The shared vocabulary.
        model (PromptModelT): Maps Docs with candidates to states.
        name (str): The name of the pipe.
        """
        self.vocab = vocab
        self.model = model
        self.name = name
        self.support = Support()
        # Whether the states of the support were computed with older weights.
        self._stale = False
        # The search index over the states; None if it must be built again.
        self._index: Optional[NeighbourIndex] = None

    def finish_update(self, sgd: Optimizer) -> None:
        """Update the weights.

        sgd (Optimizer): The optimizer.
        """
        super().finish_update(sgd)
        self.weights_changed()

    def weights_changed(self) -> None:
        """Mark the states of the support as outdated."""
        self._stale, self._index = True, None

    def add_support(self, examples: Iterable[Example], labels: Optional[Sequence[str]] = None) -> Dict[str, int]:
        """Add the entities of examples to the support, without training. They may have new labels.

        If a sentence is in the support already, the old candidates at the positions of these entities are removed: a
        new entity may have been "O" before.

        examples (Iterable[Example]): The gold entities are the `ents` of their references. Only entities are added,
            so examples of a new type need no annotation of the old types.
        labels (Optional[Sequence[str]]): Add only entities with these labels. None adds all.
        RETURNS (Dict[str, int]): The number of candidates of each type, as `support_summary` returns it.
        RAISES (LownerError): If there is no entity to add.
        """
        examples = list(examples)
        validate_examples(examples, f"{type(self).__name__}.add_support")
        self._check_initialized()
        self._encode_support()
        typed = []
        for example in examples:
            gold = self._gold_types(example).items()
            entities = {span: name for span, name in gold if name != OUTSIDE and (labels is None or name in labels)}
            typed.append((example.predicted, entities))
        new_labels = list(dict.fromkeys(name for _, entities in typed for name in entities.values()))
        if not new_labels:
            raise LownerError(Errors.LN059.format(name=self.name, count=len(examples)))
        warn_of_lost_entities(examples, self._max_length, self.name)
        # Work on a copy, so that the support stays unchanged if a step fails.
        support = self.support.copy()
        support.forget(typed)
        first = len(support)
        support.add(typed)
        support.encode(self._states, first)
        self.support, self._index = support, None
        for name in new_labels:
            if name not in self.labels:
                self._append_label(name)
        self._warn_of_unfound(typed)
        return self.support_summary()

    def _warn_of_unfound(self, typed: Sequence[Tuple[Doc, Dict[CandidateT, str]]]) -> None:
        """Warn of labels whose examples are not predicted, although they are in the support themselves."""
        predicted = self.predict([doc for doc, _ in typed])
        counts: Counter = Counter(name for _, entities in typed for name in entities.values())
        unfound: Counter = Counter()
        for (_, entities), spans in zip(typed, predicted):
            for (start, end), name in entities.items():
                label = self.labels.index(name)
                unfound[name] += not any(s.start <= start and end <= s.end and s.label == label for s in spans)
        for name in +unfound:
            count, total = unfound[name], counts[name]
            warnings.warn(Warnings.LN125.format(name=self.name, label=name, count=count, total=total))

    def remove_support(self, label: str) -> int:
        """Remove a label and its candidates. The pipe does not predict it any more.

        label (str): The label.
        RETURNS (int): The number of removed candidates.
        RAISES (LownerError): If the pipe does not have the label.
        """
        if label not in self.labels:
            raise LownerError(Errors.LN014.format(what="label", value=label, options=", ".join(self.labels)))
        self._encode_support()
        removed = self.support.remove(label)
        self._index = None
        self.cfg["labels"].remove(label)
        return removed

    def support_summary(self) -> Dict[str, int]:
        """RETURNS (Dict[str, int]): The number of candidates of each type in the support; "O" is not an entity."""
        return self.support.summary()

    def to_bytes(self, *, exclude: Iterable[str] = tuple()) -> bytes:
        """Serialize the pipe with its support.

        exclude (Iterable[str]): Names of serialization fields to skip.
        RETURNS (bytes): The serialized pipe.
        """
        self._encode_support()
        return util.to_bytes({"support": self.support.to_bytes, "pipe": lambda: self._pipe_to_bytes(exclude)}, exclude)

    def from_bytes(self, bytes_data: bytes, *, exclude: Iterable[str] = tuple()) -> "SupportPipe":
        """Load a pipe from the output of `to_bytes`.

        bytes_data (bytes): The output of `to_bytes`.
        exclude (Iterable[str]): Names of serialization fields to skip.
        RETURNS (SupportPipe): This pipe.
        RAISES (LownerError): If the support is damaged, or the config overrides a setting that training has fixed.
        """
        readers = {
            "pipe": lambda data: LabelledPipe.from_bytes(self, data, exclude=exclude),
            "support": self._read_support,
        }
        self.weights_changed()
        util.from_bytes(bytes_data, readers, exclude)
        return self

    def to_disk(self, path: Union[str, Path], *, exclude: Iterable[str] = tuple()) -> None:
        """Save the pipe with its support.

        path (Union[str, Path]): The folder of the pipe.
        exclude (Iterable[str]): Names of serialization fields to skip.
        """
        self._encode_support()
        super().to_disk(path, exclude=exclude)
        if "support" not in exclude:
            with atomic_path(util.ensure_path(path) / "support") as draft:
                draft.write_bytes(self.support.to_bytes())

    def from_disk(self, path: Union[str, Path], *, exclude: Iterable[str] = tuple()) -> "SupportPipe":
        """Load a pipe saved by `to_disk`.

        path (Union[str, Path]): The folder of the pipe.
        exclude (Iterable[str]): Names of serialization fields to skip.
        RETURNS (SupportPipe): This pipe.
        RAISES (LownerError): If the support is damaged, or the config overrides a setting that training has fixed.
        """
        self.weights_changed()
        super().from_disk(path, exclude=exclude)
        if "support" not in exclude:
            self._read_support((util.ensure_path(path) / "support").read_bytes())
        return self

    def _gold_types(self, example: Example) -> Dict[CandidateT, str]:
        """RETURNS (Dict[CandidateT, str]): The gold type of each candidate of the predicted Doc."""
        raise NotImplementedError

    @property
    def _max_length(self) -> Optional[int]:
        """RETURNS (Optional[int]): The length of the longest candidate, in words; None if there is no limit."""
        return None

    def _check_initialized(self) -> None:
        """RAISES (LownerError): If the pipe is not initialized."""
        raise NotImplementedError

    def _pipe_to_bytes(self, exclude: Iterable[str]) -> bytes:
        return LabelledPipe.to_bytes(self, exclude=exclude)

    def _reading(self) -> Dict[str, Any]:
        """RETURNS (Dict[str, Any]): Settings of the model that can change after training, and change its states."""
        settings = vars(self.model.attrs["settings"])
        return {name: settings[name] for name in READING if name in settings}

    def _read_support(self, data: bytes) -> None:
        try:
            self.support.from_bytes(data, self.vocab)
        except Exception as error:
            # Damaged bytes can fail anywhere in safetensors, msgpack, zlib and spaCy, with any type of exception.
            raise LownerError(Errors.LN162.format(path=self.name, reason=error or type(error).__name__)) from error
        # States that were computed with other settings would not fit those of new texts.
        self._stale, self._index = self.cfg["read_with"] != self._reading(), None

    def _encode_support(self) -> None:
        """Compute the states of the support with the current weights, unless they are up to date."""
        if self._stale:
            with PREPARING:
                # Another thread may have encoded the support while this one waited for the lock.
                if self._stale:
                    self.support.encode(self._states)
                    self.cfg["read_with"] = self._reading()
                    self._stale, self._index = False, None

    def _indexed_support(self) -> NeighbourIndex:
        with PREPARING:
            if self._index is None:
                self._index = index_support(self.support.states, self.support.labels)
            return self._index

    def _states(self, inputs: List[Tuple[Doc, List[CandidateT]]]) -> numpy.ndarray:
        return self.model.ops.to_numpy(self.model.predict(inputs).states)
