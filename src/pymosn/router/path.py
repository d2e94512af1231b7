"""Request targets: what rules compare, and what is sent on.

Rules see the path percent-decoded, with runs of ``/`` collapsed and dot segments removed (MOSN's
``x-mosn-path``), so that no spelling of a path slips past a rule.  What is sent on stays as it
came unless collapsing or removing changed it; then it is put together from the original segments,
so an encoded slash never becomes a separator.

Everything here is a pure function of bytes.
"""

from pymosn.protocol.uri import unescape
from pymosn.stream.stream import Stream


def read_target(stream: Stream) -> None:
    """Set ``stream.path`` and ``stream.query``; rewrite the request's target if it must be."""
    request = stream.request
    target = request.target
    raw = target
    size = len(target)
    at = _scan(target)
    if at == size:
        stream.path = target
        stream.query = b""
    elif at >= 0:
        stream.path = raw[:at]
        stream.query = raw[at + 1 : size]
    elif size == 0:
        # A call of an RPC protocol.
        stream.path = target
        stream.query = target
    else:
        path, query, forward = normalise(target)
        stream.path = path
        stream.query = query
        if forward is not target:
            request.target = forward
            request.start = -1


def normalise(target: bytes) -> tuple[bytes, bytes, bytes]:
    """Return ``(path, query, forward)``: the path rules see, the query verbatim, what to send.

    ``forward`` is ``target`` itself unless its path had empty or dot segments.  The path of
    ``OPTIONS *`` is ``/*``; that of an authority (``CONNECT``) is empty.
    """
    at = _scan(target)
    if at == len(target):
        return target, b"", target
    if at >= 0:
        return target[:at], target[at + 1 :], target
    if target[:1] != b"/" and target[:1] != b"?":
        return (b"/*" if target == b"*" else b""), b"", target
    raw, mark, query = target.partition(b"?")
    decoded = unescape(raw, False)
    if _is_normal(decoded):
        return decoded, query, target
    raw = _without_dots(raw)
    return unescape(raw, False), query, raw + mark + query


def _scan(target: bytes) -> int:
    """Return where the path ends if it is normal as it stands (the size: no query), else -1."""
    raw = target
    size = len(target)
    at = 1
    if size == 0 or raw[0] != 47:
        return -1
    slash = True
    while at < size:
        byte = raw[at]
        if byte == 63:
            return at
        if byte == 37 or (slash and byte in (46, 47)):
            return -1
        slash = byte == 47
        at += 1
    return size


def _is_normal(path: bytes) -> bool:
    return path[:1] == b"/" and not (
        b"//" in path or b"/./" in path or b"/../" in path or path.endswith((b"/.", b"/.."))
    )


def _without_dots(raw: bytes) -> bytes:
    """Drop empty and dot segments.  Encoded slashes separate segments too, but stay encoded.

    ``kept`` alternates separators and segments.  Where several separators meet, ``/`` wins.
    """
    kept: list[bytes] = []
    separator = b"/"
    segment = b""
    encoded = raw.replace(b"%2f", b"%2F")
    for outer in encoded.split(b"/"):
        inner = outer.split(b"%2F")
        for index in range(len(inner)):
            following = b"/" if index == 0 else b"%2F"
            if separator == b"" or following == b"/":
                separator = following
            segment = inner[index]
            name = unescape(segment, False)
            if name == b".." and kept:
                kept.pop()
                if kept.pop() == b"/":
                    separator = b"/"
            elif name not in _DOTS:
                kept.append(separator)
                kept.append(segment)
                separator = b""
    if unescape(segment, False) in _DOTS or not kept:
        kept.append(separator)
    return b"".join(kept)


_DOTS = (b"", b".", b"..")
