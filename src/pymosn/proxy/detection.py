"""A downstream connection whose protocol is not known yet (spec §3.2)."""

import logging
from typing import TYPE_CHECKING

from pymosn.network.address import ip_text
from pymosn.network.connection import Connection, Handler
from pymosn.network.timers import Timer
from pymosn.protocol.detect import MORE, UNKNOWN, detect
from pymosn.stream.stream import ConnectionInfo

if TYPE_CHECKING:
    from pymosn.proxy.accept import HttpAcceptor

log = logging.getLogger("pymosn.proxy")


class Detection(Handler):
    """Collects the first bytes until they tell the protocol."""

    acceptor: "HttpAcceptor"
    connection: "Connection"
    info: "ConnectionInfo"
    _timer: "Timer"
    _data: bytes

    def __init__(
        self, acceptor: "HttpAcceptor", connection: Connection, info: ConnectionInfo
    ) -> None:
        self.acceptor = acceptor
        self.connection = connection
        self.connection.handler = self
        self.info = info
        self._timer = Timer()
        self._data = b""

    def begin(self, data: bytes) -> None:
        """``data`` is what the client has sent so far."""
        seconds = self.acceptor.options.header_timeout
        if seconds > 0:
            self.acceptor.reactor.arm(self._timer, self, seconds)
        if data:
            self.on_data(data)

    def drain(self) -> None:
        """Nothing has been asked for: close."""
        self.connection.close()

    def abort(self) -> None:
        """Close at once."""
        self.connection.abort()

    def on_data(self, data: bytes) -> None:
        self._data += data
        acceptor = self.acceptor
        found = detect(self._data, acceptor.protocols, acceptor.rpc)
        if found == MORE:
            return
        if found != UNKNOWN:
            self._leave()
            acceptor.speak(found, self.connection, self.info, self._data)
        elif not self._fall_back():
            self._give_up("speaks no protocol of this listener")

    def on_timer(self, timer: Timer) -> None:
        if not self._data:
            self.connection.close()
        elif not self._fall_back():
            self._give_up("did not send enough to tell its protocol")

    def on_eof(self) -> None:
        if self._data and self._fall_back():
            return
        self.connection.close()

    def on_closed(self, error: int) -> None:
        self.acceptor.reactor.cancel(self._timer)
        self.acceptor.proxy.connection_closed(
            self, self.connection.bytes_read, self.connection.bytes_written
        )

    def _leave(self) -> None:
        """Somebody else serves the connection from here on."""
        self.acceptor.reactor.cancel(self._timer)
        self.acceptor.proxy.connections.discard(self)

    def _fall_back(self) -> bool:
        acceptor = self.acceptor
        if acceptor.fallback is None:
            return False
        self._leave()
        acceptor.fallback.serve(self.connection, self.info, self._data)
        return True

    def _give_up(self, why: str) -> None:
        acceptor = self.acceptor
        acceptor.stats.protocol_error()
        log.info(
            "%s: %s %s: %r", acceptor.proxy.name, ip_text(self.info.peer), why, self._data[:10]
        )
        self.connection.close_lingering()
