"""What we forward is framed by h11 and by llhttp exactly as we framed it.

Request smuggling is two parsers disagreeing about where a message ends.  So whatever our reader
accepts is written as it would be forwarded and read again by two other parsers: as many messages,
the same bodies.  Where they accept the original bytes, they have to agree about those too.

Inputs are the known tricks (tests/support/smuggling.py) and messages that hypothesis puts
together and damages; ``PYMOSN_EXAMPLES`` sets how many.
"""

import os
from itertools import pairwise

import h11
import httptools
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.builds import Codec, installed
from tests.support.forward import Forwarded, forwarded_requests, forwarded_response
from tests.support.smuggling import FRAMED, REFUSED, RESPONSES

CODEC = installed()
EXAMPLES = int(os.environ.get("PYMOSN_EXAMPLES", "2000"))
MANY = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


class Reading:
    """How another parser framed some bytes: the bodies it found, and how it ended.

    ``end`` is ``clean``, ``incomplete`` (it waits for more), ``closed`` (it will read no more) or
    ``error``.
    """

    def __init__(self, bodies: list[bytes], end: str) -> None:
        self.bodies = bodies
        self.end = end

    def __repr__(self) -> str:
        return f"{self.bodies} {self.end}"


# -- the other parsers -----------------------------------------------------------------------------


def h11_requests(data: bytes) -> Reading:
    """Read requests as h11 does; each is answered, so that the next one's turn comes."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    if data:  # nothing would mean the end of the stream
        connection.receive_data(data)
    bodies: list[bytes] = []
    body: list[bytes] = []
    begun = False
    try:
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                return Reading(bodies, "incomplete" if begun or _h11_rest(connection) else "clean")
            if isinstance(event, h11.Request):
                begun = True
            elif isinstance(event, h11.Data):
                body.append(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage):
                bodies.append(b"".join(body))
                body = []
                begun = False
                # 404 refuses an upgrade and a CONNECT.
                connection.send(h11.Response(status_code=404, headers=[("Content-Length", "0")]))
                connection.send(h11.EndOfMessage())
                if connection.our_state is not h11.DONE:
                    return Reading(bodies, "closed")
                connection.start_next_cycle()
            else:
                return Reading(bodies, "closed")
    except h11.RemoteProtocolError:
        return Reading(bodies, "error")


def _h11_rest(connection: h11.Connection) -> bytes:
    return bytes(connection.trailing_data[0]).strip(b"\r\n")


def h11_response(data: bytes, method: bytes) -> Reading:
    """Read the responses to one request; the origin closes behind them."""
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 20)
    target = "a:1" if method == b"CONNECT" else "/"
    connection.send(h11.Request(method=method, target=target, headers=[("Host", "a")]))
    connection.send(h11.EndOfMessage())
    if data:
        connection.receive_data(data)
    connection.receive_data(b"")
    body: list[bytes] = []
    try:
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Data):
                body.append(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage):
                rest = bytes(connection.trailing_data[0])
                return Reading([b"".join(body)], "rest" if rest else "clean")
            elif not isinstance(event, h11.Response | h11.InformationalResponse):
                return Reading([], "incomplete")
    except h11.RemoteProtocolError:
        return Reading([], "error")


class _Listener:
    """What httptools calls back."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.body: list[bytes] = []
        self.begun = False
        self.interim = False
        self.parser: httptools.HttpResponseParser | None = None

    def on_message_begin(self) -> None:
        self.begun = True

    def on_body(self, body: bytes) -> None:
        self.body.append(body)

    def on_message_complete(self) -> None:
        self.begun = False
        if self.parser is None or self.parser.get_status_code() >= 200:
            self.bodies.append(b"".join(self.body))
            self.body = []


def llhttp_requests(data: bytes) -> Reading:
    """Read requests as llhttp does; an upgrade is refused, so that requests go on."""
    listener = _Listener()
    while True:
        parser = httptools.HttpRequestParser(listener)
        try:
            parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if listener.begun:
                listener.on_message_complete()
            data = data[upgrade.args[0] :]
            continue
        except httptools.HttpParserError:
            return Reading(listener.bodies, "error")
        return Reading(listener.bodies, "incomplete" if listener.begun else "clean")


def llhttp_response(data: bytes) -> Reading:
    """Read responses to a GET."""
    listener = _Listener()
    listener.parser = httptools.HttpResponseParser(listener)
    try:
        listener.parser.feed_data(data)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade):
        return Reading(listener.bodies, "error")
    return Reading(listener.bodies, "incomplete" if listener.begun else "clean")


# -- the comparison --------------------------------------------------------------------------------


def check_requests(codec: Codec, data: bytes) -> list[Forwarded]:
    """Raise unless everyone frames ``data``, and what we make of it, as we do."""
    messages = forwarded_requests(codec, data)
    ours = [message.body for message in messages]
    sent = b"".join(message.sent for message in messages)
    # An origin must agree about everything that it is sent, and has no reason to refuse it.
    reading = h11_requests(sent)
    if reading.end == "error":
        # It refuses a target that is not ASCII, which other origins take.
        assert not messages[len(reading.bodies)].target.isascii(), (reading, sent)
        assert reading.bodies == ours[: len(reading.bodies)], (reading, sent)
    else:
        assert reading.bodies == ours, (reading, sent)
        assert reading.end == "clean", (reading, sent)
    reading = llhttp_requests(sent)
    assert reading.bodies == ours[: len(reading.bodies)], (reading, sent)
    if reading.end == "error":
        # It knows no methods but the registered ones, and that alone may displease it.
        index = len(reading.bodies)
        assert _llhttp_refuses(messages[index]), (reading, sent)
    else:
        assert len(reading.bodies) == len(ours), (reading, sent)
        assert reading.end == "clean", (reading, sent)
    originals = [h11_requests(data)]
    if not any(message.body and _asks_upgrade(message) for message in messages):
        # httptools skips the body of an upgrade; that is why we forward none of those.
        originals.append(llhttp_requests(data))
    for reading in originals:
        common = min(len(reading.bodies), len(ours))
        assert reading.bodies[:common] == ours[:common], (reading, data)
        if len(reading.bodies) < len(ours):
            assert reading.end in ("error", "closed"), (reading, data)
    return messages


def _llhttp_refuses(message: Forwarded) -> bool:
    """Say whether llhttp refuses the method or the target even of a plain request."""
    plain = message.method + b" " + message.target + b" HTTP/1.1\r\nHost: a\r\n\r\n"
    return llhttp_requests(plain).end == "error"


def _asks_upgrade(message: Forwarded) -> bool:
    head = message.head
    return b"upgrade" in head.raw[head.fields : head.end].lower()


def check_response(codec: Codec, data: bytes, method: bytes) -> Forwarded | None:
    """The same for a response."""
    message = forwarded_response(codec, data, method)
    if message is None:
        return None
    reading = h11_response(message.sent, method)
    assert reading.bodies == [message.body], (reading, message.sent)
    assert reading.end == "clean", (reading, message.sent)
    original = h11_response(data, method)
    assert original.bodies in ([message.body], []), (original, data)
    if original.end == "incomplete":
        raise AssertionError(f"h11 waits for more of {data!r}")
    if method != b"HEAD":  # llhttp cannot be told
        reading = llhttp_response(message.sent)
        assert reading.bodies == [message.body], (reading, message.sent)
        assert reading.end == "clean", (reading, message.sent)
    return message


# -- the known tricks ------------------------------------------------------------------------------


def test_there_are_many_tricks() -> None:
    assert len(REFUSED) + len(FRAMED) + len(RESPONSES) > 200


@pytest.mark.parametrize("name", REFUSED)
def test_refused(codec: Codec, name: str) -> None:
    for message in check_requests(codec, REFUSED[name]):
        assert message.target != b"/smuggled"


@pytest.mark.parametrize("name", FRAMED)
def test_framed(codec: Codec, name: str) -> None:
    data, bodies = FRAMED[name]
    assert [message.body for message in check_requests(codec, data)] == bodies


@pytest.mark.parametrize("name", RESPONSES)
def test_responses(codec: Codec, name: str) -> None:
    method, data = RESPONSES[name]
    message = check_response(codec, data, method)
    assert message is None or message.body in (b"", b"hello")


# -- generated messages ----------------------------------------------------------------------------

METHODS = (b"GET", b"POST", b"HEAD", b"PUT", b"OPTIONS", b"CONNECT", b"DELETE", b"get", b"X")
TARGETS = (b"/", b"/p?q", b"*", b"http://b/p", b"http://b", b"a:1", b"//", b"/\xff", b"/a b", b"")
VERSIONS = (b"HTTP/1.1",) * 6 + (b"HTTP/1.0", b"HTTP/1.2", b"HTTP/0.9", b"HTTP/1.1 ", b"")
NAMES = (
    b"Content-Length",
    b"Transfer-Encoding",
    b"Host",
    b"Connection",
    b"Upgrade",
    b"Expect",
    b"TE",
    b"Trailer",
    b"X",
    b"Keep-Alive",
    b"content-length",
    b"TRANSFER-ENCODING",
    b"Content-Length ",
    b"Transfer_Encoding",
    b" X",
    b"",
)
VALUES = (
    b"5",
    b"0",
    b"+5",
    b"05",
    b"5, 5",
    b"99",
    b"chunked",
    b"Chunked",
    b"identity",
    b"gzip, chunked",
    b"chunked, chunked",
    b"close",
    b"keep-alive",
    b"upgrade",
    b"upgrade, x",
    b"content-length",
    b"transfer-encoding, te",
    b"websocket",
    b"h2c",
    b"100-continue",
    b"trailers",
    b"a",
    b"b",
    b"",
    b"\x0bchunked",
    b"x\r\n y",
    b"\xff",
    b"a\x00",
)
BODIES = (
    b"",
    b"hello",
    b"0\r\n\r\n",
    b"5\r\nhello\r\n0\r\n\r\n",
    b"5;x=y\r\nhello\r\n0\r\nT: u\r\n\r\n",
    b"5\r\nhello\r\n0\r\nContent-Length: 9\r\n\r\n",
    b"5\nhello\n0\n\n",
    b"3\r\nabc\r\n2\r\nde\r\n000\r\n\r\n",
    b"5 \r\nhello\r\n0\r\n\r\n",
    b"GET /x HTTP/1.1\r\nHost: b\r\n\r\n",
)
FRAMINGS = (
    (b"", b""),
    (b"Content-Length: 5\r\n", b"hello"),
    (b"Content-Length: 0\r\n", b""),
    (b"Transfer-Encoding: chunked\r\n", b"5\r\nhello\r\n0\r\n\r\n"),
    (b"Transfer-Encoding: chunked\r\nTrailer: T\r\n", b"5;a=b\r\nhello\r\n0\r\nT: u\r\n\r\n"),
)
ENDS = (b"\r\n",) * 20 + (b"\n", b"\r", b"\r\r\n", b"\r\n ")
NOISE = (
    b"",
    b" ",
    b"\t",
    b"\r",
    b"\n",
    b"\r\n",
    b"\x00",
    b":",
    b",",
    b";",
    b"0",
    b"5",
    b"x",
    b"\xff",
    b"\x0b",
    b"chunked",
    b"Content-Length: 1\r\n",
    b"\r\n\r\n",
)


def _weighted(usual: tuple[bytes, ...], odd: tuple[bytes, ...]) -> st.SearchStrategy[bytes]:
    return st.one_of(st.sampled_from(usual), st.sampled_from(usual), st.sampled_from(odd))


LINES = st.builds(
    lambda name, space, value, end: name + b":" + space + value + end,
    st.sampled_from(NAMES),
    st.sampled_from((b" ", b" ", b"", b"\t", b"  ")),
    st.sampled_from(VALUES),
    st.sampled_from(ENDS),
)


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """One request: usually a good one with odd lines added."""
    start = b"%b %b %b" % (
        draw(_weighted((b"GET", b"POST"), METHODS)),
        draw(_weighted((b"/",), TARGETS)),
        draw(st.sampled_from(VERSIONS)),
    )
    framing, body = draw(st.sampled_from(FRAMINGS))
    lines = [b"Host: a\r\n", framing, *draw(st.lists(LINES, max_size=3))]
    lines = draw(st.permutations(lines))
    body = draw(_weighted((body,), BODIES))
    return start + draw(st.sampled_from(ENDS)) + b"".join(lines) + b"\r\n" + body


@st.composite
def responses(draw: st.DrawFn) -> bytes:
    """One response, sometimes behind interim ones."""
    status = draw(
        _weighted(
            (b"200 OK",), (b"204 x", b"304 x", b"404", b"205 x", b"100 x", b"103 x", b"101 x")
        )
    )
    start = (
        draw(st.sampled_from((b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.0", b"HTTP/1.2"))) + b" " + status
    )
    framing, body = draw(st.sampled_from(FRAMINGS))
    lines = draw(st.permutations([framing, *draw(st.lists(LINES, max_size=3))]))
    body = draw(_weighted((body,), BODIES))
    return start + draw(st.sampled_from(ENDS)) + b"".join(lines) + b"\r\n" + body


@st.composite
def damaged(draw: st.DrawFn, messages: st.SearchStrategy[bytes]) -> bytes:
    """A few messages in a row, with bytes replaced, inserted and taken away."""
    data = b"".join(draw(st.lists(messages, min_size=1, max_size=3)))
    places = draw(st.lists(st.integers(0, len(data)), max_size=3).map(sorted))
    pieces = []
    for start, end in pairwise([0, *places, len(data)]):
        pieces.append(data[start:end])
        if end < len(data) and draw(st.booleans()):
            pieces.append(draw(st.sampled_from(NOISE)))
    return b"".join(pieces)


@pytest.mark.timeout(120 + EXAMPLES // 5)
@MANY
@given(damaged(requests()))
def test_generated_requests(data: bytes) -> None:
    check_requests(CODEC, data)


@pytest.mark.timeout(120 + EXAMPLES // 5)
@MANY
@given(damaged(responses()), st.sampled_from((b"GET", b"GET", b"HEAD", b"POST")))
def test_generated_responses(data: bytes, method: bytes) -> None:
    check_response(CODEC, data, method)
