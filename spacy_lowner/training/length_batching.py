"""An encoder that reads texts of like length together, so that little padding is computed."""

from typing import Any, List, Optional

import torch
from torch import Tensor, nn

from ..models.batching import SLACK, batch_by_padding

# Outputs by what their second dimension is; others cannot be put together again.
OF_PIECES, OF_ROWS = ("last_hidden_state", "hidden_states"), ("pooler_output",)


class ByLength:
    """Stands in for the `forward` of an encoder of Hugging Face; the outputs are the same, row by row.

    A batch as training draws it, padded to its longest text, has about twice as many pieces as its texts. It is copied and
    pickled with its module.

    module (nn.Module): The encoder.
    """

    def __init__(self, module: nn.Module):
        self.module = module

    @classmethod
    def attach(cls, module: nn.Module) -> None:
        """Let a module read so from now on."""
        module.forward = cls(module)

    def __call__(self, *args: Any, **inputs: Any) -> Any:
        """RETURNS (Any): What the module gives for these inputs."""
        lengths = None if args else _lengths(inputs)
        groups = list(batch_by_padding(lengths, len(lengths) * max(lengths), SLACK)) if lengths else []
        if len(groups) < 2:
            return self._forward(*args, **inputs)
        longest = inputs["attention_mask"].shape[1]
        outputs = [self._forward(**_rows(inputs, rows, lengths[rows[-1]])) for rows in groups]
        if not set(outputs[0].keys()) <= {*OF_PIECES, *OF_ROWS}:
            return self._forward(**inputs)
        order = torch.tensor([row for rows in groups for row in rows], device=inputs["attention_mask"].device).argsort()
        return type(outputs[0])(
            **{name: _together([output[name] for output in outputs], order, longest, name) for name in outputs[0]}
        )

    def _forward(self, *args: Any, **inputs: Any) -> Any:
        return type(self.module).forward(self.module, *args, **inputs)


def _lengths(inputs: dict) -> Optional[List[int]]:
    """RETURNS (Optional[List[int]]): Pieces of each row; None where rows cannot be cut."""
    mask = inputs.get("attention_mask")
    tensors = [value for value in inputs.values() if isinstance(value, Tensor)]
    if mask is None or mask.dim() != 2 or any(value.shape[:2] != mask.shape for value in tensors):
        return None
    lengths = mask.sum(-1).long()
    # Padding on the right alone, and no empty row.
    places = torch.arange(mask.shape[1], device=mask.device)
    whole = bool((mask.bool() == (places < lengths[:, None])).all() and lengths.min() > 0)
    return lengths.tolist() if whole else None


def _rows(inputs: dict, rows: List[int], longest: int) -> dict:
    return {name: value[rows, :longest] if isinstance(value, Tensor) else value for name, value in inputs.items()}


def _together(parts: List[Any], order: Tensor, longest: int, name: str) -> Any:
    if parts[0] is None:
        return None
    if isinstance(parts[0], tuple):
        return tuple(_together(list(layer), order, longest, name) for layer in zip(*parts))
    if name in OF_PIECES:
        parts = [nn.functional.pad(part, (0, 0, 0, longest - part.shape[1])) for part in parts]
    return torch.cat(parts)[order]
