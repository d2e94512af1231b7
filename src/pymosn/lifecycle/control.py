"""How ``pymosn reload`` and ``pymosn stop`` reach a running supervisor.

The pid file, and beside it a Unix socket (``<pid file>.sock``, mode 0600) that takes one JSON
object a connection, ``{"command": "reload"}``, and answers with one: ``{"ok": true, …}`` or
``{"ok": false, "error": "…"}``.
"""

import asyncio
import errno
import json
import os
import socket
import stat
import struct
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from pymosn.lifecycle.sockets import remove_stale

_LIMIT: Final = 1 << 20
_REQUEST_TIMEOUT: Final = 5.0
_LONGEST_PATH: Final = 107

Handler = Callable[[str], Awaitable[dict[str, Any]]]
"""A command to the answer's content; raises ``ControlError`` for a refusal."""


class ControlError(Exception):
    """The command failed; the text is for the operator."""


class ControlServer:
    """Answers commands on the socket."""

    def __init__(self, pid_file: str, handler: Handler) -> None:
        self.path = control_path(pid_file)
        self._handler = handler
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen; raises ``OSError`` when another process answers there already."""
        _make_directory(Path(self.path).parent)
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        previous = os.umask(0o177)
        try:
            with _reachable(self.path) as path:
                remove_stale(path)
                sock.bind(path)
        except OSError:
            sock.close()
            raise
        finally:
            os.umask(previous)
        self._server = await asyncio.start_unix_server(self._serve, sock=sock, limit=_LIMIT)

    def close(self) -> None:
        """Stop listening and remove the socket."""
        if self._server is not None:
            self._server.close()
            self._server = None
            Path(self.path).unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            line = await asyncio.wait_for(reader.readline(), _REQUEST_TIMEOUT)
            answer = await self._answer(line, writer)
            writer.write(json.dumps(answer, ensure_ascii=False).encode() + b"\n")
            await writer.drain()
        except (OSError, TimeoutError, ValueError):
            pass  # whoever asked is gone
        finally:
            writer.close()

    async def _answer(self, line: bytes, writer: asyncio.StreamWriter) -> dict[str, Any]:
        if not _is_ours(writer.get_extra_info("socket")):
            return {"ok": False, "error": "only the user who runs pymosn, and root, may do this"}
        try:
            request = json.loads(line)
            command = str(request["command"])
        except (ValueError, LookupError, TypeError):
            return {"ok": False, "error": "not a command"}
        try:
            return {"ok": True, **await self._handler(command)}
        except ControlError as error:
            return {"ok": False, "error": str(error)}


def control_path(pid_file: str) -> str:
    """Return the path of the control socket that belongs to a pid file."""
    return f"{pid_file}.sock"


def ask(pid_file: str, command: str, timeout: float = 60.0) -> dict[str, Any]:
    """Send a command to the process of a pid file and return the answer.

    Raises ``ControlError`` with the answer's error, and ``OSError`` when nobody answers.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(timeout)
        with _reachable(control_path(pid_file)) as path:
            sock.connect(path)
        sock.sendall(json.dumps({"command": command}).encode() + b"\n")
        received = bytearray()
        while not received.endswith(b"\n"):
            data = sock.recv(65536)
            if not data:
                raise OSError("the process ended before it answered")
            received += data
    answer: dict[str, Any] = json.loads(received)
    if not answer.get("ok"):
        raise ControlError(str(answer.get("error", "refused")))
    return answer


def write_pid(pid_file: str) -> None:
    """Write this process's id, completely or not at all; raises ``OSError``."""
    path = Path(pid_file)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    temporary.write_text(f"{os.getpid()}\n", encoding="ascii")
    temporary.replace(path)


def read_pid(pid_file: str) -> int:
    """Return the process id in a pid file; 0 when there is none or it is not running."""
    try:
        pid = int(Path(pid_file).read_text(encoding="ascii").strip())
    except (OSError, ValueError):
        return 0
    return pid if is_running(pid) else 0


def is_running(pid: int) -> bool:
    """Say whether a process exists (a zombie does not count)."""
    if pid <= 0:
        return False
    with suppress(OSError, IndexError):
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        return stat.rpartition(")")[2].split()[0] != "Z"
    return False


def remove_pid(pid_file: str) -> None:
    """Remove the pid file if it is still ours."""
    with suppress(OSError, ValueError):
        if int(Path(pid_file).read_text(encoding="ascii").strip()) == os.getpid():
            Path(pid_file).unlink()


def _make_directory(directory: Path) -> None:
    """Make the directory of the socket; one among everybody's files must be ours alone.

    Raises ``PermissionError`` when somebody else was there first.
    """
    directory.parent.mkdir(parents=True, exist_ok=True)
    shared = directory.parent.stat().st_mode & stat.S_IWOTH
    directory.mkdir(mode=0o700 if shared else 0o755, exist_ok=True)
    facts = directory.stat()
    if shared and (facts.st_uid != os.getuid() or facts.st_mode & 0o022):
        raise PermissionError(errno.EACCES, "its directory belongs to another user")


@contextmanager
def _reachable(path: str) -> Iterator[str]:
    """Yield a name for a socket that fits into a socket address, however long its path is."""
    if len(os.fsencode(path)) <= _LONGEST_PATH:
        yield path
        return
    directory = os.open(Path(path).parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{directory}/{Path(path).name}"
    finally:
        os.close(directory)


def _is_ours(sock: socket.socket) -> bool:
    credentials = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    _, user, _ = struct.unpack("3i", credentials)
    return user in (0, os.getuid())
