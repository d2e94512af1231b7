"""HTTP/2 by hand: frames as bytes, an engine under test with a peer that may do anything.

The peer compresses with PyPI ``hpack`` and knows nothing of ours.
"""

import importlib
from collections.abc import Iterable, Iterator, Sequence
from types import ModuleType
from typing import Any

import hpack

from tests.support.builds import HeaderCodec, headers_installed, headers_interpreted, load

PACKAGE = "pymosn.protocol.http2"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE = range(9)
CONTINUATION = 9
END_STREAM = ACK = 0x1
END_HEADERS = 0x4
PADDED = 0x8
PRIORITIZED = 0x20

NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR = range(4)
STREAM_CLOSED, FRAME_SIZE_ERROR, REFUSED_STREAM, CANCEL, COMPRESSION_ERROR = range(5, 10)
ENHANCE_YOUR_CALM = 11

Frame = tuple[int, int, int, bytes]
Fields = Sequence[tuple[str, str]]

GET: Fields = (
    (":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "a"),
)  # fmt: skip
POST: Fields = ((":method", "POST"), *GET[1:])
OK: Fields = ((":status", "200"),)


class Build:
    """The modules of the engine, compiled or interpreted."""

    def __init__(self, headers: HeaderCodec, modules: dict[str, ModuleType]) -> None:
        self.name = headers.name
        self.message = headers.message
        self.frames = modules["frames"]
        self.options = modules["options"]
        self.stream = modules["stream"]
        self.connection = modules["connection"]

    def __repr__(self) -> str:
        return self.name


def installed() -> Build:
    """Return the engine as it is installed: compiled."""
    names = ("frames", "options", "stream", "settings", "output", "connection")
    modules = {name: importlib.import_module(f"{PACKAGE}.{name}") for name in names}
    return Build(headers_installed(), modules)


def interpreted() -> Build:
    """Load the sources of the engine beside the compiled modules."""
    headers = headers_interpreted()
    found = {
        "pymosn.message": headers.message,
        f"{PACKAGE}.hpack": headers.hpack,
        f"{PACKAGE}.heads": headers.heads,
    }
    modules = {}
    for name in ("frames", "options", "stream", "settings", "output", "connection"):
        module = load(f"protocol/http2/{name}.py", f"{PACKAGE}.{name}_interpreted", found)
        found[f"{PACKAGE}.{name}"] = modules[name] = module
    return Build(headers, modules)


def frame(kind: int, flags: int = 0, stream: int = 0, payload: bytes = b"") -> bytes:
    """Return a frame."""
    head = len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big")
    return head + payload


def settings(*pairs: tuple[int, int]) -> bytes:
    """Return a SETTINGS frame."""
    payload = b"".join(key.to_bytes(2, "big") + value.to_bytes(4, "big") for key, value in pairs)
    return frame(SETTINGS, 0, 0, payload)


def window_update(stream: int, increment: int) -> bytes:
    """Return a WINDOW_UPDATE frame."""
    return frame(WINDOW_UPDATE, 0, stream, increment.to_bytes(4, "big"))


def rst_stream(stream: int, code: int = CANCEL) -> bytes:
    """Return a RST_STREAM frame."""
    return frame(RST_STREAM, 0, stream, code.to_bytes(4, "big"))


def goaway(last: int, code: int = NO_ERROR, text: bytes = b"") -> bytes:
    """Return a GOAWAY frame."""
    return frame(GOAWAY, 0, 0, last.to_bytes(4, "big") + code.to_bytes(4, "big") + text)


def parse(data: bytes) -> Iterator[Frame]:
    """Yield (type, flags, stream, payload) of complete frames."""
    at = 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 3], "big")
        assert at + 9 + size <= len(data), "a frame is cut short"
        yield (
            data[at + 3],
            data[at + 4],
            int.from_bytes(data[at + 5 : at + 9], "big"),
            data[at + 9 : at + 9 + size],
        )
        at += 9 + size


class Bench:
    """An engine, and the other end of its connection."""

    def __init__(self, build: Build, server: bool = True, settle: bool = True, **options: Any):
        self.build = build
        self.module = build.connection
        self.engine = build.connection.Http2Connection(
            build.options.Http2Options(server=server, **options)
        )
        self.server = server
        self.encoder = hpack.Encoder()
        self.decoder = hpack.Decoder()
        self.streams: dict[int, Any] = {}
        self.names = {
            getattr(self.module, name): name.lower()
            for name in (
                "HEADERS", "DATA", "TRAILERS", "RESET", "DRAINED", "GOAWAY", "SETTLED", "PONG",
                "ERROR",
            )
        }  # fmt: skip
        self.engine.begin()
        self.preface = list(parse(b"".join(self.engine.take_output()).removeprefix(PREFACE)))
        if settle:
            assert self.feed((PREFACE if server else b"") + settings()) == [("settled",)]
            assert self.sent() == [(SETTINGS, ACK, 0, b"")]

    def head(self, fields: Fields, stream: int = 1, flags: int = END_HEADERS | END_STREAM) -> bytes:
        """Return HEADERS from the peer."""
        return frame(HEADERS, flags, stream, self.encoder.encode(fields))

    def feed(self, data: bytes, step: int = 0) -> list[tuple[Any, ...]]:
        """Feed bytes, at once or ``step`` by step; return the events."""
        events: list[tuple[Any, ...]] = []
        for at in range(0, len(data), step or len(data) or 1):
            self.engine.feed(data[at : at + (step or len(data))])
            events += self.events()
            if events and events[-1][0] == "error":
                break
        return events

    def events(self) -> list[tuple[Any, ...]]:
        """Return what the engine reports, up to and including an error."""
        engine, module = self.engine, self.module
        events: list[tuple[Any, ...]] = []
        while (event := engine.next()) != module.NEED_DATA:
            name = self.names[event]
            if event == module.ERROR:
                events.append((name, engine.error_code, engine.flood))
                break
            if event in (module.HEADERS, module.DATA, module.TRAILERS):
                self.streams[engine.stream.id] = engine.stream
            if event == module.HEADERS:
                lines = None if engine.too_large else describe(engine.head)
                events.append((name, engine.stream.id, lines, engine.end))
            elif event == module.DATA:
                events.append((name, engine.stream.id, engine.data, engine.end))
            elif event == module.TRAILERS:
                events.append((name, engine.stream.id, engine.head.lines()))
            elif event == module.RESET:
                events.append((name, engine.stream.id, engine.error_code, engine.unprocessed))
            elif event == module.DRAINED:
                events.append((name, engine.stream.id))
            elif event == module.GOAWAY:
                events.append((name, engine.last_stream_id, engine.error_code))
            elif event == module.PONG:
                events.append((name, engine.data))
            else:
                events.append((name,))
        return events

    def sent(self) -> list[Frame]:
        """Return the frames that the engine wrote since the last call."""
        return list(parse(b"".join(self.engine.take_output())))

    def response(self, status: int = 200, lines: bytes = b"") -> Any:
        """Return a response's head."""
        head = self.build.message.ResponseHead(status, lines + b"\r\n", 0, len(lines))
        head.start = -1
        return head

    def request(self, method: bytes = b"GET", lines: bytes = b"Host: a\r\n") -> Any:
        """Return a request's head."""
        head = self.build.message.RequestHead(lines + b"\r\n", 0, len(lines))
        head.start = -1
        head.method = method
        head.authority = b"a"
        return head

    def trailers(self, lines: bytes = b"x: y\r\n") -> Any:
        """Return trailers."""
        return self.build.message.Head(lines + b"\r\n", 0, len(lines))

    def exchange(self, stream: int = 1) -> Any:
        """Server: take a POST whose body is still to come; return its stream."""
        self.feed(self.head(POST, stream, END_HEADERS))
        return self.streams[stream]


def describe(head: Any) -> Any:
    """Return what a head says: method and target, or status, and the lines."""
    if hasattr(head, "method"):
        return head.method, head.target, head.lines()
    return head.status, head.lines()


def joined(events: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Return the events with neighbouring pieces of a body joined."""
    result: list[tuple[Any, ...]] = []
    for event in events:
        last = result[-1] if result else ("",)
        if event[0] == "data" and last[:2] == event[:2] and not last[3]:
            result[-1] = ("data", event[1], last[2] + event[2], event[3])
        else:
            result.append(event)
    return result
