"""Random conversations with PyPI ``h2``: what one side says, the other hears, in both roles."""

import contextlib
from typing import Any

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import h2.settings
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.http2_engine import Bench, Build, installed, interpreted

BUILDS = (installed(), interpreted())

REQUEST = [(b":method", b"POST"), (b":scheme", b"http"), (b":path", b"/p"), (b":authority", b"a")]


class Said:
    """What one side said on a stream, or what the other heard of it."""

    def __init__(self) -> None:
        self.heads: list[list[tuple[bytes, bytes]]] = []
        self.body = b""
        self.ended = False
        self.reset: int | None = None
        self.trailers: list[tuple[bytes, bytes]] | None = None

    def __repr__(self) -> str:
        return f"{self.heads} {len(self.body)} {self.ended} {self.reset} {self.trailers}"


class Side:
    """Either end of a conversation."""

    def __init__(self) -> None:
        self.said: dict[int, Said] = {}
        self.heard: dict[int, Said] = {}
        self.pongs = 0
        self.pings = 0

    def speak(self, stream: int) -> Said:
        return self.said.setdefault(stream, Said())

    def hear(self, stream: int) -> Said:
        return self.heard.setdefault(stream, Said())

    def open_for_us(self) -> list[int]:
        """Return the streams on which this side may still send."""
        return [
            stream
            for stream, said in self.said.items()
            if said.heads
            and not said.ended
            and said.reset is None
            and self.hear(stream).reset is None
        ]


class Ours(Side):
    """The engine."""

    def __init__(self, build: Build, server: bool) -> None:
        super().__init__()
        self.bench = Bench(
            build, server=server, settle=False, initial_window=3000, connection_window=70000,
            flood_limits=((10**6, 0),) * 7, high_water=2000, low_water=500,
            header_table_size=200,
        )  # fmt: skip
        self.engine = self.bench.engine
        self.engine_streams: dict[int, Any] = {}
        self.unconsumed: dict[int, int] = {}
        # Bench took the preface to look at it: make it again.
        engine = build.connection.Http2Connection(self.engine.options)
        engine.begin()
        self.engine = self.bench.engine = engine
        self.build = build

    def take(self) -> bytes:
        return b"".join(self.engine.take_output())

    def feed(self, data: bytes) -> None:
        self.engine.feed(data)
        self.listen()

    def listen(self) -> None:
        engine, module = self.engine, self.bench.module
        while (event := engine.next()) != module.NEED_DATA:
            assert event != module.ERROR, engine.error
            if event == module.PONG:
                assert engine.data == b"ours----"
                self.pongs += 1
            if event in (module.SETTLED, module.PONG, module.DRAINED, module.GOAWAY):
                continue
            stream = engine.stream
            self.engine_streams[stream.id] = stream
            heard = self.hear(stream.id)
            assert not heard.ended or event == module.RESET
            if event == module.RESET:
                heard.reset = engine.error_code
            elif event == module.HEADERS:
                heard.heads.append(engine.head.items())
                heard.ended = engine.end
            elif event == module.DATA:
                heard.body += engine.data
                heard.ended = engine.end
                self.unconsumed[stream.id] = self.unconsumed.get(stream.id, 0) + len(engine.data)
            else:
                heard.trailers = engine.head.items()
                heard.ended = True

    def open(self, end: bool, extra: list[tuple[bytes, bytes]]) -> None:
        lines = b"Host: a\r\n" + b"".join(b"%b: %b\r\n" % pair for pair in extra)
        head = self.bench.request(b"POST", lines)
        head.target = b"/p"
        stream = self.engine.open_stream(None, head, end)
        if stream is not None:
            self.engine_streams[stream.id] = stream
            said = self.speak(stream.id)
            said.heads.append(extra)
            said.ended = end

    def respond(self, stream: int, end: bool, extra: list[tuple[bytes, bytes]]) -> None:
        head = self.bench.response(200, b"".join(b"%b: %b\r\n" % pair for pair in extra))
        self.engine.send_headers(self.engine_streams[stream], head, end)
        said = self.speak(stream)
        said.heads.append(extra)
        said.ended = end

    def write(self, stream: int, data: bytes, end: bool) -> None:
        self.engine.send_data(self.engine_streams[stream], data, end)
        self.speak(stream).body += data
        self.speak(stream).ended = end

    def trail(self, stream: int, extra: list[tuple[bytes, bytes]]) -> None:
        lines = b"".join(b"%b: %b\r\n" % pair for pair in extra)
        self.engine.send_trailers(self.engine_streams[stream], self.bench.trailers(lines))
        self.speak(stream).trailers = extra
        self.speak(stream).ended = True

    def cancel(self, stream: int) -> None:
        if not self.engine_streams[stream].closed:
            self.engine.reset_stream(self.engine_streams[stream], 8)
            self.speak(stream).reset = 8

    def consume(self) -> None:
        for stream, count in self.unconsumed.items():
            self.engine.consumed(self.engine_streams[stream], count)
        self.unconsumed.clear()

    def ping(self) -> None:
        self.engine.ping(b"ours----")
        self.pings += 1

    def congested(self, value: bool) -> None:
        self.engine.congested(value)
        self.listen()

    def resettle(self, window: int) -> None:
        """Ours never change."""

    def pump(self) -> None:
        """The engine does so by itself."""


class Theirs(Side):
    """``h2``."""

    def __init__(self, client: bool) -> None:
        super().__init__()
        config = h2.config.H2Configuration(client_side=client, header_encoding=None)
        self.connection = h2.connection.H2Connection(config)
        self.connection.initiate_connection()
        self.waiting: dict[int, bytes] = {}
        self.final: dict[int, list | None] = {}
        self.unconsumed: dict[int, int] = {}
        self.client = client

    def take(self) -> bytes:
        return self.connection.data_to_send()

    def feed(self, data: bytes) -> None:
        for event in self.connection.receive_data(data):
            stream = getattr(event, "stream_id", 0) or 0
            if isinstance(event, h2.events.RequestReceived | h2.events.ResponseReceived):
                self.hear(stream).heads.append(list(event.headers))
            elif isinstance(event, h2.events.DataReceived):
                self.hear(stream).body += event.data
                count = event.flow_controlled_length
                self.unconsumed[stream] = self.unconsumed.get(stream, 0) + count
            elif isinstance(event, h2.events.TrailersReceived):
                self.hear(stream).trailers = list(event.headers)
            elif isinstance(event, h2.events.StreamEnded):
                self.hear(stream).ended = True
            elif isinstance(event, h2.events.StreamReset):
                # Also for what h2 resets itself, which it does to nothing of ours.
                assert event.remote_reset
                self.hear(stream).reset = event.error_code
            elif isinstance(event, h2.events.PingAckReceived):
                self.pongs += 1
            else:
                assert not isinstance(event, h2.events.ConnectionTerminated), event

    def open(self, end: bool, extra: list[tuple[bytes, bytes]]) -> None:
        stream = self.connection.get_next_available_stream_id()
        self.connection.send_headers(stream, REQUEST + extra, end_stream=end)
        said = self.speak(stream)
        said.heads.append(extra)
        said.ended = end

    def respond(self, stream: int, end: bool, extra: list[tuple[bytes, bytes]]) -> None:
        self.connection.send_headers(stream, [(b":status", b"200"), *extra], end_stream=end)
        said = self.speak(stream)
        said.heads.append(extra)
        said.ended = end

    def write(self, stream: int, data: bytes, end: bool) -> None:
        self.waiting[stream] = self.waiting.get(stream, b"") + data
        said = self.speak(stream)
        said.body += data
        if end:
            said.ended = True
            self.final[stream] = None
        self.pump()

    def trail(self, stream: int, extra: list[tuple[bytes, bytes]]) -> None:
        said = self.speak(stream)
        said.trailers = extra
        said.ended = True
        self.final[stream] = extra
        self.pump()

    def pump(self) -> None:
        for stream in sorted({*self.waiting, *self.final}):
            if self.speak(stream).reset is not None or self.hear(stream).reset is not None:
                self.waiting.pop(stream, None)
                self.final.pop(stream, None)
                continue
            data = self.waiting.pop(stream, b"")
            while data:
                size = min(
                    self.connection.local_flow_control_window(stream),
                    self.connection.max_outbound_frame_size,
                    len(data),
                )
                if size <= 0:
                    self.waiting[stream] = data
                    break
                padding = len(data) % 5 or None
                if padding is not None and padding + 1 + size > min(
                    self.connection.local_flow_control_window(stream),
                    self.connection.max_outbound_frame_size,
                ):
                    padding = None
                self.connection.send_data(stream, data[:size], pad_length=padding)
                data = data[size:]
            if not data and stream in self.final:
                trailers = self.final.pop(stream)
                if trailers is None:
                    self.connection.end_stream(stream)
                else:
                    self.connection.send_headers(stream, trailers, end_stream=True)

    def cancel(self, stream: int) -> None:
        if self.speak(stream).reset is None and self.hear(stream).reset is None:
            try:
                self.connection.reset_stream(stream, 8)
            except h2.exceptions.StreamClosedError:
                return
            self.speak(stream).reset = 8

    def consume(self) -> None:
        for stream, count in self.unconsumed.items():
            with contextlib.suppress(h2.exceptions.StreamClosedError):
                self.connection.acknowledge_received_data(count, stream)
        self.unconsumed.clear()

    def ping(self) -> None:
        self.connection.ping(b"theirs--")
        self.pings += 1

    def congested(self, value: bool) -> None:
        """Sans-IO all through."""

    def resettle(self, window: int) -> None:
        codes = h2.settings.SettingCodes
        self.connection.update_settings(
            {codes.INITIAL_WINDOW_SIZE: window, codes.HEADER_TABLE_SIZE: window % 500}
        )


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(
            ["open", "open", "respond", "write", "write", "end", "trail", "cancel", "consume",
             "ping", "congested", "relieved", "resettle", "pass", "pass"]
        ),
        st.booleans(),
        st.integers(0, 7),
        st.one_of(st.integers(0, 50), st.integers(0, 20000)),
    ),
    max_size=50,
)  # fmt: skip


def _exchange(one: Side, other: Side, step: int) -> bool:
    moved = False
    for source, sink in ((one, other), (other, one)):
        data = source.take()
        moved = moved or bool(data)
        size = step or len(data) or 1
        for at in range(0, len(data), size):
            sink.feed(data[at : at + size])
        sink.pump()
    return moved


def _act(actor: Side, client: bool, name: str, which: int, size: int) -> None:
    extra = [(b"x-%d" % (which % 3), b"v" * (size % 60)), (b"y", b"%d" % which)]
    if name == "open":
        if client and len(actor.said) < 20:
            actor.open(which == 7, extra)
        return
    if name == "respond":
        waiting = [
            stream for stream, heard in actor.heard.items()
            if heard.heads and heard.reset is None
            and stream not in actor.said
        ]  # fmt: skip
        if not client and waiting:
            actor.respond(waiting[which % len(waiting)], which == 7, extra)
        return
    streams = actor.open_for_us()
    if name in ("write", "end", "trail", "cancel"):
        if not streams:
            return
        stream = streams[which % len(streams)]
        data = bytes((len(actor.speak(stream).body) + index) * 13 % 256 for index in range(size))
        if name == "trail":
            actor.trail(stream, extra)
        elif name == "cancel":
            if which > 4:
                actor.cancel(stream)
        else:
            actor.write(stream, data, name == "end")
    elif name == "consume":
        actor.consume()
    elif name == "ping":
        actor.ping()
    elif name == "resettle":
        actor.resettle(size)
    else:
        actor.congested(name == "congested")


def _plain(fields: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    return [
        (bytes(name), bytes(value))
        for name, value in fields
        if not name.startswith(b":") and name.lower() != b"host"
    ]


@pytest.mark.parametrize("client", [True, False], ids=["client", "server"])
@pytest.mark.parametrize("build", BUILDS, ids=repr)
@settings(max_examples=120, deadline=None)
@given(actions=ACTIONS, step=st.sampled_from([0, 0, 1, 7, 1000]))
def test_conversations(build: Build, client: bool, actions: list, step: int) -> None:
    ours = Ours(build, server=not client)
    theirs = Theirs(client=not client)
    _exchange(ours, theirs, step)
    _exchange(ours, theirs, step)
    for name, mine, which, size in actions:
        if name == "pass":
            _exchange(ours, theirs, step)
        else:
            _act(ours if mine else theirs, mine == client, name, which, size)
    ours.congested(False)
    theirs.resettle(100000)
    for _ in range(500):
        ours.consume()
        theirs.consume()
        ours.listen()
        if not _exchange(ours, theirs, step):
            break
    else:
        pytest.fail("they do not come to an end")
    for speaker, listener in ((ours, theirs), (theirs, ours)):
        for stream, said in speaker.said.items():
            heard = listener.hear(stream)
            if said.reset is not None or speaker.hear(stream).reset is not None:
                assert said.body.startswith(heard.body)
                if heard.heads:
                    assert _plain(heard.heads[0]) == said.heads[0]
                continue
            assert [_plain(head) for head in heard.heads] == said.heads
            assert heard.body == said.body
            assert heard.ended == said.ended
            assert heard.reset is None
            assert (heard.trailers and _plain(heard.trailers)) == said.trailers
        assert speaker.pongs == speaker.pings
    closed = [
        stream for stream, said in ours.said.items()
        if (said.ended and ours.hear(stream).ended) or said.reset or ours.hear(stream).reset
    ]  # fmt: skip
    assert not [stream for stream in closed if stream in ours.engine.streams]
