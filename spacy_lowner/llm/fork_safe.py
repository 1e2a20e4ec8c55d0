"""Connections, files and locks belong to the process that made them."""

import os
from typing import Any, ClassVar, Dict, List, Tuple
from weakref import WeakSet

_alive: "WeakSet[ForkSafe]" = WeakSet()
# Connections and files of the parent process. They are kept, because closing them here would disturb the parent.
_of_parents: List[Any] = []


class ForkSafe:
    """Base of objects with attributes that another process must not use, such as locks and connections.

    A subclass names these attributes in `_process_local` and sets them in `_reset`. After a fork they are set anew in
    the child, and they are not pickled.

    >>> import pickle, threading
    >>> class Counter(ForkSafe):
    ...     _process_local = ("lock",)
    ...     def _reset(self):
    ...         self.lock = threading.Lock()
    >>> counter = Counter()
    >>> counter.register()
    >>> sorted(vars(counter)), counter.__getstate__()
    (['lock'], {})
    """

    _process_local: ClassVar[Tuple[str, ...]] = ()

    def _reset(self) -> None:
        """Set the attributes of `_process_local` to new and empty values."""
        raise NotImplementedError

    def register(self) -> None:
        """Set the process-local attributes now, and again after each fork."""
        self._reset()
        _alive.add(self)

    def __getstate__(self) -> Dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name not in self._process_local}

    def __setstate__(self, state: Dict[str, Any]) -> None:
        vars(self).update(state)
        self.register()


def _after_fork() -> None:
    for instance in list(_alive):
        _of_parents.append([getattr(instance, name) for name in instance._process_local])
        instance._reset()


# Windows has no fork.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
