"""Dubbo's calls as JSON and back: arguments become Hessian, and results JSON again; or the
arguments of a call JSON, and the result that it brings Hessian.

Sans-IO.  Two kinds of calls: *generic* ones, of ``$invoke`` with the method's name, the types of
its parameters and its arguments, which Dubbo's providers in Java translate with what they know of
their classes; and *direct* ones, where the types that the caller names are all that is known.

What comes back may refer to itself, or to one thing many times over: the JSON has a bound.
"""

import base64
import binascii
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, Final

import msgspec

from pymosn.protocol.xprotocol.dubbo import count_types
from pymosn.protocol.xprotocol.hessian import (
    MAX_DEPTH,
    Date,
    HessianReader,
    Long,
    Typed,
    encode,
    encode_string,
)

MAX_ARGUMENTS: Final = 255
"""What a method of a JVM may have."""
MAX_TYPE: Final = 512
"""Characters of a type's name."""
MAX_JSON: Final = 1 << 25
"""Characters of a result's JSON, roughly; a value counts as ``_VALUE`` at least."""

DUBBO_VERSION: Final = "2.0.2"
"""The version of the protocol that we say we speak; since it, results may have attachments."""


class CallError(ValueError):
    """A caller's request cannot become a call; the text is for the caller."""


class ResultError(ValueError):
    """A provider's response cannot become JSON."""


class Call:
    """A call that JSON describes; ``types`` None: they are not known."""

    def __init__(self, types: list[str] | None, arguments: list[Any]) -> None:
        self.types = types
        self.arguments = arguments


class Result:
    """What a call has brought: a value, or an exception with its class and message."""

    def __init__(self) -> None:
        self.value: Any = None
        self.failed = False
        self.attachments: dict[str, str] = {}


# -- requests --------------------------------------------------------------------------------------


def read_call(body: bytes, types: Sequence[str] | None = None) -> Call:
    """Read ``{"types": [...], "args": [...]}``, or just the arguments as a list.

    ``types`` are what the configuration says, against which the arguments are checked.  Raises
    ``CallError``.
    """
    if not body.strip():
        given: Any = []
    else:
        try:
            given = msgspec.json.decode(body)
        except (ValueError, RecursionError) as error:
            raise CallError(f"the body is not JSON: {error}") from None
    named: Any = None
    if isinstance(given, dict):
        unknown = sorted(given.keys() - {"types", "args"})
        if unknown:
            raise CallError(f"{unknown[0]!r} is neither 'types' nor 'args'")
        named = given.get("types")
        given = given.get("args", [])
    if not isinstance(given, list):
        raise CallError("the arguments are no list")
    return new_call(named if types is None else list(types), given)


def new_call(types: Any, given: list[Any]) -> Call:
    """Return a call with arguments that JSON can say, as the parameters' ``types`` need them.

    Raises ``CallError``.
    """
    if len(given) > MAX_ARGUMENTS:
        raise CallError(f"more than {MAX_ARGUMENTS} arguments")
    if types is None:
        return Call(None, [_plain(value, f"args[{i}]") for i, value in enumerate(given)])
    _check_types(types, len(given))
    pairs = zip(types, given, strict=True)
    return Call(types, [_argument(*pair, f"args[{i}]") for i, pair in enumerate(pairs)])


def write_call(
    service: str,
    version: str,
    method: str,
    call: Call,
    attachments: dict[str, str],
    *,
    generic: bool = True,
    invoke: str = "$invoke",
) -> bytes:
    """Return the body of a Dubbo request.  Raises ``CallError`` when it cannot be written."""
    if generic:
        types = None if call.types is None else Typed("[string", call.types)
        arguments = [method, types, Typed("[object", call.arguments)]
        descriptor = _GENERIC
        method = invoke
        attachments = {"generic": "true", **attachments}
    else:
        if call.types is None and call.arguments:
            raise CallError("the types of the arguments are missing")
        arguments = call.arguments
        descriptor = "".join([descriptor_of(name) for name in call.types or ()])
    fields = {"path": service, "interface": service, "version": version, **attachments}
    start = (DUBBO_VERSION, service, version or "0.0.0", method, descriptor)
    parts = [encode_string(text.encode()) for text in start]
    try:
        parts.extend([encode(value) for value in arguments])
    except ValueError as error:
        raise CallError(f"the arguments cannot be sent: {error}") from None
    parts.append(encode({name: value for name, value in fields.items() if value}))
    return b"".join(parts)


def call_json(body: bytes, *, millis: bool = False) -> tuple[str, bytes]:
    """Read the body of a Dubbo request in Hessian 2: the name of the method, and the JSON that
    ``read_call`` reads.

    Of a generic call it is the method that ``$invoke`` was told.  Raises ``CallError``.
    """
    reader = HessianReader(body)
    for _ in range(3):
        reader.read_string()
    method = reader.read_string()
    descriptor = reader.read_string()
    if method is None or descriptor is None:
        raise CallError("the call cannot be read")
    count = count_types(descriptor)
    if not 0 <= count <= MAX_ARGUMENTS:
        raise CallError("the types of the arguments cannot be read")
    arguments = [reader.read() for _ in range(count) if not reader.error]
    if reader.error:
        raise CallError(f"the arguments cannot be read: {reader.error}")
    if reader.peek() not in _MAPS:
        raise CallError("there are other arguments than the types say")
    name: Any = method.decode("utf-8", "replace")
    types: Any
    if name in _INVOKES and descriptor == _GENERIC.encode():
        name, types, arguments = arguments
        arguments = [] if arguments is None else arguments
        if not isinstance(name, str) or not isinstance(arguments, list):
            raise CallError("the generic call cannot be read")
    else:
        types = _types_of(descriptor.decode("utf-8", "replace"))
    call = {"args": arguments} if types is None else {"types": types, "args": arguments}
    try:
        return name, msgspec.json.encode(_JsonForm(millis).form(call, 0))
    except ResultError as error:
        raise CallError(str(error)) from None


def _types_of(descriptor: str) -> list[str]:
    """Return the names of Java's types that a well-formed descriptor has; see
    ``descriptor_of``."""
    names = []
    for dimensions, letter, name in _DESCRIBED.findall(descriptor):
        plain = name.replace("/", ".") if name else _LETTERS[letter]
        names.append(plain + "[]" * len(dimensions))
    return names


def descriptor_of(name: str) -> str:
    """Return the JVM's descriptor of a Java type such as ``int[]`` or ``java.util.List<X>``.

    Raises ``CallError`` for what is no type.
    """
    plain = name.partition("<")[0].strip()
    dimensions = 0
    while plain.endswith("[]"):
        plain = plain[:-2].strip()
        dimensions += 1
    if dimensions > MAX_ARGUMENTS or not _TYPE.fullmatch(plain):
        raise CallError(f"{name[:100]!r} is no type")
    letter = _PRIMITIVES.get(plain)
    return "[" * dimensions + (letter or f"L{plain.replace('.', '/')};")


def _check_types(types: Any, count: int) -> None:
    if not isinstance(types, list) or not all(isinstance(name, str) for name in types):
        raise CallError("'types' is no list of names")
    if len(types) != count:
        raise CallError(f"{len(types)} types, but {count} arguments")
    for name in types:
        if len(name) > MAX_TYPE:
            raise CallError(f"{name[:100]!r}... is no type")
        descriptor_of(name)


def _argument(name: str, value: Any, where: str) -> Any:
    """Return a JSON value as what a parameter of the type ``name`` needs."""
    if value is None:
        if name in _PRIMITIVES:
            raise CallError(f"{where}: null is no {name}")
        return None
    bits = _INTEGERS.get(name)
    if bits is not None:
        if not isinstance(value, int) or isinstance(value, bool):
            raise CallError(f"{where}: {_shown(value)} is no {name}")
        if not -(1 << bits - 1) <= value < 1 << bits - 1:
            raise CallError(f"{where}: {_shown(value)} does not fit into {name}")
        return Long(value) if bits == 64 else value
    if name in _FLOATS:
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise CallError(f"{where}: {_shown(value)} is no {name}")
        return _as_float(value, where)
    if name in _BOOLEANS:
        if not isinstance(value, bool):
            raise CallError(f"{where}: {_shown(value)} is no {name}")
        return value
    if name in _TEXTS:
        if not isinstance(value, str) or (name != "java.lang.String" and len(value) != 1):
            raise CallError(f"{where}: {_shown(value)} is no {name}")
        return value
    if name == "byte[]":
        return _binary(value, where)
    if name in _DATES:
        return _date(value, where)
    if name in _BIG and isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)  # Java makes a number of it again
    return _plain(value, where)


def _plain(value: Any, where: str, depth: int = 0) -> Any:
    """Check that Hessian can say a JSON value."""
    if depth >= MAX_DEPTH - 4:
        raise CallError(f"{where} nests too deeply")
    if isinstance(value, int):
        if not -(1 << 63) <= value < 1 << 63:
            raise CallError(f"{where}: {_shown(value)} does not fit into a long")
    elif isinstance(value, list):
        for item in value:
            _plain(item, where, depth + 1)
    elif isinstance(value, dict):
        for item in value.values():
            _plain(item, where, depth + 1)
    return value


def _as_float(value: float, where: str) -> float:
    try:
        return float(value)
    except OverflowError:
        raise CallError(f"{where}: {_shown(value)} is too large") from None


def _binary(value: Any, where: str) -> bytes:
    if not isinstance(value, str):
        raise CallError(f"{where}: {_shown(value)} is not base64")
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise CallError(f"{where}: {_shown(value)} is not base64") from None


def _date(value: Any, where: str) -> Date:
    """Read milliseconds since 1970, or an ISO 8601 date; without a zone it is in UTC."""
    if isinstance(value, int) and not isinstance(value, bool):
        if -(1 << 63) <= value < 1 << 63:
            return Date(value)
    elif isinstance(value, str) and len(value) <= 40:
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            pass
        else:
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=UTC)
            return Date((moment - _EPOCH) // timedelta(milliseconds=1))
    raise CallError(f"{where}: {_shown(value)} is no date")


def _shown(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 256:
        return "a very large number"
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}..."


# -- responses -------------------------------------------------------------------------------------


def read_result(content: bytes) -> Result:
    """Read the body of a response with the status OK.  Raises ``ResultError``."""
    reader = HessianReader(content)
    kind = reader.read()
    result = Result()
    if reader.error or type(kind) is not int or kind not in _KINDS:
        raise ResultError(reader.error or "a result of an unknown kind")
    with_value, result.failed, with_attachments = _KINDS[kind]
    if with_value or result.failed:
        result.value = reader.read()
    if with_attachments and not reader.error:
        attachments = reader.read()
        if isinstance(attachments, dict):
            result.attachments = {
                key: value
                for key, value in attachments.items()
                if isinstance(key, str) and isinstance(value, str) and key
            }
    if reader.error:
        raise ResultError(reader.error)
    return result


def read_error(content: bytes) -> str:
    """Return the first line of what a response with another status says.

    What follows is the provider's stack.  Dubbo 3 answers so in fastjson2, whatever it was asked
    in; of that, and of other serializations, it is the first text.
    """
    text = HessianReader(content).read_string()
    if not text:
        found = _PRINTED.search(content[:4096])
        text = b"" if found is None else found[0]
    return text[:2000].partition(b"\n")[0].decode("utf-8", "replace")


def result_json(result: Result, *, millis: bool = False) -> bytes:
    """Return a result as JSON; an exception is ``{"error": {"class": ..., "message": ...}}``.

    Raises ``ResultError`` when it refers to itself, or is too large.
    """
    value = result.value
    if result.failed:
        value = {"error": _exception(value)}
    return msgspec.json.encode(_JsonForm(millis).form(value, 0))


def write_result(content: bytes, attachments: dict[str, str], kind: str = "") -> bytes:
    """Return JSON, or nothing at all, as the body of a response with the status OK.

    ``kind`` is what the method returns in Java's terms, if that is known: JSON does not tell an
    int from a long.  Raises ``ResultError``.
    """
    try:
        value = msgspec.json.decode(content) if content.strip() else None
        if value is not None:
            value = _argument(kind, value, "it") if kind else _plain(value, "it")
        parts = [encode((1 if value is not None else 2) + (3 if attachments else 0))]
        if value is not None:
            parts.append(encode(value))
        if attachments:
            parts.append(encode(attachments))
    except (ValueError, RecursionError) as error:
        raise ResultError(f"the body is not JSON that Dubbo can say: {error}") from None
    return b"".join(parts)


def json_error(content: bytes) -> str:
    """Return what a response that is no success says: the message in the JSON of ``error_json``
    or ``result_json``, else the first line."""
    try:
        told = msgspec.json.decode(content, type=dict[str, Any]).get("error")
    except (ValueError, RecursionError):
        told = None
    if isinstance(told, str):
        return told[:2000]
    if isinstance(told, dict) and isinstance(told.get("message"), str):
        name = told.get("class")
        message = told["message"][:2000]
        return f"{name[:MAX_TYPE]}: {message}" if isinstance(name, str) and name else message
    return content[:2000].partition(b"\n")[0].decode("utf-8", "replace")


def error_json(status: int, message: str) -> bytes:
    """Return the JSON for a response whose Dubbo status is not OK."""
    return msgspec.json.encode({"error": {"status": status, "message": message}})


def _exception(value: Any) -> dict[str, str]:
    """Return what there is to tell of an exception; not its stack."""
    if not isinstance(value, dict):
        return {"class": "", "message": value if isinstance(value, str) else ""}
    name = value.get("exceptionClass") or value.get("") or value.get("class")
    message = value.get("exceptionMessage") or value.get("detailMessage") or value.get("message")
    return {
        "class": name[:MAX_TYPE] if isinstance(name, str) else "",
        "message": message[:2000] if isinstance(message, str) else "",
    }


class _JsonForm:
    """Turns what Hessian brought into what JSON can say, within a bound."""

    def __init__(self, millis: bool) -> None:
        self._millis = millis
        self._left = MAX_JSON

    def form(self, value: Any, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise ResultError("the result nests too deeply, or in itself")
        self._spend(_VALUE)
        if isinstance(value, str):
            self._spend(len(value))
            return value
        if isinstance(value, dict):
            return self._object(value, depth)
        if isinstance(value, list):
            return [self.form(item, depth + 1) for item in value]
        if isinstance(value, bytes):
            self._spend(len(value) * 4 // 3)
            return base64.b64encode(value).decode()
        if isinstance(value, float) and not -_INFINITE < value < _INFINITE:
            return str(value).replace("inf", "Infinity").replace("nan", "NaN")
        if isinstance(value, Date):
            return int(value) if self._millis else _iso(value)
        return value

    def _object(self, value: dict[Any, Any], depth: int) -> Any:
        kind = value.get("")
        if kind == "java.math.BigDecimal":
            number = value.get("value")
            if isinstance(number, str) and len(number) <= 400 and _NUMBER.fullmatch(number):
                return msgspec.Raw(number.encode())
        made = {}
        for key, item in value.items():
            name = key
            if key == "" and isinstance(kind, str):
                # The class of an object; of a field with that name there is no trace then.
                name = "class"
                if name in value:
                    continue
            elif not isinstance(key, str):
                name = self._key(key)
            self._spend(len(name))
            made[name] = self.form(item, depth + 1)
        return made

    def _key(self, key: Any) -> str:
        if key is None or isinstance(key, bool):
            return {None: "null", True: "true", False: "false"}[key]
        if isinstance(key, Date):
            return str(int(key)) if self._millis else _iso(key)
        if isinstance(key, bytes):
            return base64.b64encode(key).decode()
        return str(key)

    def _spend(self, count: int) -> None:
        self._left -= count
        if self._left < 0:
            raise ResultError("the result is too large")


def _iso(value: Date) -> str:
    """Return a date in ISO 8601, UTC; as its milliseconds beyond the year 9999."""
    try:
        moment = _EPOCH + timedelta(milliseconds=int(value))
    except OverflowError:
        return str(int(value))
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


_VALUE: Final = 64
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_INFINITE: Final = float("inf")
_INVOKES: Final = ("$invoke", "$invokeAsync")
_MAPS: Final = (0x48, 0x4D, 0x4E)
"""How attachments begin; the last is null."""
_DESCRIBED: Final = re.compile(r"(\[*)(?:([BCDFIJSVZ])|L([^;]*);)")
_GENERIC: Final = "Ljava/lang/String;[Ljava/lang/String;[Ljava/lang/Object;"
_TYPE: Final = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*(\.[A-Za-z_$][A-Za-z0-9_$]*)*", re.ASCII)
_PRINTED: Final = re.compile(rb"[ -~]{8,}")
_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]{1,4})?", re.ASCII)
# By the kind of a result: is there a value, an exception, are there attachments?
_KINDS: Final = MappingProxyType({
    0: (False, True, False), 1: (True, False, False), 2: (False, False, False),
    3: (False, True, True), 4: (True, False, True), 5: (False, False, True),
})  # fmt: skip
_PRIMITIVES: Final = MappingProxyType({
    "boolean": "Z", "byte": "B", "char": "C", "short": "S", "int": "I", "long": "J", "float": "F",
    "double": "D",
})  # fmt: skip
_LETTERS: Final = MappingProxyType({
    "V": "void", **{letter: name for name, letter in _PRIMITIVES.items()},
})  # fmt: skip
_INTEGERS: Final = MappingProxyType({
    "byte": 8, "short": 16, "int": 32, "long": 64, "java.lang.Byte": 8, "java.lang.Short": 16,
    "java.lang.Integer": 32, "java.lang.Long": 64,
})  # fmt: skip
_FLOATS: Final = frozenset(("float", "double", "java.lang.Float", "java.lang.Double"))
_BOOLEANS: Final = frozenset(("boolean", "java.lang.Boolean"))
_TEXTS: Final = frozenset(("java.lang.String", "char", "java.lang.Character"))
_DATES: Final = frozenset(("java.util.Date", "java.sql.Timestamp", "java.sql.Date"))
_BIG: Final = frozenset(("java.math.BigDecimal", "java.math.BigInteger"))
