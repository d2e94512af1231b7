"""Access logs: one line an exchange, buffered, written whole.

Several workers append to one file: each write holds complete lines and the kernel orders writes
to a file opened with O_APPEND.  A disk that fails costs lines, which are counted, and never an
exchange.
"""

import os
from collections.abc import Mapping
from typing import Final

import msgspec

from pymosn.network.reactor import Reactor
from pymosn.network.timers import Reactive, Timer
from pymosn.observe.syslog import INFO, Syslog, is_syslog
from pymosn.stream.format import Format
from pymosn.stream.stream import Stream

DEFAULT_FORMAT: Final = (
    "%start_time% %trace_id%  %connection_id% %upstream_connection_id% "
    "%request_received_duration% %response_received_duration% %bytes_sent% %bytes_received% "
    "%protocol% %response_code% %duration% %response_flag% %response_code% "
    "%upstream_local_address% %downstream_local_address% %downstream_remote_address% "
    "%upstream_host%"
)
"""MOSN's (spec §5.6)."""

BUFFER_BYTES: Final = 16384
"""Lines are kept up to this many bytes."""

_BUFFER_BYTES = BUFFER_BYTES


class AccessLog(Reactive):
    """One log of a listener.

    Lines are written when many have gathered, and at the latest ``flush_interval`` seconds after
    they were logged (0: at once).  ``dropped`` counts those that could not be written, ``error``
    says why the last one could not.
    """

    path: str
    flush_interval: float
    dropped: int
    error: str
    _format: "Format"  # None when there is ``_json``
    _json: "JsonLine | None"
    _buffer: "list[bytes]"
    _size: int
    _lines: int
    _torn: bool
    _fd: int
    _syslog: "Syslog | None"
    _reactor: "Reactor"
    _timer: "Timer"
    _armed: bool

    def __init__(
        self,
        reactor: Reactor,
        path: str,
        format: str = DEFAULT_FORMAT,  # noqa: A002 -- the name the configuration gives it
        json: Mapping[str, str] | None = None,
        flush_interval: float = 1.0,
    ) -> None:
        """``path`` is a file, ``stdout``, ``stderr`` or a syslog; ``json`` (key to format) beats
        ``format``.

        Raises ``ValueError`` for a bad format and ``OSError`` when the file cannot be opened.
        """
        self.path = path
        self.flush_interval = flush_interval
        self.dropped = 0
        self.error = ""
        self._format = None if json else Format(format)  # type: ignore[assignment]  # as declared
        self._json = JsonLine(json) if json else None
        self._buffer = []
        self._size = 0
        self._lines = 0
        self._torn = False
        self._syslog = Syslog(path) if is_syslog(path) else None
        self._fd = -1 if self._syslog is not None else _open(path)
        self._reactor = reactor
        self._timer = Timer()
        self._armed = False

    def log(self, stream: Stream) -> None:
        """Add the line of a finished exchange."""
        if self._json is not None:
            line = self._json.render(stream)
        else:
            line = self._format.render(stream)
        self._buffer.append(line)
        self._lines += 1
        self._size += len(line) + 1
        if self._size >= _BUFFER_BYTES or self.flush_interval <= 0:
            self.flush()
        elif not self._armed:
            self._armed = True
            self._reactor.arm(self._timer, self, self.flush_interval)

    def on_timer(self, timer: Timer) -> None:
        self._armed = False
        self.flush()

    def flush(self) -> None:
        """Write what is buffered."""
        if self._lines == 0:
            return
        if self._syslog is not None:
            self._send_lines(self._syslog)
            return
        lines = self._lines
        self._buffer.append(b"")
        data = b"\n".join(self._buffer)
        self._buffer = []
        self._size = 0
        self._lines = 0
        if self._torn:
            # The last write was cut in the middle of a line.
            data = b"\n" + data
        try:
            written = os.write(self._fd, data)
        except OSError as error:
            self.error = error.strerror or str(error)
            self.dropped += lines
            return
        self._torn = data[written - 1 : written] != b"\n"
        if written < len(data):
            self.error = "a write was cut short"
            self.dropped += data.count(b"\n", written)

    def take_dropped(self) -> int:
        """Return the lines that could not be written since the last call."""
        count = self.dropped
        self.dropped = 0
        return count

    def reopen(self) -> None:
        """Open the file anew (after a rotation); the old one stays in use if that fails."""
        self.flush()
        if self._syslog is not None:
            return
        try:
            fd = _open(self.path)
        except OSError as error:
            self.error = error.strerror or str(error)
            return
        self._release()
        self._fd = fd
        self._torn = False

    def close(self) -> None:
        """Write what is buffered and close the file.  Lines logged later are dropped."""
        self.flush()
        self._reactor.cancel(self._timer)
        if self._syslog is not None:
            self._syslog.close()
        self._release()
        self._fd = -1

    def _send_lines(self, syslog: Syslog) -> None:
        for line in self._buffer:
            if not syslog.send(INFO, line):
                self.error = "the syslog daemon does not take it"
                self.dropped += 1
        self._buffer = []
        self._size = 0
        self._lines = 0

    def _release(self) -> None:
        if self._fd > _STDERR:
            os.close(self._fd)


class JsonLine:
    """One JSON object: keys with formats.

    A format that is one variable gives a number where the variable is one, and null where the
    stream has no value for it; everything else gives strings.
    """

    _names: "list[bytes]"
    _formats: "list[Format]"

    def __init__(self, fields: Mapping[str, str]) -> None:
        """Raises ``ValueError`` for a bad format."""
        self._names = []
        self._formats = []
        opening = b"{"
        for name, text in fields.items():
            self._names.append(opening + msgspec.json.encode(name) + b":")
            self._formats.append(Format(text))
            opening = b","

    def render(self, stream: Stream) -> bytes:
        """Return the line."""
        out = []
        for index in range(len(self._names)):
            out.append(self._names[index])
            field = self._formats[index]
            variable = field.single
            if variable is None:
                out.append(json_string(field.plain(stream)))
                continue
            value = variable.value(stream)
            if value is None:
                out.append(b"null")
            elif variable.numeric:
                out.append(value)
            else:
                out.append(json_string(value))
        out.append(b"}")
        return b"".join(out)


def json_string(value: bytes) -> bytes:
    """Return ``value`` as a JSON string; bytes that are not UTF-8 are shown as ``\\xNN``."""
    if _is_plain(value):
        return b'"%b"' % value
    return msgspec.json.encode(value.decode(errors="backslashreplace"))


def _is_plain(value: bytes) -> bool:
    """Say whether JSON shows every byte as it is."""
    raw = value
    size = len(value)
    at = 0
    while at < size:
        if raw[at] < 32 or raw[at] > 126 or raw[at] in (34, 92):
            return False
        at += 1
    return True


def _open(path: str) -> int:
    if path in ("stdout", "/dev/stdout"):
        return _STDOUT
    if path in ("stderr", "/dev/stderr"):
        return _STDERR
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)  # noqa: PTH103, PTH120  a string is all there is
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)


_STDOUT = 1
_STDERR = 2
