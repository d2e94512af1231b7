"""Types of tls.pyx, for readers and mypy.  Compiled callers see tls.pxd."""

from collections.abc import Sequence

from pymosn import snapshot
from pymosn.network.reactor import Reactor
from pymosn.network.secure import TlsFactory, TlsLayer
from pymosn.observe.metrics import TlsStats

def check_context(settings: snapshot.TlsContext) -> None: ...
def new_ticket_key() -> bytes: ...

class TlsBuffers:
    reactor: Reactor
    def __init__(self, reactor: Reactor) -> None: ...

class TicketKeys:
    def __init__(self, keys: Sequence[bytes] = ()) -> None: ...
    def replace(self, keys: list[bytes]) -> None: ...

class TlsContext:
    names: tuple[bytes, ...]
    alpn: tuple[bytes, ...]
    server: bool
    def __init__(self, settings: snapshot.TlsContext, server: bool) -> None: ...

class TlsServer(TlsFactory):
    name: str
    contexts: list[TlsContext]
    def __init__(
        self,
        buffers: TlsBuffers,
        settings: snapshot.TlsServer,
        tickets: TicketKeys,
        stats: TlsStats,
        name: str,
    ) -> None: ...
    def session(self) -> TlsSession: ...

class TlsClient(TlsFactory):
    name: str
    def __init__(
        self,
        buffers: TlsBuffers,
        context: TlsContext,
        settings: snapshot.TlsClient,
        server_name: str,
        stats: TlsStats,
        name: str,
        alpn: Sequence[bytes] | None = None,
    ) -> None: ...
    def session(self) -> TlsSession: ...

class TlsSession(TlsLayer):
    def step(self, fd: int) -> int: ...
    def read(self, fd: int) -> bytes | int: ...
    def write(self, fd: int, pieces: list[bytes], final: bool = False) -> int: ...
    def push_on(self, fd: int) -> int: ...
    def close(self, fd: int) -> None: ...
