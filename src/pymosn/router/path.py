"""Request targets: what rules compare, and what is sent on.

Rules see the path percent-decoded, with runs of ``/`` collapsed and dot segments removed (MOSN's
``x-mosn-path``), so that no spelling of a path slips past a rule.  What is sent on stays as it
came unless collapsing or removing changed it; then it is put together from the original segments,
so an encoded slash never becomes a separator.

Everything here is a pure function of bytes.
"""

from pymosn.stream.stream import Stream


def read_target(stream: Stream) -> None:
    """Set ``stream.path`` and ``stream.query``; rewrite the request's target if it must be."""
    request = stream.request
    target = request.target
    at = _scan(target)
    if at == len(target):
        stream.path = target
        stream.query = b""
    elif at >= 0:
        stream.path = target[:at]
        stream.query = target[at + 1 :]
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


def raw_path(target: bytes) -> bytes:
    """Return the target without its query."""
    at = target.find(b"?")
    return target if at < 0 else target[:at]


def unescape(raw: bytes, keep: bool) -> bytes:
    """Decode ``%XX``; what is not two hexadecimal digits stays.

    ``keep`` leaves ``%2F`` and ``%25`` as they are: ``escape`` then restores an equal path.
    """
    if b"%" not in raw:
        return raw
    pieces = raw.split(b"%")
    out = [pieces[0]]
    for index in range(1, len(pieces)):
        piece = pieces[index]
        value = _hex_value(piece)
        if value < 0 or (keep and (value == 0x2F or value == 0x25)):
            out.append(b"%" + piece)
        else:
            out.append(_BYTES[value : value + 1] + piece[2:])
    return b"".join(out)


def escape(path: bytes, allowed: bytes = b"") -> bytes:
    """Escape what may not stand in a path, and a ``%`` that does not begin an escape.

    ``allowed`` names further bytes that stay.
    """
    out = []
    changed = False
    for index in range(len(path)):
        byte = path[index : index + 1]
        if byte == b"%":
            fine = _hex_value(path[index + 1 : index + 3]) >= 0
        else:
            fine = _PATH[ord(byte)] != 0 or byte in allowed
        changed = changed or not fine
        out.append(byte if fine else b"%%%02X" % ord(byte))
    return b"".join(out) if changed else path


def raw_offset(raw: bytes, count: int) -> int:
    """Return where in ``raw`` the first ``count`` bytes of the decoded path end."""
    at = 0
    while count > 0 and at < len(raw):
        if raw[at] == 37 and _hex_value(raw[at + 1 : at + 3]) >= 0:
            at += 2
        at += 1
        count -= 1
    return at


def parameter(query: bytes, name: bytes) -> bytes | None:
    """Return the first value of ``name`` in a query, decoded; empty when it has no ``=``."""
    if not query:
        return None
    for pair in query.split(b"&"):
        key, _, value = pair.partition(b"=")
        if key == name or (b"%" in key or b"+" in key) and _form_value(key) == name:
            return _form_value(value)
    return None


def _form_value(text: bytes) -> bytes:
    return unescape(text.replace(b"+", b" "), False)


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
        if byte == 37 or (slash and (byte == 47 or byte == 46)):
            return -1
        slash = byte == 47
        at += 1
    return size


def _is_normal(path: bytes) -> bool:
    return path[:1] == b"/" and not (
        b"//" in path
        or b"/./" in path
        or b"/../" in path
        or path.endswith((b"/.", b"/.."))
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


def _hex_value(text: bytes) -> int:
    """Return what the first two characters say in hexadecimal, -1 when they do not."""
    if len(text) < 2:
        return -1
    high = _HEX[text[0]]
    low = _HEX[text[1]]
    return -1 if high > 15 or low > 15 else high * 16 + low


_DOTS = (b"", b".", b"..")
_BYTES = bytes(range(256))
_HEX = bytes(
    int(chr(byte), 16) if chr(byte) in "0123456789abcdefABCDEF" else 255 for byte in range(256)
)
_PATH_BYTES = (
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=:@/"
)
"""RFC 3986 §3.3: pchar and the slash."""
_PATH = bytes(1 if byte in _PATH_BYTES else 0 for byte in range(256))
