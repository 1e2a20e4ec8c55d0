"""Connections, files and locks belong to the process that made them."""

import os
from typing import Any, ClassVar, Dict, List, Tuple
from weakref import WeakSet

_alive: "WeakSet[ForkSafe]" = WeakSet()
# Closing what a parent process still uses would disturb it.
_of_parents: List[Any] = []


class ForkSafe:
    """Something with parts that another process must not use: after a fork they are made anew, and they are not pickled."""

    _process_local: ClassVar[Tuple[str, ...]] = ()

    def _reset(self) -> None:
        """Make the parts that `_process_local` names, empty."""
        raise NotImplementedError

    def register(self) -> None:
        """Make these parts, and again after each fork."""
        self._reset()
        _alive.add(self)

    def __getstate__(self) -> Dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name not in self._process_local}

    def __setstate__(self, state: Dict[str, Any]) -> None:
        vars(self).update(state)
        self.register()


def _after_fork() -> None:
    for one in list(_alive):
        _of_parents.append([getattr(one, name) for name in one._process_local])
        one._reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
