"""Torch modules to ONNX graphs, in single precision or with weights in eight bits."""

import logging
import tempfile
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, Sequence

import torch
from torch import Tensor, nn

from ..nn.knowfree import KnowFREEHead
from .text_head import TextHead

OPSET = 17
# Size of the example text that the tracer follows. It has no influence on the graph.
PIECES = 7


class _Encoder(nn.Module):
    """A Hugging Face encoder of one text.

    module (nn.Module): The encoder.
    """

    def __init__(self, module: nn.Module):
        super().__init__()
        self.module = module

    def forward(self, ids: Tensor) -> Tensor:
        """RETURNS (Tensor): The states of word pieces. Shape: (pieces, dim)"""
        states: Tensor = self.module(input_ids=ids[None], attention_mask=torch.ones_like(ids)[None]).last_hidden_state
        return states[0]


def encoder_graph(encoder: nn.Module) -> bytes:
    """Export an encoder.

    encoder (nn.Module): A Hugging Face encoder on the CPU.
    RETURNS (bytes): A graph of the `ids` of the word pieces of a text to `states`. Shapes: (pieces,), (pieces, dim)
    """
    with _for_tracing(encoder):
        return _export(_Encoder(encoder), {"ids": torch.ones(PIECES, dtype=torch.int64)}, "states")


def head_graph(head: KnowFREEHead) -> bytes:
    """Export a span head.

    head (KnowFREEHead): The head on the CPU. Its extension labels are dropped.
    RETURNS (bytes): A graph of the inputs of `TextHead` to `logits`.
    """
    words = head.width + 1
    inputs = {"words": torch.randn(words, head.settings["dim"]), "shapes": torch.zeros(words, dtype=torch.int64)}
    return _export(TextHead(head).eval(), inputs, "logits")


def in_eight_bits(graph: bytes) -> bytes:
    """Quantize the weights of matrix products and embeddings to eight bits, one scale per column.

    Inputs are quantized while they are computed, with the range of each matrix. So a text must be computed by itself,
    or its scores would depend on other texts.

    graph (bytes): A graph.
    RETURNS (bytes): The quantized graph.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "source.onnx", Path(folder) / "target.onnx"
        source.write_bytes(graph)
        # It recommends optimizations that the runtime makes itself, at loading.
        logging.disable(logging.WARNING)
        try:
            quantize_dynamic(
                source,
                target,
                op_types_to_quantize=["MatMul", "Gather"],
                per_channel=True,
                weight_type=QuantType.QInt8,
            )
        finally:
            logging.disable(logging.NOTSET)
        return target.read_bytes()


@contextmanager
def _for_tracing(encoder: Any) -> Iterator[None]:
    """Compute attention by plain products and softmax, which all versions of the exporter can write."""
    config = encoder.config
    before = config._attn_implementation
    config._attn_implementation = "eager"
    was_training = encoder.training
    encoder.eval()
    try:
        yield
    finally:
        config._attn_implementation = before
        encoder.train(was_training)


def _export(module: nn.Module, inputs: Dict[str, Tensor], output: str) -> bytes:
    names: Sequence[str] = list(inputs)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(), torch.no_grad():
        path = Path(folder) / "graph.onnx"
        # The tracer warns of sizes that it takes as constants, which they are: widths and numbers of heads.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            tuple(inputs.values()),
            path,
            input_names=names,
            output_names=[output],
            dynamic_axes={name: {0: "n"} for name in (*names, output)},
            opset_version=OPSET,
            dynamo=False,
        )
        return path.read_bytes()
