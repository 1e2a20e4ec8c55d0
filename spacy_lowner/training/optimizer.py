"""Adam with one learning rate per group of parameters, and without decay of biases and norms."""

from typing import Any, Dict, Tuple

from spacy.util import SimpleFrozenDict
from thinc.api import Optimizer

from ..errors import Errors, LownerError

ENCODER, HEAD = "encoder", "head"


class GroupedAdam(Optimizer):
    """AdamW whose learning rate depends on the group of a parameter.

    A torch module of this package declares the groups of its parameters (`nn.groups.parameter_groups`). Parameters of
    other torch modules belong to "encoder", and those of thinc's layers to "head". Parameters with one dimension do not
    decay: these are biases and the weights of norms.

    >>> optimizer = GroupedAdam(0.1, lr_multipliers={"head": 10.0})
    >>> optimizer.lr_multipliers
    {'head': 10.0}
    """

    __slots__ = ["lr_multipliers", "_groups"]

    def __init__(self, learn_rate: Any, *, lr_multipliers: Dict[str, float], **settings: Any):
        """Create the optimizer.

        learn_rate (Union[float, Iterator[float]]): Learning rate of groups without a multiplier, or a schedule of it.
        lr_multipliers (Dict[str, float]): Factor on the learning rate, by group.
        settings (Any): Other settings of `thinc.api.Optimizer`.
        """
        super().__init__(learn_rate, **settings)
        self.lr_multipliers = lr_multipliers
        self._groups: Dict[int, Dict[str, str]] = {}

    def declare_groups(self, shim_id: int, groups: Dict[str, str]) -> None:
        """Store the groups of a module's parameters.

        shim_id (int): The id of the module's shim, which is the first field of its parameters' keys.
        groups (Dict[str, str]): Groups by parameter name.
        """
        self._groups[shim_id] = groups

    def __call__(self, key: Tuple[int, str], weights: Any, gradient: Any, *, lr_scale: float = 1.0) -> Tuple[Any, Any]:
        """Update one parameter.

        key (Tuple[int, str]): Id of the thinc layer or shim, and name of the parameter in it.
        weights (FloatsXd): The parameter.
        gradient (FloatsXd): Its gradient.
        lr_scale (float): Another factor on the learning rate.
        RETURNS (Tuple[FloatsXd, FloatsXd]): The new weights, and the gradient, set to zero.
        """
        lr_scale *= self.lr_multipliers.get(self._group_of(key), 1.0)
        decay: float = self.L2  # type: ignore[has-type]
        if weights.ndim < 2:
            self.L2 = 0.0  # type: ignore[misc]
        try:
            return super().__call__(key, weights, gradient, lr_scale=lr_scale)
        finally:
            self.L2 = decay  # type: ignore[misc]

    def _group_of(self, key: Tuple[int, str]) -> str:
        name = str(key[1])
        # thinc counts layers and shims separately, so a layer may have the id of a shim. Only parameters of torch
        # modules have a dot in their names, or are declared.
        if "." not in name and name not in self._groups.get(key[0], {}):
            return HEAD
        return self._groups.get(key[0], {}).get(name, ENCODER)


def create_grouped_adam(
    learn_rate: Any = 2e-5,
    lr_multipliers: Dict[str, float] = SimpleFrozenDict({HEAD: 50.0}),
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    L2: float = 0.001,
    L2_is_weight_decay: bool = True,
    grad_clip: float = 1.0,
) -> Optimizer:
    """Create a `GroupedAdam`; registered as `spacy-lowner.Adam.v1`.

    The defaults are those of KnowFREE: 2e-5 for the encoder, 1e-3 for the head, weight decay 1e-3 (appendix H, Table
    10). Gradients are clipped per tensor, as thinc does, and not by their global norm. thinc's averages do not include
    torch weights, so they are off.

    learn_rate (Union[float, Iterator[float]]): Learning rate of the encoder, or a schedule of it.
    lr_multipliers (Dict[str, float]): Factor on the learning rate by group: "encoder" or "head". Positive.
    beta1 (float): Decay of the first moment of Adam.
    beta2 (float): Decay of the second moment of Adam.
    eps (float): Added to the denominator of Adam.
    L2 (float): Weight decay, or L2 regularization.
    L2_is_weight_decay (bool): Whether `L2` is a weight decay.
    grad_clip (float): Maximum norm of the gradient of a tensor.
    RETURNS (Optimizer): The optimizer.
    RAISES (LownerError): If there is an unknown group, or a factor that is not positive.

    >>> create_grouped_adam(2e-5, {"head": 5.0}).lr_multipliers
    {'head': 5.0}
    """
    for group, factor in lr_multipliers.items():
        if group not in (ENCODER, HEAD):
            raise LownerError(
                Errors.LN014.format(what="group of lr_multipliers", value=group, options=f"{ENCODER}, {HEAD}")
            )
        if factor <= 0:
            raise LownerError(Errors.LN022.format(what=f"lr_multipliers.{group}", expected="positive", value=factor))
    return GroupedAdam(
        learn_rate,
        lr_multipliers=dict(lr_multipliers),
        beta1=beta1,
        beta2=beta2,
        eps=eps,
        L2=L2,
        L2_is_weight_decay=L2_is_weight_decay,
        grad_clip=grad_clip,
        use_averages=False,
    )
