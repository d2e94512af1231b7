"""What the two sides of HTTP/2 share: the engine on a connection, and a stream's sender."""

from pymosn.message import Head
from pymosn.network.connection import Connection
from pymosn.protocol.http2.connection import Http2Connection
from pymosn.protocol.http2.stream import Http2Stream
from pymosn.stream.pool import UpstreamSender


class Http2Wire:
    """An engine and the connection on which its frames travel."""

    engine: "Http2Connection"
    connection: "Connection"

    def __init__(self, engine: Http2Connection, connection: Connection) -> None:
        self.engine = engine
        self.connection = connection

    def flush(self) -> None:
        """Let what the engine has to say leave at the end of this turn."""
        self.connection.gather()

    def write(self) -> None:
        """Queue it now."""
        for piece in self.engine.take_output():
            if not self.connection.write(piece):
                self.engine.congested(True)

    def drained(self) -> None:
        """The connection takes more."""
        self.engine.congested(False)
        self.flush()


class Http2Sender(UpstreamSender):
    """Our end of one stream, in either direction."""

    wire: "Http2Wire"
    stream: "Http2Stream"  # None before it is open and after it was reset
    sent: bool
    """Whether everything that we have to send was handed over."""

    def send_data(self, data: bytes, end: bool) -> bool:
        if self.stream is None:
            return True
        go_on = self.wire.engine.send_data(self.stream, data, end)
        self.wire.flush()
        if end:
            self.sent = True
            self.on_sent()
        return go_on

    def send_trailers(self, trailers: Head | None) -> None:
        if self.stream is None:
            return
        self.wire.engine.send_trailers(self.stream, trailers)
        self.wire.flush()
        self.sent = True
        self.on_sent()

    def on_sent(self) -> None:
        """The last piece was handed over."""

    def pause_input(self) -> None:
        if self.stream is not None:
            self.stream.paused = True

    def resume_input(self) -> None:
        stream = self.stream
        if stream is not None and stream.paused:
            stream.paused = False
            self.wire.engine.consumed(stream, 0)
            self.wire.flush()

    def host_connection(self) -> Connection:
        return self.wire.connection
