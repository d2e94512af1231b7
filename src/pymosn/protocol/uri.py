"""Paths and queries of request targets: percent-encoding and query parameters (RFC 3986).

Pure functions of bytes; malformed escapes are text, never errors.
"""


def raw_path(target: bytes) -> bytes:
    """Return the target without its query."""
    raw = target
    size = len(target)
    at = 0
    while at < size and raw[at] != 63:
        at += 1
    return target if at == size else raw[:at]


def lowered(text: bytes) -> bytes:
    """Return ``text`` in lower case; itself when it is already."""
    raw = text
    size = len(text)
    at = 0
    while at < size:
        if raw[at] >= 65 and raw[at] <= 90:
            return text.lower()
        at += 1
    return text


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
        if value < 0 or (keep and value in (0x2F, 0x25)):
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
        if key == name or ((b"%" in key or b"+" in key) and _form_value(key) == name):
            return _form_value(value)
    return None


def _form_value(text: bytes) -> bytes:
    return unescape(text.replace(b"+", b" "), False)


def _hex_value(text: bytes) -> int:
    """Return what the first two characters say in hexadecimal, -1 when they do not."""
    if len(text) < 2:
        return -1
    high = _HEX[text[0]]
    low = _HEX[text[1]]
    return -1 if high > 15 or low > 15 else high * 16 + low


_BYTES = bytes(range(256))
_HEX = bytes(
    int(chr(byte), 16) if chr(byte) in "0123456789abcdefABCDEF" else 255 for byte in range(256)
)
_PATH_BYTES = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=:@/"
"""RFC 3986 §3.3: pchar and the slash."""
_PATH = bytes(1 if byte in _PATH_BYTES else 0 for byte in range(256))
