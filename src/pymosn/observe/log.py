"""The error log: ``2026-01-31 12:00:00,123 [INFO] message``, or one JSON object a line.

Supervisor and workers append to the same file, one ``write`` a record; after the supervisor has
renamed it (``roller``) everybody reopens it.  Text that came from a peer cannot forge a line:
control characters are escaped and the second line of a message is indented.
"""

import logging
import os
import sys
import time
from collections.abc import Callable
from types import MappingProxyType
from typing import Final

import msgspec

from pymosn.observe.syslog import Syslog, is_syslog

LEVELS: Final = MappingProxyType(
    {"TRACE": 5, "DEBUG": 10, "INFO": 20, "WARN": 30, "ERROR": 40, "FATAL": 50, "OFF": 100}
)
_STREAMS: Final = MappingProxyType({"": 2, "stderr": 2, "stdout": 1})
_SEVERITIES: Final = MappingProxyType(
    {"TRACE": 7, "DEBUG": 7, "INFO": 6, "WARN": 4, "ERROR": 3, "FATAL": 2}
)
_ESCAPES: Final = MappingProxyType(
    {code: f"\\x{code:02x}" for code in (*range(9), *range(11, 32), 127)} | {10: "\n\t"}
)
_MOST_KEYS: Final = 1000


class ErrorLog:
    """Writes records at or above a level.

    A record with a ``key`` is written at most ``rate`` times a second; what was left out is
    summed up in one line later.
    """

    def __init__(
        self,
        path: str,
        level: str = "INFO",
        *,
        as_json: bool = False,
        rate: int = 10,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """``path`` is a file, ``stdout``, ``stderr`` or a syslog (``observe.syslog``).

        Raises ``OSError`` if it cannot be opened.
        ``level`` is a name of ``LEVELS``; an unknown one means INFO.
        """
        self.path = path or "stderr"
        self.enabled = True
        self.as_json = as_json
        self.lost = 0
        """Records that could not be written."""
        self._rate = rate
        self._clock = clock
        self._syslog = Syslog(path, clock) if is_syslog(path) else None
        self._fd = self._open() if self._syslog is None else -1
        self._seen: dict[str, _Window] = {}
        self.level = ""
        self._threshold = 0
        self.set_level(level)

    @property
    def is_file(self) -> bool:
        """Whether the log goes to a file (and can be rolled)."""
        return self._syslog is None and self.path not in _STREAMS

    def set_level(self, level: str) -> None:
        """Write records from ``level`` on; an unknown level means INFO."""
        self.level = level if level in LEVELS else "INFO"
        self._threshold = LEVELS[self.level]

    def writes(self, level: str) -> bool:
        """Say whether a record of ``level`` would be written."""
        return self.enabled and LEVELS[level] >= self._threshold

    def trace(self, message: str, key: str = "") -> None:
        self.record("TRACE", message, key)

    def debug(self, message: str, key: str = "") -> None:
        self.record("DEBUG", message, key)

    def info(self, message: str, key: str = "") -> None:
        self.record("INFO", message, key)

    def warning(self, message: str, key: str = "") -> None:
        self.record("WARN", message, key)

    def error(self, message: str, key: str = "") -> None:
        self.record("ERROR", message, key)

    def fatal(self, message: str, key: str = "") -> None:
        self.record("FATAL", message, key)

    def alert(self, key: str, message: str) -> None:
        """Write an error that somebody must look at, as ``[ERROR] [alert.key] message``."""
        self.record("ERROR", message, f"alert.{key}", tag=f"alert.{key}")

    def record(self, level: str, message: str, key: str = "", *, tag: str = "") -> None:
        """Write one record; ``key`` is what its rate is limited by."""
        if not self.writes(level):
            return
        now = self._clock()
        if key and not self._may_write(key, level, now):
            return
        self._write(level, tag, message, now)

    def sum_up(self) -> None:
        """Write what was left out in seconds that are over; call it about once a second."""
        now = self._clock()
        for key, window in list(self._seen.items()):
            if now - window.start >= 1.0:
                del self._seen[key]
                self._report(key, window, now)

    def reopen(self) -> None:
        """Open the file anew; on failure the old one stays in use and the reason is written."""
        if not self.is_file:
            return
        try:
            fresh = self._open()
        except OSError as error:
            self.error(f"{self.path} cannot be reopened: {error.strerror}")
            return
        os.close(self._fd)
        self._fd = fresh

    def close(self) -> None:
        """Write what is left to say and close the file; later records are lost."""
        for key, window in self._seen.items():
            self._report(key, window, self._clock())
        self._seen.clear()
        self.enabled = False
        if self._syslog is not None:
            self._syslog.close()
        if self.is_file and self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _open(self) -> int:
        if self.path in _STREAMS:
            return _STREAMS[self.path]
        os.makedirs(os.path.dirname(self.path) or ".", exist_ok=True)  # noqa: PTH103, PTH120  a string is all there is
        return os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)

    def _may_write(self, key: str, level: str, now: float) -> bool:
        window = self._seen.get(key)
        if window is None or not 0 <= now - window.start < 1.0:
            if window is not None:
                self._report(key, window, now)
            if len(self._seen) >= _MOST_KEYS:
                self.sum_up()
                if len(self._seen) >= _MOST_KEYS:
                    self._seen.clear()
            window = self._seen[key] = _Window(now, level)
        window.count += 1
        return window.count <= self._rate

    def _report(self, key: str, window: "_Window", now: float) -> None:
        more = window.count - self._rate
        if more > 0:
            self._write(window.level, "", f"{more} more messages of the kind {key!r}", now)

    def _write(self, level: str, tag: str, message: str, now: float) -> None:
        if self._syslog is not None:
            text = f"[{level}] {f'[{tag}] ' if tag else ''}{message.translate(_ESCAPES)}"
            encoded = text.encode("utf-8", "backslashreplace")
            if not self._syslog.send(_SEVERITIES[level], encoded):
                self.lost += 1
            return
        moment = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(now))
        stamp = f"{moment},{int(now * 1000) % 1000:03d}"
        if self.as_json:
            record = {"time": stamp, "level": level, "message": message, "pid": os.getpid()}
            if tag:
                record["alert"] = tag.removeprefix("alert.")
            line = msgspec.json.encode(record).decode()
        else:
            line = f"{stamp} [{level}] {f'[{tag}] ' if tag else ''}{message.translate(_ESCAPES)}"
        try:
            os.write(self._fd, line.encode("utf-8", "backslashreplace") + b"\n")
        except OSError:
            # A full disk or a closed terminal must not stop a proxy.
            self.lost += 1


class _Window:
    """One key in one second."""

    __slots__ = ("count", "level", "start")

    def __init__(self, start: float, level: str) -> None:
        self.start = start
        self.level = level
        self.count = 0


class LogHandler(logging.Handler):
    """Takes what Python libraries log to the error log; the process's edge installs it."""

    def __init__(self, log: ErrorLog) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        try:
            message = self.format(record)
        except Exception:  # a library's own mistake in its arguments
            message = str(record.msg)
        self._log.record(_level_name(record.levelno), message, key=f"{record.name}:{record.lineno}")


def describe_exception(error: BaseException) -> str:
    """Return the traceback of ``error`` as text."""
    import traceback  # only failures need it

    return "".join(traceback.format_exception(error)).rstrip()


def install_logging(log: ErrorLog) -> None:
    """Make the process's ``logging`` and uncaught exceptions end in ``log``."""
    root = logging.getLogger()
    root.handlers[:] = [LogHandler(log)]
    root.setLevel(logging.INFO)

    def report(kind: type[BaseException], error: BaseException, trace: object) -> None:
        del kind, trace
        log.fatal(f"uncaught exception\n{describe_exception(error)}")

    sys.excepthook = report


def _level_name(number: int) -> str:
    for name in ("FATAL", "ERROR", "WARN", "INFO", "DEBUG"):
        if number >= LEVELS[name]:
            return name
    return "TRACE"
