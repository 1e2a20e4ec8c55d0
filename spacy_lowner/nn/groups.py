"""Groups of parameters with different learning rates."""

from typing import Dict

from torch import nn


class GroupedModule(nn.Module):
    """A module that declares the groups of its parameters.

    lr_groups (Dict[str, str]): Group by name of a parameter or submodule. The empty name stands for all parameters.

    >>> class Head(GroupedModule):
    ...     lr_groups = {"": "head"}
    >>> parameter_groups(Head())
    {}
    """

    lr_groups: Dict[str, str] = {}


def parameter_groups(module: nn.Module) -> Dict[str, str]:
    """Find the group of each parameter. The declaration of an inner module replaces that of an outer one.

    module (nn.Module): The module.
    RETURNS (Dict[str, str]): Group by parameter name. Parameters without a group are not in it.

    >>> class Head(GroupedModule):
    ...     lr_groups = {"": "head"}
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.linear = nn.Linear(2, 1)
    >>> parameter_groups(Head())
    {'linear.weight': 'head', 'linear.bias': 'head'}
    """
    groups: Dict[str, str] = {}
    # named_modules visits outer modules before inner ones, so an inner declaration overwrites.
    for prefix, child in module.named_modules():
        if isinstance(child, GroupedModule):
            for name, _ in child.named_parameters():
                for declared, group in child.lr_groups.items():
                    if not declared or name == declared or name.startswith(f"{declared}."):
                        groups[f"{prefix}.{name}" if prefix else name] = group
    return groups
