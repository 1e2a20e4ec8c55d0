"""Copying weights from a trained model to a new one, for `spacy-lowner.start_from.v1`."""

from typing import Optional

import torch
from thinc.api import Model

from .hf.shim import loaded_module
from .hf.transformer import transformer_in


def start_model_from(target: Model, source: Model) -> bool:
    """Copy the weights of a trained model of ours to a new one, except the weights of its labels.

    The torch modules copy their own weights (`start_from`), because only they know which rows belong to labels. A
    `tok2vec` is copied if both models have the same kind of it.

    target (Model): The model of the new pipe, initialized.
    source (Model): The model of a trained pipe of the same factory, which may have other labels.
    RETURNS (bool): Whether all weights were copied. False if the `tok2vec` is of another kind, so that the caller
        has to copy at least its encoder.
    RAISES (ValueError): If the models are of different kinds. RuntimeError is raised by torch if the sizes differ.
    """
    ours, theirs = (loaded_module(model.get_ref("torch")) for model in (target, source))
    if type(ours) is not type(theirs):
        raise ValueError(f"it has a {type(theirs).__name__}, and the target has a {type(ours).__name__}")
    ours.start_from(theirs)
    if "tok2vec" not in target.ref_names:
        return True
    return copy_tok2vec(target.get_ref("tok2vec"), source.get_ref("tok2vec"))


def copy_tok2vec(target: Model, source: Model) -> bool:
    """Copy the weights of a `tok2vec` to another one of the same kind.

    Only weights are copied. Settings, such as the size of windows, stay those of the target's config.

    target (Model): The new layer.
    source (Model): The trained layer.
    RETURNS (bool): False if the layers are of different kinds, and nothing was copied.

    >>> from thinc.api import Linear
    >>> new, trained = Linear(1, 1).initialize(), Linear(1, 1).initialize()
    >>> trained.set_param("W", trained.get_param("W") + 1)
    >>> copy_tok2vec(new, trained), bool(new.get_param("W") == trained.get_param("W"))
    (True, True)
    """
    # A listener has no weights. The weights of its upstream component are copied with that component.
    if any("listener" in node.name for node in target.walk()):
        return True
    if source.name != target.name:
        return False
    # `from_bytes` restores attributes as well, so those of the target are put back.
    attributes = [dict(node.attrs) for node in target.walk()]
    target.from_bytes(source.to_bytes())
    for node, configured in zip(target.walk(), attributes):
        node.attrs.update(configured)
    return True


def encoder_of(model: Model) -> Optional[torch.nn.Module]:
    """Find the Hugging Face encoder in a model.

    model (Model): The model of a pipe: ours with an encoder inside its torch module, or one with a spacy-transformers
        layer.
    RETURNS (Optional[torch.nn.Module]): The first encoder, or None if there is none.

    >>> from thinc.api import Linear
    >>> encoder_of(Linear(1, 1)) is None
    True
    """
    if "torch" in model.ref_names:
        encoder = getattr(loaded_module(model.get_ref("torch")), "encoder", None)
        if encoder is not None:
            return encoder
    return transformer_of(model)


def transformer_of(model: Model) -> Optional[torch.nn.Module]:
    """Find the encoder of a spacy-transformers layer in a model.

    model (Model): The model of a pipe.
    RETURNS (Optional[torch.nn.Module]): The encoder of the first such layer, or None if there is none.

    >>> from thinc.api import Linear
    >>> transformer_of(Linear(1, 1)) is None
    True
    """
    layer = transformer_in(model)
    return None if layer is None else layer.transformer
