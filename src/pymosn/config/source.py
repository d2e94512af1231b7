"""Where a configuration came from: the file, and the origin of each of its parts.

A part may come from another file (split directories) or from another form (the short form); an
error is reported where a person can mend it.
"""

import json
from typing import Final

from msgspec import Struct, field

from pymosn.errors import ConfigError

_NOTHING: Final = object()
_SHOWN: Final = 60


class Finding(Struct, frozen=True):
    """Something worth saying about a configuration that can be used."""

    kind: str
    """``warning`` (probably a mistake) or ``inactive`` (understood, but has no effect yet)."""
    path: str
    message: str
    file: str = ""

    def __str__(self) -> str:
        where = ": ".join(part for part in (self.file, self.path) if part)
        return f"{where}: {self.message}"


class Origin(Struct, frozen=True):
    """Where one part of the model was written."""

    file: str
    path: str = "$"
    exact: bool = True
    """False: the part was expanded from something shorter, so deeper paths mean nothing there."""


class Source(Struct):
    """Knows the origin of every part of one model."""

    file: str = ""
    origins: dict[str, Origin] = field(default_factory=dict)
    """Path prefix in the model to where it was written; the longest prefix counts."""

    def locate(self, path: str) -> tuple[str, str]:
        """Return the file and the path where the part ``path`` of the model was written."""
        prefix = path
        while True:
            origin = self.origins.get(prefix)
            if origin is not None:
                rest = path[len(prefix) :] if origin.exact else ""
                return origin.file, origin.path + rest
            cut = max(prefix.rfind("."), prefix.rfind("["))
            if cut < 0:
                break
            prefix = prefix[:cut]
        return self.file, path

    def error(
        self, path: str, message: str, *, found: object = _NOTHING, expected: str = ""
    ) -> ConfigError:
        """Return the error for the part ``path`` of the model."""
        file, where = self.locate(path)
        shown = "" if found is _NOTHING else describe(found)
        return ConfigError(message, file=file, path=where, found=shown, expected=expected)

    def finding(self, kind: str, path: str, message: str) -> Finding:
        """Return the finding for the part ``path`` of the model."""
        file, where = self.locate(path)
        return Finding(kind, where, message, file)


def describe(value: object) -> str:
    """Return a short description of a value of a configuration file, for an error message."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, int) and abs(value) >= 1 << 64:
        return "a very large number"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
