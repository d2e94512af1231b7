"""Numbers, durations and foreign values as text."""


def decimal(number: int) -> bytes:
    """Return ``number`` in decimal."""
    if 0 <= number < 1000:
        return _SMALL[number]
    return f"{number}".encode("ascii")


def go_duration(nanoseconds: int) -> bytes:
    """Return a duration as Go writes it: ``0s``, ``850ns``, ``1.5µs``, ``12.3ms``, ``1m2.5s``."""
    if nanoseconds <= 0:
        return _ZERO
    if nanoseconds < 1000:
        return _SMALL[nanoseconds] + b"ns"
    if nanoseconds < 1000000:
        return _SMALL[nanoseconds // 1000] + _MICROSECONDS[nanoseconds % 1000]
    if nanoseconds < 1000000000:
        whole = nanoseconds // 1000000
        part = nanoseconds % 1000000
        if part % 1000 == 0:
            return _SMALL[whole] + _MILLISECONDS[part // 1000]
        return _SMALL[whole] + _POINT_DIGITS[part // 1000] + _MILLISECONDS[part % 1000][1:]
    whole = nanoseconds // 1000000000
    part = nanoseconds % 1000000000
    seconds = f"{whole % 60}"
    if part:
        seconds = f"{whole % 60}.{part:09d}".rstrip("0")
    minutes = whole // 60
    if minutes == 0:
        return f"{seconds}s".encode("ascii")
    if minutes < 60:
        return f"{minutes}m{seconds}s".encode("ascii")
    return f"{minutes // 60}h{minutes % 60}m{seconds}s".encode("ascii")


def as_bytes(value: object) -> bytes | None:
    """Return a value as text, None for None; booleans are ``true`` and ``false``."""
    if value is None or isinstance(value, bytes):
        return value
    if isinstance(value, bool):
        return b"true" if value else b"false"
    return str(value).encode(errors="surrogateescape")


def log_safe(value: bytes) -> bytes:
    """Escape what could break or forge a log line: control bytes and ``\\`` become ``\\xNN``."""
    if _first_unsafe(value) < 0:
        return value
    return b"".join(
        [
            b"\\x%02X" % byte if byte < 32 or byte in (127, 92) else _BYTES[byte : byte + 1]
            for byte in value
        ]
    )


def header_safe(value: bytes) -> bytes:
    """Percent-encode the control bytes that a header value may not hold."""
    if _first_unsafe(value) < 0:
        return value
    return b"".join(
        [
            b"%%%02X" % byte
            if (byte < 32 and byte != 9) or byte == 127
            else _BYTES[byte : byte + 1]
            for byte in value
        ]
    )


def _first_unsafe(value: bytes) -> int:
    """Return where the first control byte or backslash is, -1 when there is none."""
    raw = value
    size = len(value)
    at = 0
    while at < size:
        if raw[at] < 32 or raw[at] == 127 or raw[at] == 92:
            return at
        at += 1
    return -1


_SMALL = tuple(b"%d" % number for number in range(1000))
_BYTES = bytes(range(256))
_ZERO = b"0s"


def _fractions(unit: str) -> tuple[bytes, ...]:
    """For 0 to 999 thousandths: the point, the digits without final zeros, and the unit."""
    return tuple((f".{part:03}".rstrip("0").rstrip(".") + unit).encode() for part in range(1000))


_MICROSECONDS = _fractions("µs")
_MILLISECONDS = _fractions("ms")
_POINT_DIGITS = tuple(b".%03d" % part for part in range(1000))
