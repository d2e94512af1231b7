"""``grpc_web``: browsers' gRPC (gRPC-Web, "PROTOCOL-WEB") to gRPC and back.

A browser cannot read trailers and some cannot read binary bodies, so the trailers are a last frame
of the body, and a body of type ``application/grpc-web-text`` is in base64.  Works for clients of
HTTP/1.1 and HTTP/2.  Whatever is no gRPC-Web passes unchanged; CORS is not looked after here.
"""

import binascii

from pymosn.api import BodyTranscoder, Headers, Request, StreamFilter

_TYPE = "application/grpc-web"
_TEXT = "application/grpc-web-text"


class GrpcWeb(StreamFilter):
    """The filter; it has no options."""

    class Config:
        """None."""

    def on_request(self, request: Request) -> None:
        """Make a gRPC call of the request."""
        headers = request.headers
        given = headers.get("content-type", "") or ""
        name = given.partition(";")[0].strip().lower()
        if request.method != "POST" or not name.startswith(_TYPE):
            return
        in_text = name.startswith(_TEXT)
        suffix = name[len(_TEXT if in_text else _TYPE) :]
        if suffix and not suffix.startswith("+"):
            return
        accepted = (headers.get("accept", "") or "").lower()
        out_text = _TEXT in accepted if _TYPE in accepted else in_text
        headers["Content-Type"] = "application/grpc" + suffix
        if "x-grpc-web" in headers:
            del headers["x-grpc-web"]
        request.transcode(GrpcWebBodies(in_text, out_text))


class GrpcWebBodies(BodyTranscoder):
    """The bodies of one call; ``in_text`` and ``out_text``: the request's, and the response's, is
    in base64."""

    _in_text: bool
    _out_text: bool
    _rest: bytes

    def __init__(self, in_text: bool, out_text: bool) -> None:
        self._in_text = in_text
        self._out_text = out_text
        self._rest = b""

    def request_data(self, data: bytes, end: bool) -> bytes | None:
        if not self._in_text:
            return data
        text = self._rest + data
        whole = len(text) & ~3
        self._rest = text[whole:]
        if end and self._rest:
            return None
        return _decoded(text[:whole])

    def response_headers(self, headers: Headers, end: bool) -> bool:
        given = headers.get("content-type", "") or ""
        if not given.lower().startswith("application/grpc"):
            return False
        suffix = given[len("application/grpc") :]
        headers["Content-Type"] = (_TEXT if self._out_text else _TYPE) + suffix
        return True

    def response_data(self, data: bytes) -> bytes:
        # Pieces may be padded on their own, so that nothing waits for its neighbours.
        return binascii.b2a_base64(data, newline=False) if self._out_text else data

    def response_end(self, trailers: Headers | None) -> bytes:
        lines = b""
        if trailers is not None:
            pairs = [f"{name.lower()}:{value}\r\n" for name, value in trailers.items()]
            lines = "".join(pairs).encode("latin-1")
        return self.response_data(b"\x80" + len(lines).to_bytes(4, "big") + lines)


def _decoded(text: bytes) -> bytes | None:
    """Decode base64 of which any four characters may be padded; None when it is malformed."""
    pieces: list[bytes] = []
    start = 0
    try:
        while start < len(text):
            padding = text.find(b"=", start)
            end = len(text) if padding < 0 else (padding & ~3) + 4
            pieces.append(binascii.a2b_base64(text[start:end], strict_mode=True))
            start = end
    except binascii.Error:
        return None
    return b"".join(pieces)
