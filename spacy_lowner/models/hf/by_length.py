"""Processing texts of similar length together, so that encoders compute little padding."""

from typing import Any, List, Optional

import torch
from torch import Tensor, nn

from ..batching import SLACK, batch_by_padding

# Outputs of Hugging Face's encoders whose second dimension is the pieces, and those without such a dimension.
OF_PIECES, OF_ROWS = ("last_hidden_state", "hidden_states"), ("pooler_output",)


class ByLength:
    """Replaces the `forward` of a Hugging Face encoder. It is copied and pickled with the encoder.

    A batch is padded to its longest text. With padding it has about twice as many pieces as its texts. The
    replacement sorts the rows into groups of similar length, runs the encoder once per group, and restores the order.
    The outputs of each row are the same.

    module (nn.Module): The encoder.
    attached (bool): Whether this is the `forward` of the encoder (`attach`). If not, it calls the encoder.

    >>> from transformers import BertConfig, BertModel
    >>> config = BertConfig(vocab_size=9, hidden_size=4, num_hidden_layers=1, num_attention_heads=1)
    >>> encoder = BertModel(config)
    >>> ByLength.attach(encoder)
    >>> mask = torch.tensor([[1, 1, 1], [1, 0, 0]])
    >>> encoder(input_ids=torch.ones_like(mask), attention_mask=mask).last_hidden_state.shape
    torch.Size([2, 3, 4])
    """

    def __init__(self, module: nn.Module, attached: bool = False):
        self.module = module
        self.attached = attached

    @classmethod
    def attach(cls, module: nn.Module) -> None:
        """Replace the `forward` of an encoder.

        module (nn.Module): The encoder.
        """
        module.forward = cls(module, attached=True)

    def __call__(self, *args: Any, **inputs: Any) -> Any:
        """Call the encoder, in groups of rows if the inputs can be divided.

        args (Any): Positional arguments. With any, rows are not divided.
        inputs (Any): Keyword arguments of the encoder.
        RETURNS (Any): The output of the encoder for these inputs.
        """
        lengths = None if args else _lengths(inputs)
        groups = list(batch_by_padding(lengths, len(lengths) * max(lengths), SLACK)) if lengths else []
        if lengths is None or len(groups) < 2:
            return self._forward(*args, **inputs)
        longest = inputs["attention_mask"].shape[1]
        outputs = [self._forward(**_rows(inputs, rows, lengths[rows[-1]])) for rows in groups]
        if not set(outputs[0].keys()) <= {*OF_PIECES, *OF_ROWS}:
            # There is an output that cannot be joined, such as attention weights.
            return self._forward(**inputs)
        order = torch.tensor([row for rows in groups for row in rows], device=inputs["attention_mask"].device).argsort()
        return type(outputs[0])(
            **{name: _joined([output[name] for output in outputs], order, longest, name) for name in outputs[0]}
        )

    def _forward(self, *args: Any, **inputs: Any) -> Any:
        # As a replaced `forward`, it is called by the module. Else it calls the module, with its hooks.
        if self.attached:
            return type(self.module).forward(self.module, *args, **inputs)
        return self.module(*args, **inputs)


def _lengths(inputs: dict) -> Optional[List[int]]:
    """RETURNS (Optional[List[int]]): Number of pieces of each row, or None if the rows cannot be divided."""
    mask = inputs.get("attention_mask")
    tensors = [value for value in inputs.values() if isinstance(value, Tensor)]
    if mask is None or mask.dim() != 2 or any(value.shape[:2] != mask.shape for value in tensors):
        return None
    lengths = mask.sum(-1).long()
    # All padding must be on the right, and no row may be empty.
    columns = torch.arange(mask.shape[1], device=mask.device)
    padded_right = bool((mask.bool() == (columns < lengths[:, None])).all() and lengths.min() > 0)
    return lengths.tolist() if padded_right else None


def _rows(inputs: dict, rows: List[int], longest: int) -> dict:
    return {name: value[rows, :longest] if isinstance(value, Tensor) else value for name, value in inputs.items()}


def _joined(groups: List[Any], order: Tensor, longest: int, name: str) -> Any:
    """Join an output of all groups.

    groups (List[Any]): The output of each group: a tensor, a tuple with one tensor per layer, or None.
    order (Tensor): Position of each row among the rows of the groups. Shape: (rows,), int64
    longest (int): Number of pieces of the whole batch, with padding.
    name (str): Name of the output.
    RETURNS (Any): The output of the whole batch.
    """
    if groups[0] is None:
        return None
    if isinstance(groups[0], tuple):
        return tuple(_joined(list(layer), order, longest, name) for layer in zip(*groups))
    if name in OF_PIECES:
        groups = [nn.functional.pad(group, (0, 0, 0, longest - group.shape[1])) for group in groups]
    return torch.cat(groups)[order]
