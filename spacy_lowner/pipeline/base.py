"""The base class of the trainable pipes."""

import math
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple, Union

from spacy.pipeline import TrainablePipe
from spacy.training import Example, validate_examples
from thinc.api import Optimizer, set_dropout_rate

from ..corpus.partial import is_partial
from ..errors import Errors, LownerError, Warnings, warn_once
from ..models.transfer import start_model_from
from ..types import CONFIGURED
from ..validation import Constraint, validate


class LabelledPipe(TrainablePipe):
    """A trainable pipe with labels.

    A subclass implements two steps of the update: `_inputs_and_targets` turns a batch into the model's inputs and the
    targets, `_get_loss` compares the targets with the model's output.

    `cfg` contains the settings from the config and the values learned in training. It also contains a copy of the
    settings as the config had them. At load, a setting that differs from this copy was overridden, and the override
    wins over the saved value.
    """

    # Settings that cannot be overridden once the pipe is trained.
    fixed_settings: Tuple[str, ...] = ()
    constraints: Mapping[str, Constraint] = {}
    # Whether the pipe learns from Docs in which only some spans were judged. Other pipes skip them.
    learns_from_partial = False

    @property
    def labels(self) -> Tuple[str, ...]:
        """RETURNS (Tuple[str, ...]): The labels that the pipe can predict."""
        return tuple(self.cfg["labels"])

    @property
    def flat(self) -> bool:
        """RETURNS (bool): Whether the predicted spans of a Doc never overlap."""
        return True

    @property
    def label_data(self) -> List[str]:
        """RETURNS (List[str]): The labels, for `spacy init labels`."""
        return list(self.labels)

    def add_label(self, label: str) -> int:
        """Add a label before initialization.

        label (str): The label.
        RETURNS (int): 1 if the label is new, 0 if the pipe has it already.
        RAISES (LownerError): If the pipe cannot predict the label, or is initialized already.

        >>> import spacy
        >>> pipe = spacy.blank("en").add_pipe("knowfree_spancat")
        >>> pipe.add_label("PER"), pipe.add_label("PER"), pipe.labels
        (1, 0, ('PER',))
        """
        if label in self.labels:
            return 0
        self._check_label(label)
        self._append_label(label)
        return 1

    def update(
        self,
        examples: Iterable[Example],
        *,
        drop: float = 0.0,
        sgd: Optional[Optimizer] = None,
        losses: Optional[Dict[str, float]] = None,
    ) -> Dict[str, float]:
        """Learn from a batch.

        examples (Iterable[Example]): The batch.
        drop (float): The dropout rate.
        sgd (Optional[Optimizer]): The optimizer. None only accumulates the gradients.
        losses (Optional[Dict[str, float]]): Losses by pipe name; the loss of this pipe is added.
        RETURNS (Dict[str, float]): The updated losses.
        """
        losses = {} if losses is None else losses
        losses.setdefault(self.name, 0.0)
        examples = list(examples)
        validate_examples(examples, f"{type(self).__name__}.update")
        examples = self._complete(examples)
        batch = self._inputs_and_targets(examples)
        if batch is None:
            return losses
        inputs, targets = batch
        set_dropout_rate(self.model, drop)
        prediction, backprop = self.model.begin_update(inputs)
        loss, gradient = self._get_loss(targets, prediction)
        backprop(gradient)
        if sgd is not None:
            self.finish_update(sgd)
        losses[self.name] += loss
        return losses

    def from_disk(self, path: Union[str, Path], *, exclude: Iterable[str] = tuple()) -> "LabelledPipe":
        """Load a pipe saved by `to_disk`.

        path (Union[str, Path]): The folder of the pipe.
        exclude (Iterable[str]): Names of serialization fields to skip.
        RETURNS (LabelledPipe): This pipe.
        RAISES (LownerError): If the config overrides a setting that training has fixed.
        """
        with self._config_overrides():
            super().from_disk(path, exclude=exclude)
        return self

    def from_bytes(self, bytes_data: bytes, *, exclude: Iterable[str] = tuple()) -> "LabelledPipe":
        """Load a pipe from the output of `to_bytes`.

        bytes_data (bytes): The output of `to_bytes`.
        exclude (Iterable[str]): Names of serialization fields to skip.
        RETURNS (LabelledPipe): This pipe.
        RAISES (LownerError): If the config overrides a setting that training has fixed.
        """
        with self._config_overrides():
            super().from_bytes(bytes_data, exclude=exclude)
        return self

    def start_from(self, other: "LabelledPipe") -> bool:
        """Copy the weights of a trained pipe of the same factory, except the weights of its labels.

        `spacy-lowner.start_from.v1` calls it after initialization. Labels, settings and the support stay those of this
        pipe.

        other (LabelledPipe): The trained pipe. It may have other labels.
        RETURNS (bool): Whether all weights were copied. False if this pipe has a `tok2vec` of another kind than the
            other pipe, so that the caller has to copy at least the encoder in it.
        RAISES (ValueError): If the models are of different kinds. RuntimeError is raised by torch if the sizes differ.
        """
        complete = start_model_from(self.model, other.model)
        self.weights_changed()
        return complete

    def _complete(self, examples: Iterable[Example]) -> List[Example]:
        """RETURNS (List[Example]): The examples that the pipe learns from: with complete annotation, or all."""
        examples = list(examples)
        kept = examples if self.learns_from_partial else [one for one in examples if not is_partial(one.reference)]
        if len(kept) < len(examples):
            warn_once(self, Warnings.LN121, name=self.name, count=len(examples) - len(kept))
        return kept

    def weights_changed(self) -> None:
        """Drop cached results that depend on the weights. Called when something else has replaced the weights."""

    def _set_cfg(self, settings: Dict[str, Any], **learned: Any) -> None:
        """Set `cfg`.

        settings (Dict[str, Any]): The settings from the config.
        learned (Any): Initial values of the fields that initialization and training fill in.
        RAISES (LownerError): If a setting is out of range.
        """
        validate(self.name, self.constraints, settings)
        self.cfg: Dict[str, Any] = {"labels": [], **learned, **settings, CONFIGURED: dict(settings)}

    @contextmanager
    def _config_overrides(self) -> Iterator[None]:
        """Apply the settings that the config overrides to the `cfg` that is loaded within the block."""
        configured = self.cfg[CONFIGURED]
        yield
        configured_when_saved = self.cfg[CONFIGURED]
        self.cfg[CONFIGURED] = configured
        for setting, value in configured.items():
            if _equal(value, configured_when_saved.get(setting, value)):
                continue
            if self.labels:
                self._check_override(setting, value, configured_when_saved[setting])
            self.cfg[setting] = value

    def _check_override(self, setting: str, value: Any, trained: Any) -> None:
        """RAISES (LownerError): If the pipe was trained with one value of a setting, and cannot work with another."""
        if setting in self.fixed_settings:
            raise LownerError(Errors.LN160.format(name=self.name, setting=setting, value=value, trained=trained))

    def _inputs_and_targets(self, examples: Sequence[Example]) -> Optional[Tuple[Any, Any]]:
        """Prepare a batch for the model.

        examples (Sequence[Example]): The batch.
        RETURNS (Optional[Tuple[Any, Any]]): The model's inputs, and the targets for `_get_loss`. None if the batch has
            nothing to learn from.
        """
        raise NotImplementedError

    def _get_loss(self, targets: Any, prediction: Any) -> Tuple[float, Any]:
        """Compare the model's output with the targets.

        targets (Any): The targets from `_inputs_and_targets`.
        prediction (Any): The model's output.
        RETURNS (Tuple[float, Any]): The loss, and its gradient in the shape of the prediction.
        """
        raise NotImplementedError

    def _check_label(self, label: str) -> None:
        """RAISES (LownerError): If the pipe cannot add this label, or no label any more."""

    def _add_labels(self, labels: Optional[Iterable[str]], labels_in_data: Iterable[str]) -> None:
        """Add the labels of the config, or else the labels of the data.

        labels (Optional[Iterable[str]]): The labels of the config; None uses the data.
        labels_in_data (Iterable[str]): The labels of the training data.
        RAISES (LownerError): If there is no label.
        """
        for label in sorted(labels_in_data) if labels is None else labels:
            self.add_label(label)
        if not self.labels:
            raise LownerError(Errors.LN054.format(name=self.name))

    def _append_label(self, label: str) -> None:
        self.cfg["labels"].append(label)
        self.vocab.strings.add(label)


def _equal(value: Any, saved: Any) -> bool:
    # srsly's JSON reads 0.7 as 0.7000000000000001.
    return math.isclose(value, saved) if isinstance(value, float) and isinstance(saved, float) else value == saved
