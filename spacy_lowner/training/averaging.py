"""Average the weights of pipelines that were trained from one start with different seeds."""

from typing import Any, Iterator, List, Sequence, Tuple

import torch
from spacy.language import Language
from thinc.api import Model, PyTorchShim

from ..errors import Errors, LownerError
from ..loading import change_setting
from ..models.hf.shim import get_module
from ..types import StartsFrom


def average_pipelines(pipelines: Sequence[Language]) -> Language:
    """Give the first of several pipelines the mean of all their weights (model soup, Wortsman et al., 2022).

    Fine-tuned models that started from the same weights lie close to each other, and their mean is about as good as
    the mean of their predictions, at the cost of one model. Models that were trained from random weights are not alike,
    and their mean is useless: so a head that did not start from a source must not be averaged.

    pipelines (Sequence[Language]): Pipelines of the same config, labels and source. The first one is changed.
    RETURNS (Language): The first pipeline, without thresholds of single labels and calibration.
    RAISES (LownerError): If there are fewer than two, or they differ in more than their weights.
    """
    if len(pipelines) < 2:
        raise LownerError(Errors.LN223.format(reason="at least two pipelines are needed"))
    first, *others = pipelines
    sources = {str(nlp.config.get("paths", {}).get("source") or "") for nlp in pipelines}
    if len(sources) > 1:
        raise LownerError(Errors.LN223.format(reason=f"their sources differ: {', '.join(sorted(sources))}"))
    for other in others:
        if other.pipe_names != first.pipe_names:
            names = ", ".join(first.pipe_names), ", ".join(other.pipe_names)
            raise LownerError(Errors.LN223.format(reason=f"their pipes differ: {names[0]}; {names[1]}"))
    for name in first.pipe_names:
        pipes = [nlp.get_pipe(name) for nlp in pipelines]
        if len({tuple(getattr(pipe, "labels", ())) for pipe in pipes}) > 1:
            raise LownerError(Errors.LN223.format(reason=f"the labels of {name} differ"))
        models = [pipe.model for pipe in pipes if isinstance(getattr(pipe, "model", None), Model)]
        if models:
            _average_models(name, models)
        _forget(first, name)
    return first


def _forget(nlp: Language, name: str) -> None:
    """Reset what was fitted to the scores of one pipeline, or computed with its weights."""
    pipe = nlp.get_pipe(name)
    cfg = pipe.cfg if isinstance(getattr(pipe, "cfg", None), dict) else {}
    for setting, empty in (("thresholds", {}), ("calibration", [])):
        if cfg.get(setting):
            change_setting(nlp, name, setting, empty)
    if isinstance(pipe, StartsFrom):
        pipe.weights_changed()


def _average_models(name: str, models: List[Model]) -> None:
    """Average the models of one pipe into the first."""
    try:
        for nodes in zip(*(model.walk() for model in models), strict=True):
            for param in nodes[0].param_names:
                if nodes[0].has_param(param):
                    values = [node.get_param(param) for node in nodes]
                    nodes[0].set_param(param, sum(values[1:], values[0]) / len(values))
            for modules in zip(*map(_modules, nodes), strict=True):
                _average_modules(modules)
    except (ValueError, RuntimeError, KeyError) as error:
        raise LownerError(Errors.LN223.format(reason=f"{name}: {str(error).splitlines()[0]}")) from error


def _modules(node: Model) -> Iterator[torch.nn.Module]:
    """YIELDS (torch.nn.Module): The torch modules of a layer."""
    for shim in node.shims:
        module: Any = get_module(shim) if isinstance(shim, PyTorchShim) else None
        if module is not None:
            yield module


def _average_modules(modules: Tuple[torch.nn.Module, ...]) -> None:
    states = [module.state_dict() for module in modules]
    mean = {
        name: torch.stack([state[name] for state in states]).mean(0) if tensor.is_floating_point() else tensor
        for name, tensor in states[0].items()
    }
    modules[0].load_state_dict(mean)
