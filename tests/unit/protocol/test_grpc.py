"""What gRPC's headers say; both builds."""

import importlib
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.builds import interpreted, load


def _interpreted() -> tuple[ModuleType, ModuleType]:
    message = interpreted().message
    name = "pymosn_interpreted.protocol.grpc"
    return load("protocol/grpc.py", name, {"pymosn.message": message}), message


BUILDS = (
    (importlib.import_module("pymosn.protocol.grpc"), importlib.import_module("pymosn.message")),
    _interpreted(),
)


@pytest.fixture(params=BUILDS, ids=["compiled", "interpreted"])
def build(request):
    return request.param


def head_of(message, lines):
    return message.Head(lines, 0, len(lines))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"application/grpc", True), (b"application/grpc+proto", True),
        (b"Application/GRPC;charset=x", True), (b"application/grpc ; x", True),
        (b"application/grpc-web", False), (b"application/grpc-web+proto", False),
        (b"application/grp", False), (b"application/grpcx", False), (b"text/plain", False),
        (b"", False),
    ],
)  # fmt: skip
def test_content_type(build, value, expected):
    grpc, message = build
    assert grpc.is_grpc(head_of(message, b"Content-Type: " + value + b"\r\n")) is expected


def test_no_content_type(build):
    grpc, message = build
    assert grpc.is_grpc(message.Head()) is False


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (b"1H", 3600), (b"2M", 120), (b"30S", 30), (b"250m", 0.25), (b"7u", 7e-6), (b"9n", 9e-9),
        (b"0S", 0), (b"00000001S", 1), (b"99999999S", 365 * 86400.0), (b"99999999H", 365 * 86400.0),
        (b"99999999m", 99999.999),
    ],
)  # fmt: skip
def test_timeouts(build, value, seconds):
    assert build[0].read_timeout(value) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "value",
    [b"", b"S", b"5", b"5s", b"5h", b"-5S", b"+5S", b" 5S", b"5 S", b"5S ", b"123456789S", b"5.0S",
     b"\xb25S", b"5SS", b"0x5S"],
)  # fmt: skip
def test_malformed_timeouts(build, value):
    assert build[0].read_timeout(value) == -1


@given(st.floats(min_value=0, max_value=400 * 86400))
def test_a_timeout_that_is_written_is_read(seconds):
    for grpc, _ in BUILDS:
        text = grpc.write_timeout(seconds)
        assert 2 <= len(text) <= 9
        expected = min(seconds, grpc.LONGEST_TIMEOUT)
        assert grpc.read_timeout(text) == pytest.approx(expected, rel=1e-3, abs=1e-6)
        assert grpc.read_timeout(text) <= seconds + 1e-9


@pytest.mark.parametrize(
    ("value", "code"),
    [(b"0", 0), (b"7", 7), (b"16", 16), (b"17", 2), (b"99", 2), (b"-1", 2), (b"", 2), (b"x", 2),
     (b"007", 2), (b"\xc2\xb2", 2)],
)  # fmt: skip
def test_status(build, value, code):
    grpc, message = build
    assert grpc.read_status(head_of(message, b"grpc-status: " + value + b"\r\n")) == code
    assert grpc.read_status(message.Head()) == -1


def test_status_of_http(build):
    grpc = build[0]
    table = {400: 13, 401: 16, 403: 7, 404: 12, 429: 14, 502: 14, 503: 14, 504: 14}
    for status in range(100, 600):
        assert grpc.status_of_http(status) == table.get(status, 2)


@given(st.binary(max_size=300))
def test_messages_are_escaped(text):
    for grpc, _ in BUILDS:
        escaped = grpc.escape_message(text)
        assert all(32 <= byte <= 126 for byte in escaped)
        from urllib.parse import unquote_to_bytes

        assert unquote_to_bytes(escaped) == text.strip()


def test_messages_have_a_limit(build):
    grpc = build[0]
    assert grpc.escape_message(b"\xff" * 5000) == b"%FF" * grpc.MAX_MESSAGE
