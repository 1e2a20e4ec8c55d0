"""Groups of parameters that learn at rates of their own."""

from typing import Dict

from torch import nn


class GroupedModule(nn.Module):
    """A module that says which of its parameters belong to which group.

    lr_groups (Dict[str, str]): Group by name of a parameter or submodule; the empty name stands for all of them.
    """

    lr_groups: Dict[str, str] = {}


def parameter_groups(module: nn.Module) -> Dict[str, str]:
    """Find the group of each parameter. A declaration of an inner module replaces that of an outer one.

    module (nn.Module): The module.
    RETURNS (Dict[str, str]): Group by name of the parameter. Parameters without a group are not in it.

    >>> class Head(GroupedModule):
    ...     lr_groups = {"": "head"}
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.linear = nn.Linear(2, 1)
    >>> parameter_groups(Head())
    {'linear.weight': 'head', 'linear.bias': 'head'}
    """
    groups: Dict[str, str] = {}
    for prefix, part in module.named_modules():
        if isinstance(part, GroupedModule):
            for name, _ in part.named_parameters():
                for declared, group in part.lr_groups.items():
                    if not declared or name == declared or name.startswith(f"{declared}."):
                        groups[f"{prefix}.{name}" if prefix else name] = group
    return groups
