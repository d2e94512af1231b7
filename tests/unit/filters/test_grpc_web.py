"""gRPC-Web's bodies."""

import base64
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymosn.api import Headers
from pymosn.filters.grpc_web import GrpcWebBodies
from pymosn.message import Head


def decode(text, cuts=()):
    """Pass ``text`` through in pieces; None when it is refused."""
    bodies = GrpcWebBodies(True, True)
    edges = [0, *sorted(cut for cut in cuts if cut <= len(text)), len(text)]
    found = b""
    for start, end in pairwise(edges):
        data = bodies.request_data(text[start:end], False)
        if data is None:
            return None
        found += data
    last = bodies.request_data(b"", True)
    return None if last is None else found + last


@given(st.lists(st.binary(max_size=40), max_size=6), st.lists(st.integers(0, 300), max_size=10))
def test_text_of_requests(parts, cuts):
    """Parts may be padded each, and arrive in any pieces."""
    text = b"".join(base64.b64encode(part) for part in parts)
    assert decode(text, cuts) == b"".join(parts)


@pytest.mark.parametrize(
    "text", [b"A", b"AA", b"AAA", b"A===", b"====", b"AA=A", b"AA\r\nAA==", b"AAAA!AAA", b"AAA=A"]
)
def test_malformed_text(text):
    assert decode(text) is None
    assert decode(text, range(len(text))) is None


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=10))
def test_anything_is_decoded_or_refused_whatever_the_pieces(text, cuts):
    assert decode(text, cuts) == decode(text)


def test_binary_requests_pass():
    bodies = GrpcWebBodies(False, True)
    assert bodies.request_data(b"\0\0\0\0\1x", False) == b"\0\0\0\0\1x"
    assert bodies.request_data(b"", True) == b""


def test_trailers_become_a_frame():
    trailers = Head()
    trailers.add(b"grpc-status", b"0")
    trailers.add(b"Grpc-Message", b"fine: yes")
    lines = b"grpc-status:0\r\ngrpc-message:fine: yes\r\n"
    frame = b"\x80" + len(lines).to_bytes(4, "big") + lines
    assert GrpcWebBodies(False, False).response_end(Headers(trailers)) == frame
    text = GrpcWebBodies(True, True).response_end(Headers(trailers))
    assert base64.b64decode(text, validate=True) == frame
    assert GrpcWebBodies(False, False).response_end(None) == b"\x80\0\0\0\0"


def test_content_type_of_responses():
    for given_type, in_text, out_text, expected in (
        ("application/grpc", False, False, "application/grpc-web"),
        ("application/grpc+proto", False, False, "application/grpc-web+proto"),
        ("application/grpc+proto", False, True, "application/grpc-web-text+proto"),
        ("application/grpc", True, False, "application/grpc-web"),
    ):
        head = Head()
        headers = Headers(head)
        headers.add("content-type", given_type)
        assert GrpcWebBodies(in_text, out_text).response_headers(headers, False)
        assert headers["content-type"] == expected
    html = Headers(Head())
    html.add("content-type", "text/html")
    assert not GrpcWebBodies(False, False).response_headers(html, False)
    assert html["content-type"] == "text/html"
