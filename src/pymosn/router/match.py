"""What a route asks of a request: its path, headers, query and variables (spec §1.6, §5.2)."""

from types import MappingProxyType
from typing import Any, Final

from pymosn.protocol.grpc import call_field
from pymosn.protocol.uri import lowered, parameter
from pymosn.router.pattern import compile_pattern
from pymosn.snapshot import RouteMatch, ValueMatch
from pymosn.stream.stream import Stream
from pymosn.stream.variables import Variable, lookup_or_setting

EXACT: Final = 0
REGEX: Final = 1
PREFIX: Final = 2
SUFFIX: Final = 3
PRESENT: Final = 4
ANY: Final = 5
PATH: Final = 6
"""Of paths only: equality without case."""

_EXACT = EXACT
_REGEX = REGEX
_PREFIX = PREFIX
_SUFFIX = SUFFIX
_PRESENT = PRESENT
_ANY = ANY
_PATH = PATH

# What a header condition really reads.
_HEADER = 0
_METHOD = 1
_AUTHORITY = 2
_TARGET = 3
_SCHEME = 4
_CALL = 5
"""A header that RPC protocols have; a call of gRPC or Triple says the same otherwise."""
_CALLED = 6
"""HTTP's method, and the method that a call is of."""


class ValueMatcher:
    """A condition on one value, which may be missing."""

    kind: int
    expected: bytes
    invert: bool
    pattern: Any

    def __init__(self, match: ValueMatch) -> None:
        """Raises ``ValueError`` for an unknown kind or a bad expression."""
        if match.kind not in _VALUE_KINDS:
            raise ValueError(f"{match.kind!r} is not a way to match {match.name!r}")
        self.kind = _VALUE_KINDS[match.kind]
        self.expected = match.value.encode()
        self.invert = match.invert
        self.pattern = compile_pattern(match.value) if self.kind == REGEX else None

    def test(self, value: bytes | None) -> bool:
        """Say whether ``value`` (None: missing) fulfils the condition."""
        return self._holds(value) != self.invert

    def _holds(self, value: bytes | None) -> bool:
        kind = self.kind
        if value is None:
            return False
        if kind == _EXACT:
            return value == self.expected
        if kind == _PREFIX:
            return value.startswith(self.expected)
        if kind == _SUFFIX:
            return value.endswith(self.expected)
        if kind == _REGEX:
            return self.pattern.search(value) is not None
        return kind == _PRESENT or len(value) > 0


class HeaderMatcher:
    """A condition on a header, or on the method or another part of the start line."""

    name: bytes
    source: int
    value: "ValueMatcher"

    def __init__(self, match: ValueMatch) -> None:
        self.name = match.name.lower().encode()
        self.source = _PSEUDO_HEADERS.get(match.name.lower(), _HEADER)
        self.value = ValueMatcher(match)

    def test(self, stream: Stream) -> bool:
        request = stream.request
        if self.source == _HEADER:
            return self.value.test(request.get(self.name))
        if self.source == _CALL:
            value = request.get(self.name)
            if value is None and not request.is_rpc():
                value = call_field(request, self.name)
            return self.value.test(value)
        if self.source == _CALLED:
            if request.is_rpc():
                return self.value.test(request.get(self.name))
            if self.value.test(request.method):
                return True
            value = call_field(request, self.name)
            return value is not None and self.value.test(value)
        if self.source == _METHOD:
            return self.value.test(request.method)
        if self.source == _AUTHORITY:
            return self.value.test(request.authority)
        if self.source == _TARGET:
            return self.value.test(request.target)
        return self.value.test(request.scheme)


class QueryMatcher:
    """A condition on the first query parameter of a name."""

    name: bytes
    value: "ValueMatcher"

    def __init__(self, match: ValueMatch) -> None:
        self.name = match.name.encode()
        self.value = ValueMatcher(match)

    def test(self, stream: Stream) -> bool:
        return self.value.test(parameter(stream.query, self.name))


class VariableMatcher:
    """One link of a chain of conditions on variables; an unset variable is empty."""

    variable: "Variable"
    any_of: bool
    value: "ValueMatcher"

    def __init__(self, match: ValueMatch) -> None:
        self.variable = lookup_or_setting(match.name)
        self.any_of = match.any_of
        self.value = ValueMatcher(match)

    def test(self, stream: Stream) -> bool:
        value = self.variable.value(stream)
        return self.value.test(b"" if value is None else value)


class RouteMatcher:
    """Everything one route asks for."""

    kind: int
    expected: bytes
    pattern: Any
    headers: list[Any]
    query: list[Any]
    variables: list[Any]
    unconditional: bool

    def __init__(self, match: RouteMatch) -> None:
        """Raises ``ValueError`` for an unknown kind or a bad expression."""
        if match.kind not in _PATH_KINDS:
            raise ValueError(f"{match.kind!r} is not a way to match a path")
        self.kind = _PATH_KINDS[match.kind]
        self.expected = match.value.encode()
        self.pattern = None
        if self.kind == REGEX:
            self.pattern = compile_pattern(match.value)
        elif self.kind == PATH:
            self.expected = self.expected.lower()
        self.headers = [HeaderMatcher(header) for header in match.headers]
        self.query = [QueryMatcher(item) for item in match.query]
        self.variables = [VariableMatcher(variable) for variable in match.variables]
        self.unconditional = not (self.headers or self.query or self.variables)

    def matches(self, stream: Stream) -> bool:
        """Say whether the request of ``stream`` is for this route."""
        return self.matches_path(stream.path) and self.conditions_hold(stream)

    def matches_path(self, path: bytes) -> bool:
        """Say whether the path alone fits."""
        kind = self.kind
        if kind == _PREFIX:
            return path.startswith(self.expected)
        if kind == _PATH:
            return lowered(path) == self.expected
        if kind == _REGEX:
            return self.pattern.search(path) is not None
        return True

    def conditions_hold(self, stream: Stream) -> bool:
        """Say whether everything but the path fits."""
        if self.unconditional:
            return True
        for header in self.headers:
            if not header.test(stream):
                return False
        for item in self.query:
            if not item.test(stream):
                return False
        return not self.variables or self._variables_hold(stream)

    def _variables_hold(self, stream: Stream) -> bool:
        """MOSN's rule, from left to right: behind an ``and`` item a result is ANDed, behind an
        ``or`` item it begins anew; true at an ``or`` item decides (spec §5.2)."""
        result = True
        restart = False
        for variable in self.variables:
            result = (result or restart) and variable.test(stream)
            if result and variable.any_of:
                return True
            restart = variable.any_of
        return result


_VALUE_KINDS: Final = MappingProxyType(
    {
        "exact": EXACT,
        "regex": REGEX,
        "prefix": PREFIX,
        "suffix": SUFFIX,
        "present": PRESENT,
        "any": ANY,
    }
)
_PATH_KINDS: Final = MappingProxyType(
    {
        "prefix": PREFIX,
        "path": PATH,
        "regex": REGEX,
        "variables": ANY,
        "any": ANY,
    }
)
_PSEUDO_HEADERS: Final = MappingProxyType(
    {
        "method": _CALLED,
        ":method": _METHOD,
        ":authority": _AUTHORITY,
        ":path": _TARGET,
        ":scheme": _SCHEME,
        "service": _CALL,
        "group": _CALL,
        "version": _CALL,
    }
)
