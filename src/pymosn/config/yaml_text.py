"""YAML to plain values; loaded only for a file in YAML.

It is read as MOSN reads it, less two traps: ``1:30`` is text and not 90, and a date is text.
"""

from typing import Any

import yaml

from pymosn.config.document import Object
from pymosn.errors import ConfigError


def parse_yaml(text: str, file: str) -> object:
    """Return the plain value written in ``text``; raise ``ConfigError`` if it is malformed."""
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
