"""Plain values to the model: one walk over the model's types.

Keys are matched as Go matches them (exactly, else ignoring case); an unknown key is a finding with
the nearest known key, or an error in strict mode; ``null`` is an absent key.  The first value of a
wrong type ends the walk with a ``ConfigError`` that has the path.

A struct whose class has ``config_types`` keeps a typed ``config``: the class is chosen by the value
of the key ``type``.
"""

from collections.abc import Mapping
from typing import Any, Final, TypeVar

from msgspec import Struct, inspect

from pymosn.config.document import Object
from pymosn.config.source import Finding, Source
from pymosn.config.values import ConfigValue

T = TypeVar("T", bound=Struct)

_MAX_FLOAT: Final = 1e300
_REPEATED: Final = "is given more than once; the last one counts"


class _Shape:
    """What the decoder needs to know of one struct."""

    __slots__ = ("cls", "exact", "folded")

    def __init__(self, info: inspect.StructType) -> None:
        self.cls = info.cls
        self.exact = {field.encode_name: field for field in info.fields}
        self.folded = {field.encode_name.casefold(): field for field in info.fields}

    def find(self, key: str) -> inspect.Field | None:
        return self.exact.get(key) or self.folded.get(key.casefold())

    def suggestion(self, key: str) -> str:
        import difflib  # only a mistake needs it

        near = difflib.get_close_matches(key.casefold(), list(self.folded), n=1, cutoff=0.6)
        return f'; did you mean "{self.folded[near[0]].encode_name}"?' if near else ""


class Decoder:
    """Decodes the values of one configuration and collects what is worth saying about them."""

    def __init__(self, source: Source, *, strict: bool = False) -> None:
        self.source = source
        self.strict = strict
        self.findings: list[Finding] = []
        self._shapes: dict[type, _Shape] = {}

    def decode(self, cls: type[T], value: object, path: str) -> T:
        """Return ``value`` as a ``cls``; ``path`` is where it stands."""
        result = self._struct(self._shape(cls), value, path)
        assert isinstance(result, cls)
        return result

    def _shape(self, cls: type) -> _Shape:
        shape = self._shapes.get(cls)
        if shape is None:
            info = inspect.type_info(cls)
            assert isinstance(info, inspect.StructType)
            shape = self._shapes[cls] = _Shape(info)
        return shape

    def _struct(self, shape: _Shape, value: object, path: str) -> Struct:
        if not isinstance(value, dict):
            raise self.source.error(path, "has the wrong type", found=value, expected="an object")
        fields: dict[str, Any] = {}
        self._warn_repeated(value, path)
        types: Mapping[str, type] = getattr(shape.cls, "config_types", {})
        for key, item in value.items():
            field = shape.find(key)
            if field is None:
                self._unknown(shape, key, path)
                continue
            where = f"{path}.{field.encode_name}"
            if item is None:
                continue
            if field.name in fields:
                self._say(where, _REPEATED)
            chosen = types.get(_type_name(value)) if types and field.name == "config" else None
            if chosen is not None:
                fields[field.name] = self._struct(self._shape(chosen), item, where)
            else:
                fields[field.name] = self._value(field.type, item, where)
        for field in shape.exact.values():
            if field.required and field.name not in fields:
                raise self.source.error(f"{path}.{field.encode_name}", "is required")
        return shape.cls(**fields)

    def _value(self, kind: inspect.Type, value: object, path: str) -> Any:
        match kind:
            case inspect.AnyType():
                return self._plain(value, path)
            case inspect.StructType(cls=cls):
                return self._struct(self._shape(cls), value, path)
            case inspect.ListType(item_type=item_type) if isinstance(value, list):
                return [self._value(item_type, v, f"{path}[{i}]") for i, v in enumerate(value)]
            case inspect.DictType(value_type=value_type) if isinstance(value, dict):
                self._warn_repeated(value, path)
                return {k: self._value(value_type, v, f"{path}.{k}") for k, v in value.items()}
            case inspect.UnionType(types=types):
                return self._union(types, value, path)
            case inspect.CustomType(cls=cls):
                return self._custom(cls, value, path)
            case inspect.BoolType() if isinstance(value, bool):
                return value
            case inspect.StrType() if isinstance(value, str):
                return value
            case inspect.IntType() if _is_int(value) and _in_range(kind, value):
                return value
            case inspect.FloatType() if _is_number(value) and _in_range(kind, value):
                return float(value)  # type: ignore[arg-type]  # the guard has looked
        message = "has the wrong type"
        if isinstance(kind, inspect.IntType) and _is_int(value):
            message = "is out of range"
        raise self.source.error(path, message, found=value, expected=_phrase(kind))

    def _union(self, types: tuple[inspect.Type, ...], value: object, path: str) -> Any:
        wanted = [kind for kind in types if not isinstance(kind, inspect.NoneType)]
        if len(wanted) == 1:
            return self._value(wanted[0], value, path)
        for kind in wanted:
            if _accepts(kind, value):
                return self._value(kind, value, path)
        expected = _either(wanted)
        raise self.source.error(path, "has the wrong type", found=value, expected=expected)

    def _custom(self, cls: type, value: object, path: str) -> Any:
        value_type: type[ConfigValue] = cls
        try:
            return value_type.from_config(value)
        except ValueError as error:
            message = str(error) or "cannot be understood"
            raise self.source.error(
                path, message, found=value, expected=value_type.expected
            ) from error

    def _plain(self, value: object, path: str) -> object:
        """Return a value without a schema, with its repeated keys reported."""
        if isinstance(value, dict):
            self._warn_repeated(value, path)
            return {k: self._plain(v, f"{path}.{k}") for k, v in value.items()}
        if isinstance(value, list):
            return [self._plain(item, f"{path}[{i}]") for i, item in enumerate(value)]
        return value

    def _warn_repeated(self, value: dict[str, object], path: str) -> None:
        if isinstance(value, Object):
            for key in value.repeated:
                self._say(f"{path}.{key}", _REPEATED)

    def _unknown(self, shape: _Shape, key: str, path: str) -> None:
        if key == "$schema" and path == "$":
            return
        where = f"{path}.{key}"
        message = f"is not a known key and is ignored{shape.suggestion(key)}"
        if self.strict:
            raise self.source.error(where, message.replace(" and is ignored", ""))
        self._say(where, message)

    def _say(self, path: str, message: str) -> None:
        self.findings.append(self.source.finding("warning", path, message))


def _type_name(value: Mapping[str, object]) -> str:
    for key, item in value.items():
        if key.casefold() == "type" and isinstance(item, str):
            return item
    return ""


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return -_MAX_FLOAT < value < _MAX_FLOAT


def _in_range(kind: inspect.IntType | inspect.FloatType, value: object) -> bool:
    assert isinstance(value, int | float)
    if kind.ge is not None and value < kind.ge:
        return False
    if kind.le is not None:
        return value <= kind.le
    return isinstance(value, float) or abs(value) < 1 << 63


def _accepts(kind: inspect.Type, value: object) -> bool:
    """Whether a union's member is meant, judging by the outermost type alone."""
    match kind:
        case inspect.StructType() | inspect.DictType():
            return isinstance(value, dict)
        case inspect.ListType():
            return isinstance(value, list)
        case inspect.StrType():
            return isinstance(value, str)
        case inspect.BoolType():
            return isinstance(value, bool)
        case inspect.IntType():
            return _is_int(value)
        case inspect.FloatType():
            return _is_number(value)
        case inspect.CustomType():
            return isinstance(value, str) or _is_number(value)
    return True


def _phrase(kind: inspect.Type) -> str:
    """Return what an error message calls the type."""
    match kind:
        case inspect.StructType() | inspect.DictType():
            return "an object"
        case inspect.ListType():
            return "a list"
        case inspect.StrType():
            return "text"
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType(ge=ge, le=le) if ge is not None and le is not None:
            return f"a whole number from {ge} to {le}"
        case inspect.IntType(ge=ge) if ge is not None:
            return f"a whole number, at least {ge}"
        case inspect.IntType():
            return "a whole number"
        case inspect.FloatType():
            return "a number"
        case inspect.CustomType(cls=cls):
            return str(getattr(cls, "expected", cls.__name__))
        case inspect.UnionType(types=types):
            kinds = [kind for kind in types if not isinstance(kind, inspect.NoneType)]
            return _either(kinds)
    return "a value"


def _either(kinds: list[inspect.Type]) -> str:
    phrases = list(dict.fromkeys(_phrase(kind) for kind in kinds))
    return " or ".join(filter(None, [", ".join(phrases[:-1]), phrases[-1]]))
