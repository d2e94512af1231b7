"""Variables: the facts of an exchange under MOSN's names, for rules, header values and logs.

``lookup`` turns a name into a ``Variable`` once; ``value`` then reads it from a stream, None when
the stream has no such fact.  A value that a filter set on the stream wins over the fact.

``pymosn.stream.facts`` has the functions and the names; ``pymosn.stream.format`` puts variables
into text.
"""

import time
from collections.abc import Callable
from types import MappingProxyType
from typing import Any, Final

from pymosn.protocol.uri import parameter
from pymosn.stream.facts import FACTS, FROM_PEERS, NUMERIC, SETTABLE
from pymosn.stream.stream import Stream
from pymosn.stream.texts import as_bytes

MOSN_TIME: Final = 0
"""``2006/01/02 15:04:05.000``, local time."""
ISO_TIME: Final = 1
"""``2006-01-02T15:04:05.000Z``, UTC."""
UNIX_TIME: Final = 2
"""Milliseconds since 1970."""

_MOSN_TIME = MOSN_TIME
_ISO_TIME = ISO_TIME


class Variable:
    """Reads one fact of a stream.

    ``trusted``: no peer has a say in the value.  ``numeric``: the value is a number.
    """

    trusted: bool
    numeric: bool

    def __init__(self, trusted: bool = False, numeric: bool = False) -> None:
        self.trusted = trusted
        self.numeric = numeric

    def value(self, stream: Stream) -> bytes | None:
        """Return the value, None when the stream has none."""
        return None


class Fact(Variable):
    """A fact that a function computes."""

    function: "Callable[[Stream], bytes | None]"

    def __init__(
        self, function: Callable[[Stream], bytes | None], trusted: bool, numeric: bool
    ) -> None:
        Variable.__init__(self, trusted, numeric)
        self.function = function

    def value(self, stream: Stream) -> bytes | None:
        return self.function(stream)


class Setting(Variable):
    """What was set on the stream under a name, else a fact, if there is one."""

    name: str
    default: Any

    def __init__(self, name: str, default: Callable[[Stream], bytes | None] | None = None) -> None:
        Variable.__init__(self)
        self.name = name
        self.default = default

    def value(self, stream: Stream) -> bytes | None:
        if stream.variables is not None:
            value = stream.variables.get(self.name)
            if value is not None:
                return as_bytes(value)
        return None if self.default is None else self.default(stream)


class StartTime(Variable):
    """When the exchange began, by the wall clock.

    The text of the current second is kept, and the distance between the reactor's clock and the
    wall's is measured again with each new second.
    """

    _form: int
    _second_begins: int
    _second: bytes

    def __init__(self, form: int) -> None:
        Variable.__init__(self, True, form == UNIX_TIME)
        self._form = form
        self._second_begins = 0
        self._second = b""

    def value(self, stream: Stream) -> bytes | None:
        nanoseconds = stream.started - self._second_begins
        if nanoseconds < 0 or nanoseconds >= 1000000000 or self._second_begins == 0:
            self._new_second(stream.started)
            nanoseconds = stream.started - self._second_begins
        milliseconds = _DIGITS[nanoseconds // 1000000]
        if self._form == _ISO_TIME:
            return self._second + milliseconds + b"Z"
        return self._second + milliseconds

    def _new_second(self, started: int) -> None:
        offset = time.time_ns() - time.monotonic_ns()
        wall = started + offset
        second = wall // 1000000000
        self._second_begins = second * 1000000000 - offset
        if self._form == _MOSN_TIME:
            self._second = time.strftime("%Y/%m/%d %H:%M:%S.", time.localtime(second)).encode()
        elif self._form == _ISO_TIME:
            self._second = time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime(second)).encode()
        else:
            self._second = b"%d" % second


class RequestHeader(Variable):
    """A header of the request, as it now is."""

    name: bytes

    def __init__(self, name: str) -> None:
        Variable.__init__(self)
        self.name = name.lower().encode()

    def value(self, stream: Stream) -> bytes | None:
        return None if stream.request is None else stream.request.get(self.name)


class ResponseHeader(Variable):
    """A header of the response."""

    name: bytes

    def __init__(self, name: str) -> None:
        Variable.__init__(self)
        self.name = name.lower().encode()

    def value(self, stream: Stream) -> bytes | None:
        return None if stream.response is None else stream.response.get(self.name)


class Argument(Variable):
    """A query parameter, decoded."""

    name: bytes

    def __init__(self, name: str) -> None:
        Variable.__init__(self)
        self.name = name.encode()

    def value(self, stream: Stream) -> bytes | None:
        return parameter(stream.query, self.name)


class Cookie(Variable):
    """A cookie of the request."""

    name: bytes

    def __init__(self, name: str) -> None:
        Variable.__init__(self)
        self.name = name.encode()

    def value(self, stream: Stream) -> bytes | None:
        return cookie(stream, self.name)


def lookup(name: str) -> Variable | None:
    """Return the variable called ``name``, None when there is none of that name."""
    if name in _TIMES:
        return StartTime(_TIMES[name])
    if name in FACTS:
        return Fact(FACTS[name], name not in FROM_PEERS, name in NUMERIC)
    if name in SETTABLE:
        return Setting(name, SETTABLE[name])
    for prefix, kind in _PREFIXES:
        if name.startswith(prefix) and len(name) > len(prefix):
            return kind(name[len(prefix) :])
    return None


def lookup_or_setting(name: str) -> Variable:
    """Return the variable called ``name``; an unknown name reads what filters set under it."""
    return lookup(name) or Setting(name)


def cookie(stream: Stream, name: bytes) -> bytes | None:
    """Return the value of a cookie of the request (RFC 6265 §5.4), None when it has none."""
    if stream.request is None:
        return None
    header = stream.request.get(b"cookie")
    if header is None or name not in header:
        return None
    for pair in header.split(b";"):
        key, mark, value = pair.partition(b"=")
        if mark and key.strip() == name:
            return value.strip().strip(b'"')
    return None


_DIGITS = tuple(b"%03d" % number for number in range(1000))
_TIMES: Final = MappingProxyType(
    {"start_time": MOSN_TIME, "start_time_iso": ISO_TIME, "start_time_unix_ms": UNIX_TIME}
)

_PREFIXES: Final = (
    ("request_header_", RequestHeader),
    ("response_header_", ResponseHeader),
    ("Http1_request_header_", RequestHeader),
    ("Http1_request_arg_", Argument),
    ("Http1_cookie_", Cookie),
    ("Http2_request_header_", RequestHeader),
    ("Http2_cookie_", Cookie),
)
