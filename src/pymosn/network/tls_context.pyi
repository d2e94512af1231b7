"""Types of tls_context.pyx, for readers and mypy.  Compiled callers see tls_context.pxd."""

from pymosn import snapshot

def check_context(settings: snapshot.TlsContext) -> None: ...

class TlsContext:
    names: tuple[bytes, ...]
    alpn: tuple[bytes, ...]
    server: bool
    def __init__(self, settings: snapshot.TlsContext, server: bool) -> None: ...
