"""What supervisor and workers say to each other: msgpack, one tagged struct a message.

The first message of either side carries the protocol's version; a side that reads another version
than its own ends the conversation.  Counterparts: ``process`` (the supervisor's end) and
``worker``.
"""

from typing import Final

import msgspec
from msgspec import Raw, Struct, field

from pymosn.snapshot import Host

PROTOCOL: Final = 1

COMMAND_LIMIT: Final = 64 << 20
"""Bytes of one message to a worker; a snapshot is the largest."""
REPORT_LIMIT: Final = 1 << 20
"""Bytes of one message from a worker."""


class Start(Struct, frozen=True, tag="start"):
    """The supervisor's first message: what a worker must know before any configuration."""

    protocol: int
    log_path: str
    log_level: str = "INFO"
    log_json: bool = False
    orphan_timeout: float = 60.0
    """Seconds a worker serves on without a supervisor."""
    drain_timeout: float = 30.0
    """Seconds that an orphan gives its last exchanges."""
    stats_slot: int = 0
    """First slot of the worker's own metric set."""
    ticket_keys: list[bytes] = field(default_factory=list)
    """Secret; see ``TicketKeys``."""


class Apply(Struct, frozen=True, tag="apply"):
    """Serve this snapshot; answered by ``Applied`` or ``Refused``.

    One descriptor rides along for each entry of ``sockets``, in the same order.
    """

    version: int
    snapshot: Raw
    """Encoded on its own, so that it is encoded once for all workers."""
    sockets: list[str] = field(default_factory=list)
    """Names of listeners; a name stands once for each of its descriptors."""


class UpdateHosts(Struct, frozen=True, tag="hosts"):
    """Replace the hosts of a cluster."""

    cluster: str
    hosts: list[Host]


class Drain(Struct, frozen=True, tag="drain"):
    """Stop accepting, finish what is under way, exit when no connection is left."""


class Stop(Struct, frozen=True, tag="stop"):
    """Exit now."""


class ReopenLogs(Struct, frozen=True, tag="reopen"):
    """Open the error log and the access logs anew."""


class SetLog(Struct, frozen=True, tag="log"):
    """Change the level of the error log, or silence it."""

    level: str = ""
    """Empty: as it is."""
    enabled: bool = True


class TicketKeys(Struct, frozen=True, tag="tickets"):
    """Encrypt TLS session tickets with the first of these keys, and accept those of all."""

    keys: list[bytes]


class StatusRequest(Struct, frozen=True, tag="status?"):
    """Answered by a ``Status`` with the same number."""

    number: int


Command = (
    Start | Apply | UpdateHosts | Drain | Stop | ReopenLogs | SetLog | TicketKeys | StatusRequest
)


class Hello(Struct, frozen=True, tag="hello"):
    """The worker's first message."""

    protocol: int
    pid: int


class Applied(Struct, frozen=True, tag="applied"):
    """The snapshot is being served."""

    version: int


class Refused(Struct, frozen=True, tag="refused"):
    """The snapshot cannot be served; the worker goes on with what it had."""

    version: int
    reason: str


class Status(Struct, frozen=True, tag="status"):
    """How a worker is."""

    number: int
    connections: int
    rss: int
    """Bytes."""
    turns: int
    """Turns of its loop so far."""
    draining: bool = False


class Counted(Struct, frozen=True):
    """What was counted in one set since the last time."""

    layout: str
    """Its type, a key of ``observe.counted.LAYOUTS``."""
    labels: dict[str, str]
    values: list[int]
    """As the layout says, each histogram as one of its own."""


class Counts(Struct, frozen=True, tag="counts"):
    """What was counted in sets that the configuration does not know."""

    sets: list[Counted]


class Event(Struct, frozen=True, tag="event"):
    """Something that the supervisor writes to the error log on the worker's behalf."""

    level: str
    message: str


Report = Hello | Applied | Refused | Status | Counts | Event


def command_decoder() -> msgspec.msgpack.Decoder[Command]:
    """Return the decoder of what a worker receives."""
    return msgspec.msgpack.Decoder(Command)


def report_decoder() -> msgspec.msgpack.Decoder[Report]:
    """Return the decoder of what the supervisor receives."""
    return msgspec.msgpack.Decoder(Report)
