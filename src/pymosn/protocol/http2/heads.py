"""Heads in HTTP/2 (RFC 9113 §8): fields to the lines of ``pymosn.message``, and lines to blocks.

Whoever forwards to HTTP/1.1 sends the lines as they are, so what is read here is as strict as
``pymosn.protocol.http1``: whatever could mean two things there makes the message malformed.  Most
of that was decided when the fields were made (``Field.kind``).

Decisions where the RFC leaves room: ``:scheme`` is ``http`` or ``https``, whatever else would need
rules of its own for ``:path`` and ``:authority``.  A request without ``:authority`` and ``host``
has the empty Host that HTTP/1.1 wants from it (RFC 9110 §7.2).  Fields that mean nothing in
trailers are left out there, as they are in HTTP/1.
"""

from pymosn.message import Head, RequestHead, ResponseHead
from pymosn.protocol.http2.fields import (
    AUTHORITY,
    BAD,
    CONTENT_LENGTH,
    COOKIE,
    EXPECT,
    HOST,
    METHOD,
    NO_TRAILER,
    PATH,
    PROTOCOL,
    REGULAR,
    SCHEME,
    STATUS,
    TE,
    X_MOSN,
    Field,
)
from pymosn.protocol.http2.hpack import HpackEncoder

_REGULAR = REGULAR
_NO_TRAILER = NO_TRAILER
_X_MOSN = X_MOSN
_EXPECT = EXPECT
_COOKIE = COOKIE
_HOST = HOST
_CONTENT_LENGTH = CONTENT_LENGTH
_TE = TE
_METHOD = METHOD
_SCHEME = SCHEME
_AUTHORITY = AUTHORITY
_PATH = PATH
_STATUS = STATUS
_PROTOCOL = PROTOCOL
_BAD = BAD


def read_request(fields: list[Field], end: bool) -> RequestHead | None:
    """Return the head that ``fields`` are, None when the request is malformed.

    ``end``: no body follows.  An extended CONNECT (RFC 8441) has its protocol in ``upgrade``;
    whether it is allowed here is for the caller to say.
    """
    head = RequestHead.__new__(RequestHead)
    head.content_length = -1
    head.te_trailers = False
    head.timeouts = False
    head.expects = False
    head.upgrade = None
    method = None
    scheme = None
    path = None
    authority: Field | None = None
    host: Field | None = None
    crumbs: list[Field] | None = None
    parts: list[bytes] = [_NO_HOST]
    for field in fields:
        kind = field.kind
        if kind <= _NO_TRAILER:
            parts.append(field.line)
        elif kind < _METHOD:
            if kind == _COOKIE:
                if crumbs is None:
                    crumbs = []
                crumbs.append(field)
            elif kind == _CONTENT_LENGTH:
                if head.content_length < 0:
                    head.content_length = _length(field)
                    parts.append(field.line)
                elif head.content_length != _length(field):
                    return None
            elif kind == _HOST:
                if host is not None:
                    return None
                host = field
            elif kind == _TE:
                head.te_trailers = True
            else:
                if kind == _EXPECT:
                    head.expects = True
                else:
                    head.timeouts = True
                parts.append(field.line)
        elif len(parts) > 1 or crumbs is not None or host is not None or head.te_trailers:
            return None  # a pseudo-header behind regular ones
        elif kind == _PATH and path is None:
            path = field.content()
        elif kind == _METHOD and method is None:
            method = field.content()
        elif kind == _SCHEME and scheme is None:
            scheme = field.content()
        elif kind == _AUTHORITY and authority is None:
            authority = field
        elif kind == _PROTOCOL and head.upgrade is None:
            head.upgrade = field.content()
        else:
            return None
    if method is None or not _settle_host(head, authority, host, parts):
        return None
    if crumbs is not None:
        parts.append(_cookie(crumbs))
    parts.append(_CRLF)
    head.method = method
    if path is None or scheme is None:
        # Only CONNECT has no path, and then it has no scheme either (RFC 9113 §8.5).
        if path is not scheme or not _settle_connect(head, authority):
            return None
        scheme = _HTTP
    else:
        if path == _STAR and method != _OPTIONS:
            return None
        if (method == _CONNECT) != (head.upgrade is not None):
            return None
        if head.upgrade is not None and authority is None:
            return None
        head.target = path
    if head.content_length > 0 and (end or method == _CONNECT):
        return None
    head.scheme = scheme
    _finish(head, parts)
    return head


def _settle_host(
    head: RequestHead, authority: Field | None, host: Field | None, parts: list[bytes]
) -> bool:
    """Put the Host line first; False when there are two opinions (RFC 9113 §8.3.1)."""
    head.authority = b""
    if authority is not None:
        head.authority = authority.content()
        parts[0] = authority.line
        return host is None or host.content().lower() == head.authority.lower()
    if host is not None:
        head.authority = host.content()
        parts[0] = host.line
    return True


def _settle_connect(head: RequestHead, authority: Field | None) -> bool:
    """CONNECT has ``:authority`` with a port, and nothing else (RFC 9113 §8.5)."""
    if head.method != _CONNECT or authority is None or head.upgrade is not None:
        return False
    target = authority.content()
    name, separator, port = target.rpartition(b":")
    head.target = target
    return bool(name and separator and port.isdigit())


def _cookie(crumbs: list[Field]) -> bytes:
    """Return the one Cookie line that HTTP/1.1 allows (RFC 9113 §8.2.3)."""
    if len(crumbs) == 1:
        return crumbs[0].line
    values = [crumb.content() for crumb in crumbs if crumb.size > _EMPTY_COOKIE]
    return b"cookie: " + b"; ".join(values) + _CRLF


def read_response(fields: list[Field]) -> ResponseHead | None:
    """Return the head that ``fields`` are, None when the response is malformed; 101 is."""
    head = ResponseHead.__new__(ResponseHead)
    head.content_length = -1
    head.upgrade = None
    head.status = 0
    head.reason = b""
    parts: list[bytes] = []
    for field in fields:
        kind = field.kind
        if kind == _STATUS:
            if head.status or parts:
                return None
            head.status = int(field.content())
            if head.status == 101:
                return None
        elif kind > _TE or head.status == 0:
            return None
        elif kind == _CONTENT_LENGTH:
            if head.status < 200 or head.status == 204:
                continue  # RFC 9110 §8.6 forbids it there, and some parsers believe it
            if head.content_length < 0:
                head.content_length = _length(field)
                parts.append(field.line)
            elif head.content_length != _length(field):
                return None
        elif kind != _TE:
            parts.append(field.line)
    if head.status == 0:
        return None
    parts.append(_CRLF)
    _finish(head, parts)
    return head


def read_trailers(fields: list[Field]) -> Head | None:
    """Return the trailers that ``fields`` are, None when they are malformed."""
    head = Head.__new__(Head)
    head.content_length = -1
    head.upgrade = None
    parts: list[bytes] = []
    for field in fields:
        kind = field.kind
        if kind > _TE:
            return None
        if kind == _REGULAR or kind == _X_MOSN or kind == _COOKIE:
            parts.append(field.line)
    parts.append(_CRLF)
    _finish(head, parts)
    return head


def _length(field: Field) -> int:
    """Return the value of a Content-Length, which is at most 18 digits."""
    raw = field.line
    length = 0
    for index in range(16, len(field.line) - 2):
        length = length * 10 + raw[index] - 48
    return length


def _finish(head: Head, parts: list[bytes]) -> None:
    raw = b"".join(parts)
    head.raw = raw
    head.start = -1
    head.fields = 0
    head.end = len(raw) - 2
    head.minor = 1
    head.cut_end = 0
    head.cuts = None
    head.never = None
    head.added = None


# -- writing ------------------------------------------------------------------------------------


def write_request(encoder: HpackEncoder, head: RequestHead, scheme: bytes = b"") -> bytes:
    """Return the header block of a request; ``scheme`` instead of the head's own, if any.

    The Host line says what ``:authority`` is: routes rewrite that.  What HTTP/1.1 knows as an
    upgrade is an extended CONNECT here (RFC 8441).
    """
    parts = encoder.begin()
    method = head.method
    authority = head.get(_N_HOST)
    if authority is None:
        authority = head.authority
    if head.upgrade is not None:
        method = _CONNECT
    encoder.encode_method(method, parts)
    if method != _CONNECT or head.upgrade is not None:
        encoder.encode_scheme(scheme or head.scheme, parts)
        if authority:
            _write_authority(encoder, head, authority, parts)
        if head.never is not None and _N_PATH in head.never:
            encoder.encode_never(_N_PATH, head.target, parts)
        else:
            encoder.encode_path(head.target, parts)
        if head.upgrade is not None:
            encoder.encode_line(b":protocol: %b\r\n" % head.upgrade, parts)
    else:
        _write_authority(encoder, head, authority, parts)
    _write_lines(encoder, head, parts)
    if head.te_trailers:
        encoder.encode_te(parts)
    return b"".join(parts)


def write_response(encoder: HpackEncoder, head: ResponseHead) -> bytes:
    """Return the header block of a response."""
    parts = encoder.begin()
    encoder.encode_status(head.status, parts)
    _write_lines(encoder, head, parts)
    return b"".join(parts)


def write_trailers(encoder: HpackEncoder, head: Head) -> bytes:
    """Return the header block of trailers."""
    head.remove(_N_CONTENT_LENGTH)
    parts = encoder.begin()
    _write_lines(encoder, head, parts)
    return b"".join(parts)


def _write_authority(
    encoder: HpackEncoder, head: Head, authority: bytes, parts: list[bytes]
) -> None:
    if head.never is not None and (_N_AUTHORITY in head.never or _N_HOST in head.never):
        encoder.encode_never(_N_AUTHORITY, authority, parts)
    else:
        encoder.encode_authority(authority, parts)


def _write_lines(encoder: HpackEncoder, head: Head, parts: list[bytes]) -> None:
    if head.never is None:
        encoder.encode_lines(head.lines(), parts)
    else:
        # What a peer lets nobody index, nobody after us may either (RFC 7541 §6.2.3).
        encoder.encode_guarded(head.lines(), head.never, parts)


_CRLF = b"\r\n"
_NO_HOST = b"Host: \r\n"
_N_HOST = b"host"
_N_PATH = b":path"
_N_AUTHORITY = b":authority"
_N_CONTENT_LENGTH = b"content-length"
_EMPTY_COOKIE = 38
"""The size of a field ``cookie`` without a value."""
_STAR = b"*"
_HTTP = b"http"
_CONNECT = b"CONNECT"
_OPTIONS = b"OPTIONS"
