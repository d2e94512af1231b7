"""The registry: names of extensions and what they stand for.

Filled by whoever builds a ``Server`` — the built-ins' table, entry points, or the embedding
program — and passed down; nothing registers itself by being imported.
"""

import importlib
from collections.abc import Collection, Iterator
from typing import Any

from pymosn.extension.builtin import BUILTINS
from pymosn.proxy.filters import ExtensionError


class RegistryError(ExtensionError):
    """A name is unknown, taken twice, or does not lead to a usable object."""


class Registry:
    """Maps (kind, name) to an extension class; values may be lazy ``module:Class`` strings.

    Kinds: ``filters``, ``protocols``, ``transcoders``, ``balancers``, ``access_loggers``.
    """

    def __init__(self) -> None:
        self._entries: dict[tuple[str, str], Any] = {}
        self._installed = True

    @classmethod
    def standard(cls) -> "Registry":
        """Return a registry with the built-ins and the installed entry points."""
        registry = cls()
        for kind, table in BUILTINS.items():
            for name, target in table.items():
                registry.add(kind, name, target)
        registry._installed = False
        return registry

    def add(self, kind: str, name: str, target: Any) -> None:
        """Register ``target`` (a class or ``module:Class``); raises when the name is taken."""
        if (kind, name) in self._entries:
            raise RegistryError(f"{kind}: the name {name!r} is taken already")
        self._entries[(kind, name)] = target

    def names(self, kind: str, *besides: str) -> "Names":
        """Return the registered names of a kind, and what else is to be found among them."""
        return Names(self, kind, besides)

    def has(self, kind: str, name: str) -> bool:
        """Say whether ``name`` is registered."""
        if (kind, name) not in self._entries:
            self._add_installed()
        return (kind, name) in self._entries

    def every(self, kind: str) -> list[str]:
        """Return every name of a kind."""
        self._add_installed()
        return [name for known, name in self._entries if known == kind]

    def get(self, kind: str, name: str) -> Any:
        """Return what ``name`` stands for; a name with a colon is imported as it is.

        Raises ``RegistryError`` with a sentence for the operator.
        """
        if (kind, name) not in self._entries and ":" not in name:
            self._add_installed()
        target = self._entries.get((kind, name), name if ":" in name else None)
        if target is None:
            known = ", ".join(sorted(self.every(kind))) or "none"
            raise RegistryError(f"there is no {kind[:-1]} called {name!r} (known: {known})")
        if not isinstance(target, str):
            return target
        module, _, attribute = target.partition(":")
        try:
            return getattr(importlib.import_module(module), attribute)
        except (ImportError, AttributeError) as error:
            raise RegistryError(f"{target!r} cannot be loaded: {error}") from error

    def _add_installed(self) -> None:
        """Add the installed entry points, when first something is asked for that is not built in:
        finding them takes 4 MB."""
        if self._installed:
            return
        self._installed = True
        from importlib.metadata import entry_points

        for kind in BUILTINS:
            for point in entry_points(group=f"pymosn.{kind}"):
                self.add(kind, point.name, point.value)


class Names(Collection[str]):
    """The names of a kind.  The installed ones are looked for when a name is not built in, or when
    all are asked for."""

    def __init__(self, registry: Registry, kind: str, besides: tuple[str, ...]) -> None:
        self._registry = registry
        self._kind = kind
        self._besides = besides

    def __contains__(self, name: object) -> bool:
        if name in self._besides:
            return True
        return isinstance(name, str) and self._registry.has(self._kind, name)

    def __iter__(self) -> Iterator[str]:
        return iter([*self._besides, *self._registry.every(self._kind)])

    def __len__(self) -> int:
        return len(self._besides) + len(self._registry.every(self._kind))
