"""When a request may be tried again (spec §4.5).

Reads the fields of the route's policy and the reason, never messages.  A request is repeated only
when its method allows it (RFC 9110 §9.2.2), unless it cannot have reached the origin or the
policy names ``non-idempotent``.
"""

from typing import Final

from pymosn.stream.stream import (
    CONNECT_FAILED,
    CONNECT_TIMEOUT,
    TRY_TIMEOUT,
    UPSTREAM_CLOSED,
    UPSTREAM_RESET,
)

# Bits of ``RouteEntry.retry_conditions``.
RETRY_5XX: Final = 1
RETRY_GATEWAY_ERROR: Final = 2
RETRY_CONNECT_FAILURE: Final = 4
RETRY_RESET: Final = 8
RETRY_RETRIABLE_4XX: Final = 16
RETRY_STATUS_CODES: Final = 32
RETRY_TIMEOUT: Final = 64
RETRY_NON_IDEMPOTENT: Final = 128

_5XX = RETRY_5XX
_GATEWAY_ERROR = RETRY_GATEWAY_ERROR
_CONNECT_FAILURE = RETRY_CONNECT_FAILURE
_RESET = RETRY_RESET
_RETRIABLE_4XX = RETRY_RETRIABLE_4XX
_STATUS_CODES = RETRY_STATUS_CODES
_TIMEOUT = RETRY_TIMEOUT
_NON_IDEMPOTENT = RETRY_NON_IDEMPOTENT
_CONNECT_FAILED = CONNECT_FAILED
_CONNECT_TIMEOUT = CONNECT_TIMEOUT
_TRY_TIMEOUT = TRY_TIMEOUT
_UPSTREAM_CLOSED = UPSTREAM_CLOSED
_UPSTREAM_RESET = UPSTREAM_RESET


def may_repeat(method: bytes) -> bool:
    """Say whether a request with ``method`` may be sent twice."""
    return method is _GET or method in _IDEMPOTENT


def retry_on_reset(route: "RouteEntry", reason: int, method: bytes) -> bool:
    """Say whether the policy tries again after an attempt that ended for ``reason``."""
    conditions = route.retry_conditions
    if reason in (_CONNECT_FAILED, _CONNECT_TIMEOUT):
        # Nothing was sent, so the method does not matter; MOSN retries these without a policy.
        return conditions == 0 or conditions & (_CONNECT_FAILURE | _5XX | _GATEWAY_ERROR) != 0
    if not route.retry_enabled:
        return False
    if not may_repeat(method) and not conditions & _NON_IDEMPOTENT:
        return False
    if reason == _TRY_TIMEOUT:
        return conditions & ~_NON_IDEMPOTENT == 0 or conditions & (_TIMEOUT | _5XX) != 0
    if reason in (_UPSTREAM_CLOSED, _UPSTREAM_RESET):
        return conditions & ~_NON_IDEMPOTENT == 0 or conditions & (_RESET | _5XX) != 0
    return False


def retry_on_status(route: "RouteEntry", status: int, method: bytes) -> bool:
    """Say whether the policy tries again after a response with ``status``."""
    conditions = route.retry_conditions
    if not may_repeat(method) and not conditions & _NON_IDEMPOTENT:
        return False
    if conditions & ~_NON_IDEMPOTENT == 0:
        if route.retry_codes:
            return status in route.retry_codes
        return status >= 500
    if conditions & _5XX and status >= 500:
        return True
    if conditions & _GATEWAY_ERROR and 502 <= status <= 504:
        return True
    if conditions & _RETRIABLE_4XX and status == 409:
        return True
    return bool(conditions & _STATUS_CODES) and status in route.retry_codes


_GET = b"GET"
_IDEMPOTENT = frozenset((b"GET", b"HEAD", b"PUT", b"DELETE", b"OPTIONS", b"TRACE"))
