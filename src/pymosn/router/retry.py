"""When a request is tried again, compiled from a route's policy (spec §4.5).

Whether a request may be repeated at all (its body, its method, the response begun) and whether
the cluster's limit allows it are the proxy's to decide.
"""

from types import MappingProxyType
from typing import Final

from pymosn.protocol.grpc import (
    CANCELLED,
    DEADLINE_EXCEEDED,
    INTERNAL,
    RESOURCE_EXHAUSTED,
    UNAVAILABLE,
)
from pymosn.snapshot import RetryPolicy
from pymosn.stream.stream import (
    CONNECT_FAILED,
    CONNECT_TIMEOUT,
    TRY_TIMEOUT,
    UPSTREAM_CLOSED,
    UPSTREAM_PROTOCOL,
    UPSTREAM_REFUSED,
    UPSTREAM_RESET,
    UPSTREAM_TERMINATED,
)

ON_5XX: Final = 0x1
ON_GATEWAY_ERROR: Final = 0x2
ON_CONNECT_FAILURE: Final = 0x4
ON_RESET: Final = 0x8
ON_4XX: Final = 0x10
ON_STATUS_CODES: Final = 0x20
ON_TIMEOUT: Final = 0x40
NON_IDEMPOTENT: Final = 0x80
GRPC_STATUSES: Final = 16
"""From this bit on, one for each gRPC status code."""

CONDITIONS: Final = MappingProxyType(
    {
        "5xx": ON_5XX | ON_CONNECT_FAILURE | ON_RESET | ON_TIMEOUT,
        "gateway-error": ON_GATEWAY_ERROR,
        "connect-failure": ON_CONNECT_FAILURE,
        "reset": ON_RESET,
        "retriable-4xx": ON_4XX,
        "retriable-status-codes": ON_STATUS_CODES,
        "timeout": ON_TIMEOUT,
        "non-idempotent": NON_IDEMPOTENT,
        "cancelled": 1 << (GRPC_STATUSES + CANCELLED),
        "deadline-exceeded": 1 << (GRPC_STATUSES + DEADLINE_EXCEEDED),
        "resource-exhausted": 1 << (GRPC_STATUSES + RESOURCE_EXHAUSTED),
        "internal": 1 << (GRPC_STATUSES + INTERNAL),
        # What gRPC calls this includes that there is no connection.
        "unavailable": 1 << (GRPC_STATUSES + UNAVAILABLE) | ON_CONNECT_FAILURE,
    }
)

_GRPC_STATUSES = GRPC_STATUSES
_ON_5XX = ON_5XX
_ON_GATEWAY_ERROR = ON_GATEWAY_ERROR
_ON_CONNECT_FAILURE = ON_CONNECT_FAILURE
_ON_RESET = ON_RESET
_ON_4XX = ON_4XX
_ON_STATUS_CODES = ON_STATUS_CODES
_ON_TIMEOUT = ON_TIMEOUT
_CONNECT_FAILED = CONNECT_FAILED
_CONNECT_TIMEOUT = CONNECT_TIMEOUT
_TRY_TIMEOUT = TRY_TIMEOUT
_UPSTREAM_CLOSED = UPSTREAM_CLOSED
_UPSTREAM_PROTOCOL = UPSTREAM_PROTOCOL
_UPSTREAM_RESET = UPSTREAM_RESET
_UPSTREAM_REFUSED = UPSTREAM_REFUSED
_UPSTREAM_TERMINATED = UPSTREAM_TERMINATED


class RetryRules:
    """Which outcomes of an attempt call for another one.

    ``conditions`` is a set of the bits above; ``non_idempotent`` permits methods like POST.
    """

    conditions: int
    codes: frozenset[int]
    on_status: bool
    non_idempotent: bool

    def __init__(self, policy: RetryPolicy) -> None:
        """Raises ``ValueError`` for an unknown condition."""
        self.conditions = ON_CONNECT_FAILURE
        self.codes = frozenset(policy.status_codes)
        if policy.enabled and policy.conditions:
            self.conditions = 0
            for name in policy.conditions:
                if name not in CONDITIONS:
                    raise ValueError(f"{name!r} is not a condition for a retry")
                self.conditions |= CONDITIONS[name]
        elif policy.enabled:
            on_status = ON_STATUS_CODES if policy.status_codes else ON_5XX
            self.conditions = on_status | ON_CONNECT_FAILURE | ON_RESET | ON_TIMEOUT
        self.on_status = (
            self.conditions & (ON_5XX | ON_GATEWAY_ERROR | ON_4XX | ON_STATUS_CODES) != 0
        )
        self.non_idempotent = self.conditions & NON_IDEMPOTENT != 0

    def status(self, status: int) -> bool:
        """Say whether a response with ``status`` calls for another attempt."""
        conditions = self.conditions
        if not self.on_status or (status < 400 and not conditions & _ON_STATUS_CODES):
            return False
        if status >= 500 and conditions & _ON_5XX:
            return True
        if 502 <= status <= 504 and conditions & _ON_GATEWAY_ERROR:
            return True
        if status == 409 and conditions & _ON_4XX:
            return True
        return conditions & _ON_STATUS_CODES != 0 and status in self.codes

    def grpc_status(self, status: int) -> bool:
        """Say whether a call that ended with ``status``, before there was a message, calls for
        another attempt.  Who names such a condition means POST, so the method is no obstacle."""
        return self.conditions >> (_GRPC_STATUSES + status) & 1 != 0

    def failure(self, reason: int) -> bool:
        """Say whether an attempt that ended with ``reason`` calls for another one."""
        if reason in (_CONNECT_FAILED, _CONNECT_TIMEOUT):
            return self.conditions & _ON_CONNECT_FAILURE != 0
        if reason == _TRY_TIMEOUT:
            return self.conditions & _ON_TIMEOUT != 0
        if reason in (_UPSTREAM_CLOSED, _UPSTREAM_TERMINATED, _UPSTREAM_RESET):
            return self.conditions & _ON_RESET != 0
        if reason in (_UPSTREAM_PROTOCOL, _UPSTREAM_REFUSED):
            return self.conditions & _ON_RESET != 0
        return False
