"""Text to plain values: JSON and YAML, with the position of a syntax error.

Objects remember their repeated keys (``Object.repeated``), so that the decoder can warn with the
path.  YAML is read as MOSN reads it, less two traps: ``1:30`` is text and not 90, and a date is
text.
"""

import json
import re
from pathlib import Path
from typing import Any, Final, NoReturn

import yaml

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
        value = _parse_yaml(text, file) if is_yaml else _parse_json(text, file)
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


def _parse_yaml(text: str, file: str) -> object:
    try:
        value = yaml.load(text, Loader=_YamlLoader)  # derives from SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        problem = error.problem or error.context or "cannot be understood"
        if problem.endswith("found ':'"):
            problem += '; inside {...} and [...] quote a value that begins with ":"'
        raise ConfigError(f"{place}malformed YAML: {problem}", file=file) from error
    except (yaml.YAMLError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else "cannot be understood"
        raise ConfigError(f"malformed YAML: {reason}", file=file) from error
    if value is None:
        raise ConfigError("is empty", file=file, expected="a YAML mapping")
    return value


class _YamlLoader(yaml.SafeLoader):
    """A safe loader whose mappings are ``Object`` and whose keys are text."""


def _construct_mapping(loader: _YamlLoader, node: yaml.MappingNode) -> Object:
    loader.flatten_mapping(node)
    pairs: list[tuple[str, Any]] = []
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if isinstance(key, bool | int | float):
            key = key_node.value
        if not isinstance(key, str):
            raise yaml.constructor.ConstructorError(
                None, None, "a key must be text", key_node.start_mark
            )
        value = loader.construct_object(value_node, deep=True)
        pairs.append((key, value))
    return Object(pairs)


def _construct_int(loader: _YamlLoader, node: yaml.ScalarNode) -> object:
    if ":" in str(node.value):
        return str(node.value)
    return loader.construct_yaml_int(node)


def _construct_float(loader: _YamlLoader, node: yaml.ScalarNode) -> object:
    if ":" in str(node.value):
        return str(node.value)
    return loader.construct_yaml_float(node)


_YamlLoader.add_constructor("tag:yaml.org,2002:map", _construct_mapping)
_YamlLoader.add_constructor("tag:yaml.org,2002:int", _construct_int)
_YamlLoader.add_constructor("tag:yaml.org,2002:float", _construct_float)
_YamlLoader.add_constructor("tag:yaml.org,2002:timestamp", lambda _, node: str(node.value))


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
