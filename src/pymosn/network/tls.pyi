"""Types of tls.pyx, for readers and mypy.  Compiled callers see tls.pxd."""

from collections.abc import Sequence

from pymosn import snapshot
from pymosn.network.secure import TlsFactory
from pymosn.network.tls_context import TlsContext
from pymosn.network.tls_session import TlsBuffers, TlsSession
from pymosn.observe.metrics import TlsStats

def new_ticket_key() -> bytes: ...

class TicketKeys:
    def __init__(self, keys: Sequence[bytes] = ()) -> None: ...
    def replace(self, keys: list[bytes]) -> None: ...

class TlsServer(TlsFactory):
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
