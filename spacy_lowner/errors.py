"""Errors and warnings of the package. Their texts are in `messages.py`."""

import warnings
from collections import defaultdict
from typing import Any, DefaultDict, Dict, Set, Tuple, Type, cast
from weakref import WeakKeyDictionary

from thinc.api import Model

from .message import Message
from .messages import Errors, Warnings

__all__ = [
    "DataError",
    "Errors",
    "LownerError",
    "MissingExtraError",
    "MissingFileError",
    "ServerError",
    "SettingError",
    "Warnings",
    "warn_once",
]

# The end of a warning that does not come again.
SHOWN_ONCE = "(shown once)"


class _ByCode(type):
    """Makes `LownerError(message)` an error of the class that the code of the message belongs to."""

    def __call__(cls, message: Any) -> "LownerError":
        chosen = _CLASSES.get(message.code, cls) if isinstance(message, Message) else cls
        error: LownerError = type.__call__(chosen if issubclass(chosen, cls) else cls, message)
        return error


class LownerError(ValueError, metaclass=_ByCode):
    """Input or settings that cannot be used. The command line prints its message without a traceback.

    code (str): Such as "LN001"; empty for a message without one.
    values (Dict[str, Any]): The values in the message, by name, such as "path" and "line".
    hints (Tuple[str, ...]): The settings that the message advises to change.

    >>> error = LownerError(Errors.LN010.format(path="train.spacy"))
    >>> error.code, error.values, isinstance(error, FileNotFoundError)
    ('LN010', {'path': 'train.spacy'}, True)
    """

    def __init__(self, message: str):
        super().__init__(message)
        self.message = message if isinstance(message, Message) else Message("", str(message))
        self.code: str = self.message.code
        self.values: Dict[str, Any] = self.message.values
        self.hints: Tuple[str, ...] = self.message.hints

    def __str__(self) -> str:
        return str(self.args[0])


class DataError(LownerError):
    """A corpus or another file of the user that cannot be read as it is."""


class SettingError(LownerError):
    """A setting or an argument that cannot be used."""


class MissingFileError(LownerError, FileNotFoundError):
    """A file, folder or pipeline that does not exist."""


class MissingExtraError(LownerError, ImportError):
    """A package that is not installed."""


class ServerError(LownerError, ConnectionError):
    """A server of a language model that cannot be used."""


_CODES: Dict[Type[LownerError], str] = {
    MissingFileError: "LN010 LN030 LN074 LN090",
    MissingExtraError: "LN032 LN064 LN076 LN082 LN084 LN098 LN163 LN178 LN217 LN221 LN225",
    ServerError: "LN077 LN080 LN088 LN130",
    SettingError: (
        "LN014 LN020 LN022 LN028 LN035 LN038 LN040 LN047 LN048 LN049 LN050 LN051 LN052 LN055 LN057 LN058 "
        "LN067 LN069 LN072 LN073 LN075 LN083 LN086 LN089 LN096 LN097 LN131 LN132 LN133 LN160 LN165 LN168 "
        "LN174 LN176 LN180 LN182 LN183 LN185 LN186 LN194 LN195 LN196 LN197 LN198 LN202 LN203 LN210 LN211 LN213 LN214 "
        "LN216 LN218 LN219 LN220 LN222 LN223 LN224 LN226 LN227"
    ),
    DataError: (
        "LN001 LN002 LN003 LN004 LN005 LN006 LN007 LN008 LN009 LN011 LN012 LN013 LN015 LN016 LN017 LN018 "
        "LN019 LN021 LN023 LN026 LN027 LN031 LN033 LN034 LN041 LN043 LN054 LN059 LN060 LN062 LN065 LN066 "
        "LN068 LN070 LN081 LN091 LN092 LN093 LN152 LN161 LN162 LN164 LN166 LN167 LN169 LN170 LN171 LN172 "
        "LN173 LN175 LN177 LN179 LN181 LN184 LN187 LN188 LN189 LN190 LN191 LN192 LN193 LN199 LN200 LN201 LN204 LN205 "
        "LN209 LN212 LN215"
    ),
}
_CLASSES = {code: kind for kind, codes in _CODES.items() for code in codes.split()}

# Warnings that owners have given. A thinc model takes no weak references, and has a number of its own.
_SHOWN: "WeakKeyDictionary[Any, Set[str]]" = WeakKeyDictionary()
_SHOWN_BY_MODEL: DefaultDict[int, Set[str]] = defaultdict(set)


def warn_once(owner: Any, message: str, **values: Any) -> None:
    """Warn about something that an owner may meet with every batch, the first time only.

    owner (Any): A pipe, a model, or another object that the warning is about.
    message (str): One of `Warnings`.
    values (Any): Its values, as they are the first time.
    """
    shown = _SHOWN_BY_MODEL[owner.id] if isinstance(owner, Model) else _SHOWN.setdefault(owner, set())
    code = cast(Message, message).code
    if code not in shown:
        shown.add(code)
        warnings.warn(f"{message.format(**values)} {SHOWN_ONCE}")
