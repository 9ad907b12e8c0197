"""One typed, lazy registry for everything that can be added to Tunewright.

A strategy, objective, task, candidate, metric, reader or worker is one file that registers itself
under a name. Built-in members are listed as `"module:Class"` and imported when asked for, so that
`tunewright --help` loads none of them; other packages add theirs through the entry-point group
`tunewright.<kind>`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from typing import Generic, TypeVar

from tunewright.core.errors import ConfigError, nearest

T = TypeVar("T")
C = TypeVar("C", bound=type)


class Registry(Generic[T]):
    """Names of one kind of component, each resolved to its class when first asked for.

    Args:
        kind: what the members are, as error messages call it (`strategy`).
        base: the class that every member must derive from, as `"module:Class"`.
        builtin: name to `"module:Class"`.
    """

    def __init__(self, kind: str, base: str, builtin: dict[str, str]) -> None:
        self.kind = kind
        self._base = base
        self._members: dict[str, str | type[T]] = dict(builtin)
        self._frozen = False
        self._entry_points_read = False

    def register(self, name: str) -> Callable[[C], C]:
        """Class decorator that adds a member under `name`."""

        def add(member: C) -> C:
            self._add(name, member)
            return member

        return add

    def get(self, name: str) -> type[T]:
        """The class registered as `name`.

        Raises:
            ConfigError: when there is no such name; the nearest one is given.
            TypeError: when the member does not derive from the registry's base class.
        """
        self._read_entry_points()
        if name not in self._members:
            near = nearest(name, self.names())
            raise ConfigError(
                f"there is no {self.kind} called '{name}'",
                expected=", ".join(self.names()),
                fix=f"did you mean '{near}'?" if near else None,
            )
        member = self._members[name]
        if isinstance(member, str):
            member = _load(member)
            self._check(name, member)
            self._members[name] = member
        return member

    def names(self) -> list[str]:
        """All names, in the order in which they were registered."""
        self._read_entry_points()
        return list(self._members)

    def origin(self, name: str) -> str:
        """Where the member is defined, as `module:Class`."""
        member = self.get(name)
        return f"{member.__module__}:{member.__qualname__}"

    def freeze(self) -> None:
        """Refuse further members. Called when a run starts, so that its meaning cannot change."""
        self._read_entry_points()
        self._frozen = True

    def __contains__(self, name: object) -> bool:
        self._read_entry_points()
        return name in self._members

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def _add(self, name: str, member: type[T]) -> None:
        if self._frozen:
            raise RuntimeError(f"{self.kind} '{name}' was registered after the run had started")
        known = self._members.get(name)
        described = f"{member.__module__}:{member.__qualname__}"
        if known is not None and known != described:
            raise ValueError(f"{self.kind} '{name}' is both {known} and {described}")
        self._check(name, member)
        self._members[name] = member

    def _check(self, name: str, member: type) -> None:
        base = _load(self._base)
        if not (isinstance(member, type) and issubclass(member, base)):
            raise TypeError(f"{self.kind} '{name}' must derive from {self._base}")

    def _read_entry_points(self) -> None:
        if self._entry_points_read:
            return
        self._entry_points_read = True
        for point in entry_points(group=f"tunewright.{self.kind}"):
            self._members.setdefault(point.name, point.value)


def _load(path: str) -> type:
    module, _, name = path.partition(":")
    member: type = getattr(importlib.import_module(module), name)
    return member
