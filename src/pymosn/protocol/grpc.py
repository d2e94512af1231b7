"""gRPC as a proxy needs it: what its headers say (gRPC over HTTP/2, "Protocol"), and Triple's.

Triple, the protocol of Dubbo 3, is gRPC with a few headers more, or the same as a plain ``POST``.
Messages are never looked into: to a proxy they are the bytes of a body.
"""

from types import MappingProxyType
from typing import Final

from pymosn.message import Head, RequestHead

# Status codes (google.rpc.Code).
OK: Final = 0
CANCELLED: Final = 1
UNKNOWN: Final = 2
INVALID_ARGUMENT: Final = 3
DEADLINE_EXCEEDED: Final = 4
NOT_FOUND: Final = 5
ALREADY_EXISTS: Final = 6
PERMISSION_DENIED: Final = 7
RESOURCE_EXHAUSTED: Final = 8
FAILED_PRECONDITION: Final = 9
ABORTED: Final = 10
OUT_OF_RANGE: Final = 11
UNIMPLEMENTED: Final = 12
INTERNAL: Final = 13
UNAVAILABLE: Final = 14
DATA_LOSS: Final = 15
UNAUTHENTICATED: Final = 16

LONGEST_TIMEOUT: Final = 365 * 86400.0
"""Seconds; what a client asks for beyond that (8 digits of hours) is cut to it."""

MAX_MESSAGE: Final = 1024
"""Bytes of a text that becomes a ``grpc-message``, before it is escaped."""

_UNKNOWN = UNKNOWN
_LONGEST_TIMEOUT = LONGEST_TIMEOUT


def is_grpc(head: Head) -> bool:
    """Say whether a message is gRPC by its content type; gRPC-Web is not."""
    value = head.get(_N_CONTENT_TYPE)
    if value is None or len(value) < 16:
        return False
    raw = value
    if len(value) > 16 and raw[16] != 43 and raw[16] != 59 and raw[16] != 32:  # + ; space
        return False
    return value[:16].lower() == _APPLICATION_GRPC


def is_call(request: RequestHead) -> bool:
    """Say whether a request is a call of gRPC or of Triple.

    Where Triple is not gRPC, a header must say that it is Triple.
    """
    if request.method != _POST:
        return False
    if is_grpc(request):
        return True
    for name in _TRIPLE_HEADERS:  # noqa: SIM110 -- a generator would not compile to a loop
        if request.get(name) is not None:
            return True
    return False


def call_field(request: RequestHead, name: bytes) -> bytes | None:
    """Return ``service``, ``method``, ``group`` or ``version`` of a call; None for what is no call,
    or does not say.  Service and method are the last two segments of the path."""
    if not is_call(request):
        return None
    if name == _GROUP:
        return request.get(_N_TRI_GROUP)
    if name == _VERSION:
        return request.get(_N_TRI_VERSION)
    target = request.target.partition(b"?")[0]
    before, _, method = target.rpartition(b"/")
    if name == _METHOD:
        return method if before else None
    service = before.rpartition(b"/")[2]
    return service if service else None


def status_of_http(status: int) -> int:
    """Return the gRPC status of a response without one (gRPC's http-grpc-status-mapping)."""
    if status == 400:
        return INTERNAL
    if status == 401:
        return UNAUTHENTICATED
    if status == 403:
        return PERMISSION_DENIED
    if status == 404:
        return UNIMPLEMENTED
    if status == 429 or 502 <= status <= 504:
        return UNAVAILABLE
    return _UNKNOWN


def read_status(head: Head) -> int:
    """Return the ``grpc-status`` of trailers, or of a response that has no body; -1 when there is
    none.  What is no known code is ``UNKNOWN``."""
    value = head.get(_N_GRPC_STATUS)
    if value is None:
        return -1
    if not 1 <= len(value) <= 2 or not value.isdigit():
        return _UNKNOWN
    code = int(value)
    return code if code <= 16 else _UNKNOWN


def read_timeout(value: bytes) -> float:
    """Return the seconds of a ``grpc-timeout``: one to eight digits and a unit; -1 for anything
    else."""
    size = len(value) - 1
    if not 1 <= size <= 8:
        return -1.0
    raw = value
    count = 0
    for index in range(size):
        digit = raw[index] - 48
        if digit < 0 or digit > 9:
            return -1.0
        count = count * 10 + digit
    unit = _UNITS.get(value[size:])
    if unit is None:
        return -1.0
    seconds = count * unit
    return seconds if seconds < _LONGEST_TIMEOUT else _LONGEST_TIMEOUT


def read_milliseconds(value: bytes) -> float:
    """Return the seconds of a ``tri-service-timeout``: digits, in milliseconds; -1 for anything
    else, and for 0, which says nothing."""
    if not 1 <= len(value) <= 12 or not value.isdigit():
        return -1.0
    seconds = int(value) / 1000.0
    if seconds == 0.0:
        return -1.0
    return seconds if seconds < _LONGEST_TIMEOUT else _LONGEST_TIMEOUT


def write_timeout(seconds: float) -> bytes:
    """Return a ``grpc-timeout`` in the finest unit whose count has at most eight digits."""
    if seconds <= 0.0:
        return b"0n"
    if seconds < 99.0:
        return b"%du" % int(seconds * 1e6)
    if seconds < 99000.0:
        return b"%dm" % int(seconds * 1e3)
    return b"%dS" % int(min(seconds, _LONGEST_TIMEOUT))


def escape_message(text: bytes) -> bytes:
    """Return a text as a ``grpc-message``: percent-encoded, and cut to ``MAX_MESSAGE`` bytes."""
    text = text[:MAX_MESSAGE].strip()
    if text.isalnum():
        return text
    return b"".join([_ESCAPED[byte] for byte in text])


_POST = b"POST"
_GROUP = b"group"
_VERSION = b"version"
_METHOD = b"method"
_N_TRI_GROUP = b"tri-service-group"
_N_TRI_VERSION = b"tri-service-version"
_TRIPLE_HEADERS = (_N_TRI_VERSION, _N_TRI_GROUP, b"tri-protocol-version", b"tri-consumer-appname")
_N_CONTENT_TYPE = b"content-type"
_N_GRPC_STATUS = b"grpc-status"
_APPLICATION_GRPC = b"application/grpc"
_UNITS = MappingProxyType(
    {b"H": 3600.0, b"M": 60.0, b"S": 1.0, b"m": 1e-3, b"u": 1e-6, b"n": 1e-9}
)
_ESCAPED = tuple(
    bytes([byte]) if 32 <= byte <= 126 and byte != 37 else b"%%%02X" % byte for byte in range(256)
)
