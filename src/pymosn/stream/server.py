"""What a protocol is to a listener: something that serves connections."""

from collections.abc import Callable
from typing import Any

from pymosn.network.connection import Connection
from pymosn.network.reactor import Reactor
from pymosn.stream.options import ServerOptions
from pymosn.stream.stream import ConnectionInfo, StreamFactory


class ServerCodec:
    """Makes the downstream connections that speak one protocol."""

    def serve(
        self,
        reactor: Reactor,
        factory: StreamFactory,
        options: ServerOptions,
        info: ConnectionInfo,
        connection: Connection,
        data: bytes,
    ) -> None:
        """Take over an open connection that has sent ``data`` so far."""
        raise NotImplementedError


class MadeCodec(ServerCodec):
    """Has a callable make them."""

    make: Callable[..., Any]

    def __init__(self, make: Callable[..., Any]) -> None:
        """``make(reactor, factory, options, info, connection)`` returns who serves a connection:
        it has ``begin(data)``, ``drain()`` and ``abort()``."""
        self.make = make

    def serve(
        self,
        reactor: Reactor,
        factory: StreamFactory,
        options: ServerOptions,
        info: ConnectionInfo,
        connection: Connection,
        data: bytes,
    ) -> None:
        server = self.make(reactor, factory, options, info, connection)
        factory.connection_opened(server)
        server.begin(data)
