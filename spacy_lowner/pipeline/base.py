"""What the trainable pipes share."""

import math
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, Optional, Sequence, Tuple, Union

from spacy.pipeline import TrainablePipe
from spacy.training import Example, validate_examples
from thinc.api import Optimizer, set_dropout_rate

from ..errors import Errors, LownerError
from ..types import CONFIGURED


class LabelledPipe(TrainablePipe):
    """A trainable pipe with labels, which says what a batch asks (`_inputs_and_targets`) and how far off an answer is (`_loss`).

    `cfg` holds settings, which the config names, and what the pipe has learned. A setting that differs at load from the one
    that the pipe was saved under was overridden there, and wins over what is saved.
    """

    # Settings that a trained pipe cannot change.
    fixed_settings: Tuple[str, ...] = ()

    @property
    def labels(self) -> Tuple[str, ...]:
        """RETURNS (Tuple[str, ...]): The labels that can be predicted."""
        return tuple(self.cfg["labels"])

    @property
    def flat(self) -> bool:
        """RETURNS (bool): Whether the entities of a Doc never overlap."""
        return True

    @property
    def label_data(self) -> List[str]:
        """RETURNS (List[str]): The labels, for `spacy init labels`."""
        return list(self.labels)

    def add_label(self, label: str) -> int:
        """Add a label. RETURNS (int): 0 if it is there already, else 1. RAISES (LownerError): If the pipe cannot take it."""
        if label in self.labels:
            return 0
        self._check_label(label)
        self._new_label(label)
        return 1

    def update(
        self,
        examples: Iterable[Example],
        *,
        drop: float = 0.0,
        sgd: Optional[Optimizer] = None,
        losses: Optional[Dict[str, float]] = None,
    ) -> Dict[str, float]:
        """Learn from a batch. RETURNS (Dict[str, float]): The losses, with this pipe's added."""
        losses = {} if losses is None else losses
        losses.setdefault(self.name, 0.0)
        examples = list(examples)
        validate_examples(examples, f"{type(self).__name__}.update")
        lesson = self._inputs_and_targets(examples)
        if lesson is None:
            return losses
        inputs, gold = lesson
        set_dropout_rate(self.model, drop)
        prediction, backprop = self.model.begin_update(inputs)
        loss, gradient = self._loss(gold, prediction)
        backprop(gradient)
        if sgd is not None:
            self.finish_update(sgd)
        losses[self.name] += loss
        return losses

    def from_disk(self, path: Union[str, Path], *, exclude: Iterable[str] = tuple()) -> "LabelledPipe":
        """Load what `to_disk` saved. RETURNS (LabelledPipe): This pipe. RAISES (LownerError): For an override that
        training excludes.
        """
        with self._settings_of_config():
            super().from_disk(path, exclude=exclude)
        return self

    def from_bytes(self, bytes_data: bytes, *, exclude: Iterable[str] = tuple()) -> "LabelledPipe":
        """Load what `to_bytes` gave. RETURNS (LabelledPipe): This pipe. RAISES (LownerError): For an override that training
        excludes.
        """
        with self._settings_of_config():
            super().from_bytes(bytes_data, exclude=exclude)
        return self

    def weights_changed(self) -> None:
        """Forget what was computed with other weights."""

    def _set_cfg(self, settings: Dict[str, Any], **learned: Any) -> None:
        """Set `cfg`.

        settings (Dict[str, Any]): Those of the config.
        learned (Any): What initialization and training will fill in.
        """
        self.cfg: Dict[str, Any] = {"labels": [], **learned, **settings, CONFIGURED: dict(settings)}

    @contextmanager
    def _settings_of_config(self) -> Iterator[None]:
        """Let settings that the config overrides win over those that are loaded within the block."""
        configured = self.cfg[CONFIGURED]
        yield
        saved_under = self.cfg[CONFIGURED]
        self.cfg[CONFIGURED] = configured
        for setting, value in configured.items():
            if _equal(value, saved_under.get(setting, value)):
                continue
            if setting in self.fixed_settings and self.labels:
                trained = saved_under[setting]
                raise LownerError(Errors.LN160.format(name=self.name, setting=setting, value=value, trained=trained))
            self.cfg[setting] = value

    def _inputs_and_targets(self, examples: Sequence[Example]) -> Optional[Tuple[Any, Any]]:
        """RETURNS (Optional[Tuple[Any, Any]]): Inputs of the model, and what `_loss` needs to know; None where there is nothing
        to learn.
        """
        raise NotImplementedError

    def _loss(self, gold: Any, prediction: Any) -> Tuple[float, Any]:
        """RETURNS (Tuple[float, Any]): The loss, and its gradient in the shape of the prediction."""
        raise NotImplementedError

    def _check_label(self, label: str) -> None:
        """RAISES (LownerError): If the pipe cannot take a new label, or cannot any more."""

    def _take_labels(self, labels: Optional[Iterable[str]], found: Iterable[str]) -> None:
        """Add the labels of the caller, or else those found in the data. RAISES (LownerError): If there is none."""
        for label in sorted(found) if labels is None else labels:
            self.add_label(label)
        if not self.labels:
            raise LownerError(Errors.LN054.format(name=self.name))

    def _new_label(self, label: str) -> None:
        self.cfg["labels"].append(label)
        self.vocab.strings.add(label)


def _equal(value: Any, saved: Any) -> bool:
    # srsly's JSON reads 0.7 as 0.7000000000000001.
    return math.isclose(value, saved) if isinstance(value, float) and isinstance(saved, float) else value == saved
