import time
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymosn.message import RequestHead, ResponseHead
from pymosn.network import address
from pymosn.router.path import read_target
from pymosn.stream.facts import FACTS, FROM_PEERS, NUMERIC, SETTABLE
from pymosn.stream.format import Format, HeaderTemplate
from pymosn.stream.stream import ConnectionInfo, Stream
from pymosn.stream.texts import as_bytes, decimal, go_duration, header_safe, log_safe
from pymosn.stream.variables import lookup

REQUEST = (
    b"Host: example.com\r\nX-Request-Id: id-1\r\nContent-Length: 12\r\n"
    b'Cookie: a=1; session="x y"; ab=2\r\n'
)
RESPONSE = b"Server: nginx\r\n"


def finished():
    connection = ConnectionInfo(
        7,
        address.pack("10.1.2.3:4567")[1],
        address.pack("[::1]:8080")[1],
        "Http1",
        SimpleNamespace(name="web", type="ingress"),
    )
    request = RequestHead(REQUEST, 0, len(REQUEST))
    request.method = b"POST"
    request.target = b"/a%20b?q=1%202&e"
    request.authority = b"example.com"
    request.content_length = 12
    stream = Stream(
        connection,
        request,
        ResponseHead(200, RESPONSE, 0, len(RESPONSE)),
        started=1_000_000_000,
        request_received=1_000_012_345,
        upstream_sent=1_001_000_000,
        response_received=1_005_000_000,
        finished=1_006_500_000,
        bytes_received=12,
        bytes_sent=3456,
        upstream_host=SimpleNamespace(address="10.9.9.9:80", hostname="up.example"),
        upstream_connection_id=42,
        attempts=2,
    )
    stream.status = 503
    stream.flags = 0x4 | 0x80
    stream.cluster_name = "blue"
    stream.route_name = "home"
    stream.details = "upstream limit reached"
    read_target(stream)
    return stream


def value(name, stream):
    return lookup(name).value(stream)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("request_received_duration", "12.345µs"),
        ("response_received_duration", "5ms"),
        ("request_finished_duration", "6.5ms"),
        ("duration", "6.5ms"),
        ("process_time_duration", "2.5ms"),
        ("bytes_sent", "3456"),
        ("bytes_received", "12"),
        ("protocol", "Http1"),
        ("downstream_protocol", "Http1"),
        ("response_code", "503"),
        ("response_flag", "true"),
        ("response_flags", "true"),
        ("response_flags_text", "UpstreamRequestTimeout,UpstreamOverflow"),
        ("response_code_details", "upstream limit reached"),
        ("upstream_local_address", "10.9.9.9:80"),
        ("upstream_address", "10.9.9.9:80"),
        ("upstream_host", "up.example"),
        ("upstream_transport_failure_reason", "0x84"),
        ("upstream_cluster", "blue"),
        ("upstream_connection_id", "42"),
        ("upstream_attempts", "2"),
        ("upstream_duration_ms", "4"),
        ("duration_ms", "6"),
        ("duration_us", "6500"),
        ("connection_id", "7"),
        ("route_name", "home"),
        ("downstream_local_address", "[::1]:8080"),
        ("downstream_remote_address", "10.1.2.3:4567"),
        ("downstream_remote_ip", "10.1.2.3"),
        ("listener_name", "web"),
        ("listener_type", "ingress"),
        ("listener_port", "8080"),
        ("request_method", "POST"),
        ("request_scheme", "http"),
        ("request_host", "example.com"),
        ("request_uri", "/a%20b?q=1%202&e"),
        ("request_path", "/a b"),
        ("request_query", "q=1%202&e"),
        ("request_id", "id-1"),
        ("request_header_X-Request-Id", "id-1"),
        ("response_header_server", "nginx"),
        ("Http1_request_header_host", "example.com"),
        ("Http1_request_method", "POST"),
        ("Http1_request_scheme", "http"),
        ("Http1_request_length", "12"),
        ("Http1_request_uri", "/a%20b?q=1%202&e"),
        ("Http1_request_path", "/a b"),
        ("Http1_request_path_original", "/a%20b"),
        ("Http1_request_arg", "q=1%202&e"),
        ("Http1_request_arg_q", "1 2"),
        ("Http1_request_arg_e", ""),
        ("Http1_request_arg_nope", None),
        ("Http1_cookie_a", "1"),
        ("Http1_cookie_session", "x y"),
        ("Http1_cookie_b", None),
        ("x-mosn-host", "example.com"),
        ("authority", "example.com"),
        ("x-mosn-path", "/a b"),
        ("x-mosn-path-original", "/a%20b"),
        ("x-mosn-querystring", "q=1%202&e"),
        ("x-mosn-method", "POST"),
        ("x-mosn-scheme", "http"),
        ("x-mosn-status", "503"),
        ("trace_id", None),
    ],
)
def test_values(name, expected):
    assert value(name, finished()) == (None if expected is None else expected.encode())


@pytest.mark.parametrize("name", [*FACTS, *SETTABLE, "request_header_x", "Http2_cookie_x"])
def test_a_stream_that_just_began_has_no_surprises(name):
    assert value(name, Stream()) in (
        None, b"0", b"0s", b"false", b"Http1", b"0x0", b"unix:",
    )  # fmt: skip


def test_names():
    assert lookup("no_such_thing") is None
    assert lookup("request_header_") is None
    assert set(NUMERIC) - {"start_time_unix_ms"} <= set(FACTS)
    assert set(FROM_PEERS) <= set(FACTS)
    assert "request_path" in FROM_PEERS
    assert "duration" not in FROM_PEERS


def test_what_filters_set_wins():
    stream = finished()
    stream.set_variable("x-mosn-path", "/other")
    stream.set_variable("trace_id", b"t-1")
    stream.set_variable("proxy_disable_retry", True)
    assert value("x-mosn-path", stream) == b"/other"
    assert value("trace_id", stream) == b"t-1"
    assert value("proxy_disable_retry", stream) == b"true"


def test_the_start_time():
    stream = finished()
    variables = [lookup(n) for n in ("start_time", "start_time_iso", "start_time_unix_ms")]
    for started in (1_000_000_000, time.monotonic_ns(), time.monotonic_ns() + 1_500_000_000):
        stream = Stream(started=started)
        wall = time.time_ns() - time.monotonic_ns() + started
        mosn, iso, unix = [variable.value(stream).decode() for variable in variables]
        assert abs(int(unix) - wall // 1_000_000) <= 1
        milliseconds = unix[-3:]
        seconds = int(unix) // 1000
        assert mosn == time.strftime("%Y/%m/%d %H:%M:%S.", time.localtime(seconds)) + milliseconds
        assert iso == time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime(seconds)) + milliseconds + "Z"


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (-5, "0s"),
        (0, "0s"),
        (1, "1ns"),
        (999, "999ns"),
        (1000, "1µs"),
        (1500, "1.5µs"),
        (999_999, "999.999µs"),
        (1_000_000, "1ms"),
        (1_050_000, "1.05ms"),
        (12_000_001, "12.000001ms"),
        (12_000_100, "12.0001ms"),
        (999_999_999, "999.999999ms"),
        (1_000_000_000, "1s"),
        (2_500_000_000, "2.5s"),
        (61_000_000_001, "1m1.000000001s"),
        (3_600_000_000_000, "1h0m0s"),
        (90_061_500_000_000, "25h1m1.5s"),
    ],
)
def test_durations_are_gos(nanoseconds, text):
    assert go_duration(nanoseconds) == text.encode()


@given(st.integers(1, 999_999_999))
def test_short_durations_are_exact(nanoseconds):
    text = go_duration(nanoseconds).decode()
    for unit, scale in (("µs", 1000), ("ms", 1_000_000), ("ns", 1)):
        if text.endswith(unit):
            assert round(float(text[: -len(unit)]) * scale) == nanoseconds
            return
    pytest.fail(text)


@given(st.integers(-(2**63), 2**63 - 1))
def test_decimals(number):
    assert decimal(number) == b"%d" % number


def test_values_of_any_type():
    assert as_bytes(None) is None
    assert as_bytes(b"x") == b"x"
    assert as_bytes("é") == "é".encode()
    assert as_bytes(False) == b"false"
    assert as_bytes(1.5) == b"1.5"


# -- formats --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", ""),
        ("plain", "plain"),
        ("%response_code%", "503"),
        ("[%response_code%] %protocol%%request_method%", "[503] Http1POST"),
        ("100\\% %unknown%", "100% -"),
        ("%trace_id%", "-"),
        ("%request_header_none%", "-"),
        ("é %response_code%", "é 503"),
    ],
)
def test_formats(text, line):
    assert Format(text).render(finished()) == line.encode()


def test_a_name_that_only_a_filter_knows():
    stream = finished()
    stream.set_variable("tenant", "acme")
    assert Format("%tenant%").render(stream) == b"acme"


@pytest.mark.parametrize(
    ("text", "place"), [("%%", 1), ("ab%%", 3), ("%a% %b", 5), ("\\%%", 3), ("%", 1)]
)
def test_bad_formats_say_where(text, place):
    with pytest.raises(ValueError, match=f"character {place}"):
        Format(text)


def test_a_single_variable_is_known_as_such():
    assert Format("%response_code%").single is not None
    assert Format("x%response_code%").single is None
    assert Format("x").single is None


def test_lines_cannot_be_forged():
    stream = finished()
    stream.request.target = b"/"
    stream.path = b"/a\nb\\\x7f\x00"
    assert Format("%request_path%").render(stream) == b"/a\\x0Ab\\x5C\\x7F\\x00"
    assert Format("%request_path%").plain(stream) == b"/a\nb\\\x7f\x00"


@given(st.binary())
def test_escaped_values_hold_no_control_bytes(value):
    assert not set(log_safe(value)) & {*range(32), 127}
    assert not set(header_safe(value)) & ({*range(32), 127} - {9})


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("plain", b"plain"),
        ("", b""),
        ("100% sure", b"100% sure"),
        ("100%%", b"100%%"),
        ("%response_code%%protocol%", b"503Http1"),
        ("50% %response_code%", b"50% 503"),
        ("%unknown%", b"%unknown%"),
        ("%request_header_none%", None),
        ("[%request_header_none%]", b"[]"),
    ],
)
def test_header_values(text, result):
    assert HeaderTemplate(text).render(finished()) == result


def test_header_values_that_filters_set():
    stream = finished()
    stream.set_variable("tenant", "acme")
    assert HeaderTemplate("%tenant%").render(stream) == b"acme"


def test_constant_header_values_are_known_as_such():
    assert HeaderTemplate("100%").constant == b"100%"
    assert HeaderTemplate("%unknown%").constant is None
