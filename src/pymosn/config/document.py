"""Text to plain values: JSON and YAML, with the position of a syntax error.

Objects remember their repeated keys (``Object.repeated``), so that the decoder can warn with the
path.  What is peculiar to YAML is in yaml_text.py.
"""

import json
import re
from pathlib import Path
from typing import Any, Final, NoReturn

from pymosn.errors import ConfigError

_SURROGATE_ESCAPE: Final = re.compile(r"\\[uU](?:0000)?[dD][89a-fA-F]")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_TOO_DEEP: Final = "is nested too deeply"


class Object(dict[str, Any]):
    """A JSON object that remembers which keys were given more than once."""

    __slots__ = ("repeated",)

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.repeated: list[str] = []
        if len(self) != len(pairs):
            seen: set[str] = set()
            for key, _ in pairs:
                if key in seen and key not in self.repeated:
                    self.repeated.append(key)
                seen.add(key)


def read_bytes(path: str) -> bytes:
    """Return the content of a file, or raise ``ConfigError`` with the system's reason."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ConfigError(f"cannot be read: {reason}", file=path) from error
    except ValueError as error:  # a NUL in the name
        raise ConfigError(f"cannot be read: {error}", file=path) from error


def parse(data: bytes | str, *, file: str, is_yaml: bool) -> object:
    """Return the plain value written in ``data``; raise ``ConfigError`` if it is malformed."""
    if isinstance(data, bytes):
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise ConfigError(f"line {line}: is not UTF-8 text", file=file) from error
    else:
        text = data
    try:
        if is_yaml:
            from pymosn.config.yaml_text import parse_yaml  # half a megabyte

            value = parse_yaml(text, file)
        else:
            value = _parse_json(text, file)
        if _SURROGATE_ESCAPE.search(text) or _SURROGATE.search(text):
            value = _without_surrogates(value)
    except RecursionError as error:
        raise ConfigError(_TOO_DEEP, file=file) from error
    return value


def _parse_json(text: str, file: str) -> object:
    if not text.strip():
        raise ConfigError("is empty", file=file, expected="a JSON object")

    def refuse_constant(name: str) -> NoReturn:
        raise ConfigError(f"{name} is not a JSON value", file=file)

    try:
        return json.loads(text, object_pairs_hook=Object, parse_constant=refuse_constant)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise ConfigError(f"{place}: malformed JSON: {error.msg}", file=file) from error
    except ValueError as error:  # an integer with thousands of digits
        raise ConfigError("contains a number that is too long", file=file) from error


def _without_surrogates(value: object) -> object:
    """Replace lone surrogates by U+FFFD, as Go does: they cannot be written anywhere."""
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_without_surrogates(item) for item in value]
    if isinstance(value, Object):
        pairs = [(_SURROGATE.sub("\ufffd", k), _without_surrogates(v)) for k, v in value.items()]
        cleaned = Object(pairs)
        cleaned.repeated = value.repeated
        return cleaned
    return value
