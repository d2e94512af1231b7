"""The documentation of the model's fields, and the editor schema made of it.

A field's documentation is the text under its declaration; the configuration reference is generated
from it too.
"""

import ast
import inspect
import itertools
import textwrap
from typing import Any, Final

from msgspec import NODEFAULT, Struct, structs
from msgspec import inspect as types

from pymosn.config import model
from pymosn.config.short_model import ShortConfig
from pymosn.config.values import Duration, Size

_DURATION: Final = r"^(0|[-+]?(([0-9]+(\.[0-9]*)?|\.[0-9]+)(h|ms|m|s|us|\u00b5s|\u03bcs|ns))+)$"
_SIZE: Final = r"^[0-9]+ ?([kKmMgGtTpPeE]?)([iI]?[bB])?$"


def field_docs(cls: type[Struct]) -> dict[str, str]:
    """Return the text under each field of ``cls``, inherited fields included, by attribute name."""
    docs: dict[str, str] = {}
    for ancestor in reversed(cls.__mro__):
        if ancestor.__module__.startswith("pymosn."):
            docs.update(_own_docs(ancestor))
    return docs


def editor_schema(*, short: bool = False) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of MOSN's form, or of the short form."""
    root: type[Struct] = ShortConfig if short else model.MosnConfig
    definitions = {cls.__name__: _definition(cls) for cls in structs_of(root)}
    definitions[root.__name__]["properties"]["$schema"] = {"type": "string"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "pymosn configuration" + (" (short form)" if short else ""),
        "$ref": f"#/$defs/{root.__name__}",
        "$defs": definitions,
    }


def structs_of(root: type[Struct]) -> list[type[Struct]]:
    """Return every struct that can stand in ``root``, itself first."""
    found: dict[type[Struct], None] = {}
    waiting: list[types.Type] = [types.type_info(root)]
    while waiting:
        match waiting.pop(0):
            case types.StructType(cls=cls, fields=fields) if cls not in found:
                found[cls] = None
                waiting += [field.type for field in fields]
                waiting += [types.type_info(c) for c in _config_types(cls).values()]
            case types.UnionType(types=members):
                waiting += members
            case types.ListType(item_type=inner) | types.DictType(value_type=inner):
                waiting.append(inner)
    return list(found)


def _own_docs(cls: type) -> dict[str, str]:
    tree = ast.parse(textwrap.dedent(inspect.getsource(cls)))
    body = tree.body[0].body if isinstance(tree.body[0], ast.ClassDef) else []
    docs: dict[str, str] = {}
    for statement, following in itertools.pairwise(body):
        if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
            continue
        if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
            if "ClassVar" in ast.unparse(statement.annotation):
                continue
            docs[statement.target.id] = inspect.cleandoc(str(following.value.value))
    return docs


def _config_types(cls: type) -> dict[str, type[Struct]]:
    return dict(getattr(cls, "config_types", {}))


def _definition(cls: type[Struct]) -> dict[str, Any]:
    info = types.type_info(cls)
    assert isinstance(info, types.StructType)
    docs = field_docs(cls)
    properties: dict[str, Any] = {}
    for field in info.fields:
        schema = _schema(field.type)
        if field.name in docs:
            schema["description"] = " ".join(docs[field.name].split())
        default = _default(field)
        if default is not None:
            schema["default"] = default
        properties[field.encode_name] = schema
    definition: dict[str, Any] = {
        "type": "object",
        "description": inspect.getdoc(cls) or "",
        "properties": properties,
        "additionalProperties": False,
    }
    required = [field.encode_name for field in info.fields if field.required]
    if required:
        definition["required"] = required
    choices = _config_types(cls)
    if choices:
        definition["allOf"] = [_choice(name, chosen) for name, chosen in choices.items()]
    return definition


def _choice(name: str, cls: type) -> dict[str, Any]:
    """Tie the shape of ``config`` to ``type``."""
    return {
        "if": {"properties": {"type": {"const": name}}, "required": ["type"]},
        "then": {"properties": {"config": {"$ref": f"#/$defs/{cls.__name__}"}}},
    }


def _default(field: structs.FieldInfo | types.Field) -> Any:
    """Return the default as JSON, or ``None`` if it is not worth writing."""
    value = field.default
    if value is NODEFAULT or value is None or value == "":
        return None
    return value.to_config() if isinstance(value, Duration | Size) else value


def _schema(kind: types.Type) -> dict[str, Any]:
    match kind:
        case types.StructType(cls=cls):
            return {"$ref": f"#/$defs/{cls.__name__}"}
        case types.ListType(item_type=inner):
            return {"type": "array", "items": _schema(inner)}
        case types.DictType(value_type=inner):
            return {"type": "object", "additionalProperties": _schema(inner)}
        case types.UnionType(types=members):
            schemas = [_schema(m) for m in members if not isinstance(m, types.NoneType)]
            return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
        case types.StrType():
            return {"type": "string"}
        case types.BoolType():
            return {"type": "boolean"}
        case types.IntType() | types.FloatType():
            return _number(kind)
        case types.CustomType(cls=cls):
            pattern = _DURATION if issubclass(cls, Duration) else _SIZE
            text = {"type": "string", "pattern": pattern}
            bare = {"const": 0} if cls is Duration else {"type": "integer"}
            return {"anyOf": [text, bare]}
    return {}


def _number(kind: types.IntType | types.FloatType) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "integer" if isinstance(kind, types.IntType) else "number"}
    if kind.ge is not None:
        schema["minimum"] = kind.ge
    if kind.le is not None:
        schema["maximum"] = kind.le
    return schema
