"""Messages to a syslog daemon (RFC 3164), as MOSN's log paths name it.

``syslog`` is the local one (``/dev/log``); ``syslog://HOST:PORT`` and ``syslog+udp://…`` get a
datagram for each message, ``syslog+tcp://…`` a line on a connection.  Without a port it is 514.

Nobody waits for a log: what cannot be sent at once is lost, and the caller counts it.  A connection
that is lost is made anew, at most once a second.
"""

import os
import socket
import time
from collections.abc import Callable
from typing import Final

LOCAL: Final = "/dev/log"
PORT: Final = 514
FACILITY: Final = 22
"""``local6``, as MOSN's."""
INFO: Final = 6
MAX_MESSAGE: Final = 8192
"""Bytes; what is longer is cut."""
_RETRY_SECONDS: Final = 1.0
_MONTHS: Final = (
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
)  # fmt: skip


def is_syslog(path: str) -> bool:
    """Say whether a log with this path goes to syslog."""
    return path == "syslog" or path.startswith(("syslog:", "syslog+"))


def syslog_address(path: str) -> tuple[str, str, int]:
    """Return the network (``unix``, ``udp`` or ``tcp``), host and port that a path names.

    Raises ``ValueError`` with the expected form.
    """
    if path == "syslog":
        return "unix", LOCAL, 0
    scheme, separator, rest = path.partition("://")
    network = {"syslog": "udp", "syslog+udp": "udp", "syslog+tcp": "tcp"}.get(scheme)
    host, colon, port = rest.rpartition(":")
    if rest.endswith("]") or not colon:
        host, port = rest, str(PORT)
    host = host.removeprefix("[").removesuffix("]")
    if not separator or network is None or not host or not port.isdecimal():
        raise ValueError("expected syslog, syslog://HOST:PORT or syslog+tcp://HOST:PORT")
    if not 0 < int(port) < 65536:
        raise ValueError(f"{port} is not a port")
    return network, host, int(port)


class Syslog:
    """The way to one daemon."""

    def __init__(self, path: str, clock: Callable[[], float] = time.time) -> None:
        """Raises ``ValueError`` for a bad path, and ``OSError`` when its host is not known.

        A name is looked up once, now.  Whether the daemon is there shows when something is sent.
        """
        network, host, port = syslog_address(path)
        self._is_stream = network == "tcp"
        self._family: int = socket.AF_UNIX
        self._address: object = host
        self._origin = ""
        if network != "unix":
            kind = socket.SOCK_STREAM if self._is_stream else socket.SOCK_DGRAM
            self._family, _, _, _, self._address = socket.getaddrinfo(host, port, type=kind)[0]
            self._origin = f"{socket.gethostname()} "
        self._clock = clock
        self._socket: socket.socket | None = None
        self._rest = b""
        self._tried = 0.0
        self._closed = False

    def send(self, severity: int, text: bytes) -> bool:
        """Send one message, without its line feed; False when it is lost."""
        moment = time.localtime(self._clock())
        # RFC 3164 §4.1.2: English, and the day padded with a space.
        month = _MONTHS[moment.tm_mon - 1]
        stamp = f"{month} {moment.tm_mday:2d} {time.strftime('%H:%M:%S', moment)}"
        priority = FACILITY * 8 + severity
        head = f"<{priority}>{stamp} {self._origin}pymosn[{os.getpid()}]: "
        message = (head.encode() + text)[:MAX_MESSAGE]
        if self._is_stream:
            message = self._rest + message.replace(b"\n", b" ") + b"\n"
        return self._send(message)

    def close(self) -> None:
        """Send nothing more."""
        self._closed = True
        self._drop()

    def _send(self, message: bytes) -> bool:
        if self._socket is None and not self._open():
            return False
        assert self._socket is not None
        try:
            sent = self._socket.send(message)
        except BlockingIOError:
            return False
        except OSError:
            self._drop()
            # A daemon that was restarted has a new socket.
            if not self._open():
                return False
            try:
                sent = self._socket.send(message)
            except OSError:
                return False
        self._rest = message[sent:] if self._is_stream else b""
        return True

    def _open(self) -> bool:
        now = self._clock()
        if self._closed or 0 <= now - self._tried < _RETRY_SECONDS:
            return False
        self._tried = now
        kind = socket.SOCK_STREAM if self._is_stream else socket.SOCK_DGRAM
        made = socket.socket(self._family, kind)
        made.setblocking(False)
        try:
            made.connect(self._address)  # type: ignore[arg-type]  # of the family
        except BlockingIOError:
            pass  # the first messages wait in vain
        except OSError:
            made.close()
            return False
        self._socket = made
        self._rest = b""
        return True

    def _drop(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
