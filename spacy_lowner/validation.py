"""Constraints on settings. Each pipe and model declares one table of them."""

import math
from dataclasses import dataclass
from typing import Any, Callable, Mapping

from .errors import Errors, LownerError


@dataclass(frozen=True)
class Constraint:
    """A constraint on the value of a setting.

    expected (str): The values that it allows, for messages: "… must be …".
    allows (Callable[[Any], bool]): Whether it allows a value.

    >>> Constraint("even", lambda value: value % 2 == 0).allows(3)
    False
    """

    expected: str
    allows: Callable[[Any], bool]

    def or_none(self) -> "Constraint":
        """RETURNS (Constraint): One that allows None, too."""
        return Constraint(f"null or {self.expected}", lambda value: value is None or self.allows(value))


def at_least(low: float) -> Constraint:
    """Allow numbers from a lower bound on.

    low (float): The bound.
    RETURNS (Constraint): The constraint.

    >>> at_least(8).allows(8), at_least(8).or_none().expected
    (True, 'null or at least 8')
    """
    return Constraint(f"at least {low}", lambda value: value >= low)


def between(low: float, high: float, *, include_high: bool = True) -> Constraint:
    """Allow numbers of an interval.

    low (float): The lowest number.
    high (float): The highest number.
    include_high (bool): Whether the highest number is allowed.
    RETURNS (Constraint): The constraint.

    >>> between(0, 1).allows(1), between(0, 1, include_high=False).expected
    (True, 'in [0, 1)')
    """
    expected = f"in [{low}, {high}{']' if include_high else ')'}"
    return Constraint(expected, lambda value: low <= value <= high and (include_high or value != high))


def one_of(*options: str) -> Constraint:
    """Allow some texts.

    options (str): The texts.
    RETURNS (Constraint): The constraint.

    >>> one_of("flat", "nested").expected
    'one of flat, nested'
    """
    return Constraint(f"one of {', '.join(options)}", lambda value: value in options)


POSITIVE = Constraint("positive", lambda value: value > 0 and not math.isinf(value))
NOT_EMPTY = Constraint("not empty", bool)


def validate(name: str, constraints: Mapping[str, Constraint], settings: Mapping[str, Any]) -> None:
    """Compare settings with the constraints on them.

    name (str): Name of the pipe or model, for the message.
    constraints (Mapping[str, Constraint]): Constraints by setting.
    settings (Mapping[str, Any]): Values by setting. Others than those of the table are not checked.
    RAISES (SettingError): For the first setting whose value is not allowed.

    >>> validate("knowfree", {"threshold": between(0, 1)}, {"threshold": 2.0})
    Traceback (most recent call last):
    spacy_lowner.errors.SettingError: [LN040] knowfree: threshold must be in [0, 1], found 2.0. Correct the setting.
    """
    for setting, constraint in constraints.items():
        require(name, setting, settings[setting], constraint.allows(settings[setting]), constraint.expected)


def require(name: str, setting: str, value: Any, holds: bool, expected: str) -> None:
    """Refuse a setting if a condition that involves other settings, too, does not hold.

    name (str): Name of the pipe or model, for the message.
    setting (str): The setting.
    value (Any): Its value.
    holds (bool): Whether the condition holds.
    expected (str): The allowed values.
    RAISES (SettingError): If it does not hold.

    >>> require("KnowFREE", "attention_heads", 4, 200 % 4 == 0, "a divisor of biaffine_dim = 200")
    """
    if not holds:
        raise LownerError(Errors.LN040.format(name=name, setting=setting, expected=expected, value=value))
