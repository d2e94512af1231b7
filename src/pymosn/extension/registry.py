"""The registry: names of extensions and what they stand for.

Filled by whoever builds a ``Server`` — the built-ins' table, entry points, or the embedding
program — and passed down; nothing registers itself by being imported.
"""

import importlib
from collections.abc import Iterator
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

    def names(self, kind: str) -> Iterator[str]:
        """Yield the registered names of a kind."""
        self._add_installed()
        return (name for known, name in self._entries if known == kind)

    def get(self, kind: str, name: str) -> Any:
        """Return what ``name`` stands for; a name with a colon is imported as it is.

        Raises ``RegistryError`` with a sentence for the operator.
        """
        if (kind, name) not in self._entries and ":" not in name:
            self._add_installed()
        target = self._entries.get((kind, name), name if ":" in name else None)
        if target is None:
            known = ", ".join(sorted(self.names(kind))) or "none"
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
        from importlib.metadata import entry_points  # noqa: PLC0415

        for kind in BUILTINS:
            for point in entry_points(group=f"pymosn.{kind}"):
                self.add(kind, point.name, point.value)
