"""Adam with a rate for the encoder and one for the heads, and no decay where there should be none."""

import re
from typing import Any, Tuple

from thinc.api import Optimizer

from .models.torch_shim import HEAD_PREFIX

NO_DECAY = re.compile(r"(^[bG]$|bias$|LayerNorm|layer_norm|(^|[._])norms?\d*\.)")


class GroupedAdam(Optimizer):
    """AdamW whose rate and decay depend on the parameter. thinc names one by (node or shim id, name in the module).

    - Torch modules of other packages (names with dots: `encoder.layer.0…`) learn at `learn_rate`.
    - Our heads (names begin with `head.`) and thinc's own layers (`W`, `b`) learn at `learn_rate * head_scale`.
    - Biases and LayerNorms do not decay.

    learn_rate (Union[float, Iterator[float]]): Rate of the encoder, or a schedule.
    head_scale (float): Factor for the heads. Other arguments: as for `thinc.api.Optimizer`.
    """

    __slots__ = ["head_scale"]

    def __init__(self, learn_rate: Any, *, head_scale: float, **settings: Any):
        super().__init__(learn_rate, **settings)
        self.head_scale = head_scale

    def __call__(self, key: Tuple[int, str], weights: Any, gradient: Any, *, lr_scale: float = 1.0) -> Tuple[Any, Any]:
        """Update one parameter. RETURNS (Tuple[FloatsXd, FloatsXd]): New weights, and the gradient set to zero."""
        name = str(key[1])
        if "." not in name or name.startswith(f"{HEAD_PREFIX}."):
            lr_scale *= self.head_scale
        decay = self.L2
        if NO_DECAY.search(name):
            self.L2 = 0.0
        try:
            return super().__call__(key, weights, gradient, lr_scale=lr_scale)
        finally:
            self.L2 = decay


def create_grouped_adam(
    learn_rate: Any = 2e-5,
    head_scale: float = 50.0,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    L2: float = 0.001,
    L2_is_weight_decay: bool = True,
    grad_clip: float = 1.0,
) -> Optimizer:
    """Two learning rates in one optimizer; see `GroupedAdam`.

    The defaults are KnowFREE's: 2e-5 for the encoder, 1e-3 for the rest, weight decay 1e-3 (appendix H, Table 10).
    Gradients are clipped per tensor (thinc), not by their global norm. Averages do not reach torch weights and are off.

    RETURNS (Optimizer): The optimizer.
    """
    return GroupedAdam(
        learn_rate,
        head_scale=head_scale,
        beta1=beta1,
        beta2=beta2,
        eps=eps,
        L2=L2,
        L2_is_weight_decay=L2_is_weight_decay,
        grad_clip=grad_clip,
        use_averages=False,
    )
