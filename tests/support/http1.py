"""Reads bytes with the HTTP/1 codec and writes down what it said, in a form to compare."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pymosn.buffer import OutputQueue
from tests.support.builds import Codec

Event = tuple[Any, ...]
"""``("request", method, target, authority, lines)``, ``("response", status, reason, lines)``,
``("body", bytes)`` (pieces joined), ``("end", trailer lines or None)``, ``("tunnel", bytes)``,
``("error", status, reason)``; every message that is complete is followed by an ``end``."""


def splits(data: bytes) -> Iterator[list[bytes]]:
    """Yield ``data`` whole, byte by byte, and cut in two at every position."""
    yield [data]
    yield [data[at : at + 1] for at in range(len(data))]
    for at in range(1, len(data)):
        yield [data[:at], data[at:]]


class Transcript:
    """One reader and what it has said so far."""

    def __init__(
        self, codec: Codec, *, requests: bool, methods: Iterable[bytes] = (), **limits: int
    ) -> None:
        """``methods`` are those of the requests that the responses answer; then GET."""
        self.codec = codec
        self.http1 = codec.http1
        self.requests = requests
        self.reader = codec.http1.MessageReader(requests, **limits)
        self.events: list[Event] = []
        self.flags: list[tuple[bool, bool, bytes | None]] = []
        self.heads: list[Any] = []
        self._methods = iter(methods)
        self._body: list[bytes] = []
        self._over = False
        self._expect()

    def feed(self, data: bytes) -> None:
        """Read ``data`` up to where more is needed."""
        if self._over:
            if self.reader.tunnel:
                self._body.append(data)
            return
        self.reader.feed(data)
        while not self._over:
            event = self.reader.next()
            if event == self.http1.NEED_DATA:
                break
            self._note(event)

    def finish(self) -> None:
        """The peer ends its side."""
        if not self._over:
            event = self.reader.finish()
            if event != self.http1.NEED_DATA:
                self._note(event)
        if self.reader.tunnel:
            self.events.append(("tunnel", b"".join(self._body)))

    def _expect(self) -> None:
        if not self.requests:
            self.reader.expect_response(next(self._methods, b"GET"))

    def _note(self, event: int) -> None:
        reader = self.reader
        if event == self.http1.HEAD:
            self._head()
        elif event == self.http1.DATA:
            self._body.append(reader.data)
            if reader.complete:
                self._end(None)
        elif event == self.http1.END:
            trailers = reader.trailers
            self._end(None if trailers is None else trailers.items())
        else:
            assert event == self.http1.ERROR
            assert self.reader.next() == self.http1.ERROR, "an error is for ever"
            self._flush_body()
            self.events.append(("error", reader.error_status, reader.error))
            self._over = True

    def _head(self) -> None:
        reader = self.reader
        if self.requests:
            head = reader.request
            self.events.append(("request", head.method, head.target, head.authority, head.items()))
        else:
            head = reader.response
            self.events.append(("response", head.status, head.reason, head.items()))
        self.heads.append(head)
        self.flags.append((reader.keep_alive, reader.expect_continue, head.upgrade))
        if reader.tunnel:
            self._body.append(reader.take_rest())
            self._over = True
        elif reader.complete:
            self._end(None)

    def _end(self, trailers: Sequence[tuple[bytes, bytes]] | None) -> None:
        self._flush_body()
        self.events.append(("end", trailers))
        self._expect()

    def _flush_body(self) -> None:
        if self._body:
            self.events.append(("body", b"".join(self._body)))
            self._body = []


def read(
    codec: Codec,
    pieces: Iterable[bytes],
    *,
    requests: bool,
    eof: bool = False,
    methods: Iterable[bytes] = (),
    **limits: int,
) -> Transcript:
    """Feed ``pieces`` to a new reader and return what it said."""
    transcript = Transcript(codec, requests=requests, methods=methods, **limits)
    for piece in pieces:
        transcript.feed(piece)
    if eof:
        transcript.finish()
    return transcript


def read_every_way(
    codec: Codec,
    data: bytes,
    *,
    requests: bool,
    eof: bool = False,
    methods: Sequence[bytes] = (),
    **limits: int,
) -> Transcript:
    """Read ``data`` whole, byte by byte and cut at every position: the events must be equal."""
    whole = None
    for pieces in splits(data):
        transcript = read(codec, pieces, requests=requests, eof=eof, methods=methods, **limits)
        if whole is None:
            whole = transcript
        assert transcript.events == whole.events, f"fed as {pieces}"
        assert transcript.flags == whole.flags, f"fed as {pieces}"
    assert whole is not None
    return whole


def encoded_request(codec: Codec, head: Any, tail: bytes = b"") -> bytes:
    """Return the head as it is forwarded."""
    output = OutputQueue()
    codec.http1.write_request(head, tail, output)
    return output.joined()


def encoded_response(codec: Codec, head: Any, tail: bytes = b"") -> bytes:
    """Return the head as it is forwarded."""
    output = OutputQueue()
    codec.http1.write_response(head, tail, output)
    return output.joined()
