"""The listening sockets: bound, held and named by the supervisor.

Each worker has its own SO_REUSEPORT socket for a TCP address; a Unix socket is shared.  The
supervisor keeps them all open, so connections that wait on a dead worker's socket are served by
its replacement.  Sockets belong to addresses, not to listener names: a renamed listener keeps its
queue.
"""

import contextlib
import errno
import os
import socket
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from pymosn.network.address import is_unix, split, unix_path
from pymosn.snapshot import Listener

_WILDCARDS: Final = ("", "0.0.0.0", "::")


class BindError(Exception):
    """A listener's address cannot be bound; the text is one line for the operator."""


class _Binding:
    """The sockets of one address, and the Unix path to remove in the end."""

    def __init__(self, sockets: list[socket.socket]) -> None:
        self.sockets = sockets
        self.path = ""
        self.inode = 0

    @property
    def shared(self) -> bool:
        return self.sockets[0].family == socket.AF_UNIX

    def close(self) -> None:
        for sock in self.sockets:
            sock.close()
        if self.path:
            with contextlib.suppress(OSError):
                if os.stat(self.path).st_ino == self.inode:  # noqa: PTH116  no Path is needed
                    os.unlink(self.path)  # noqa: PTH108  a string is all there is


class ListeningSockets:
    """All listening sockets of a supervisor."""

    def __init__(self) -> None:
        self._bindings: dict[str, _Binding] = {}

    def bind(self, listeners: Iterable[Listener], workers: int) -> list[str]:
        """Make sure that each bound listener has its sockets for ``workers`` workers.

        Returns the keys of those that are new.  Raises ``BindError``; then nothing has changed.
        """
        wanted = [listener for listener in listeners if listener.bind]
        new: list[str] = []
        grown: list[tuple[_Binding, socket.socket]] = []
        try:
            for listener in wanted:
                binding = self._bindings.get(key(listener))
                if binding is None:
                    binding = self._first(listener, wanted)
                    self._bindings[key(listener)] = binding
                    new.append(key(listener))
                while not binding.shared and len(binding.sockets) < workers:
                    sock = _another(binding.sockets[0], listener)
                    binding.sockets.append(sock)
                    grown.append((binding, sock))
        except BindError:
            for binding, sock in grown:
                binding.sockets.remove(sock)
                sock.close()
            self.release(new)
            raise
        return new

    def release(self, keys: Iterable[str]) -> None:
        """Close the sockets that have these keys."""
        for known in keys:
            binding = self._bindings.pop(known, None)
            if binding is not None:
                binding.close()

    def keep_only(self, listeners: Iterable[Listener], workers: int) -> None:
        """Close what no listener, or no worker of so many, has a use for."""
        used = {key(listener) for listener in listeners if listener.bind}
        self.release([known for known in self._bindings if known not in used])
        for binding in self._bindings.values():
            if not binding.shared:
                for sock in binding.sockets[workers:]:
                    sock.close()
                del binding.sockets[workers:]

    def descriptor(self, known: str, worker: int) -> int:
        """Return the descriptor with the key ``known`` for the worker with this index."""
        sockets = self._bindings[known].sockets
        return sockets[0 if len(sockets) == 1 else worker].fileno()

    def bound_address(self, listener: Listener) -> str:
        """Return a listener's address, with the port that the kernel chose if it was 0."""
        binding = self._bindings.get(key(listener))
        if binding is None or binding.shared:
            return listener.address
        host, port = binding.sockets[0].getsockname()[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def close(self) -> None:
        """Close everything and remove the Unix sockets' files."""
        self.release(list(self._bindings))

    def _first(self, listener: Listener, wanted: list[Listener]) -> _Binding:
        if is_unix(listener.address):
            return _bind_unix(listener)
        address = _tcp_address(listener)
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        dual = address[0] == "::" and not any(
            other.address == f"0.0.0.0:{address[1]}" for other in wanted
        )
        if not self._shares_port(address[1]):
            _probe(listener, family, address, dual)
        return _Binding([_bind_tcp(listener, family, address, dual)])

    def _shares_port(self, port: int) -> bool:
        """Say whether a socket of ours has the port: then a probe would find only ourselves."""
        return any(
            not binding.shared and binding.sockets[0].getsockname()[1] == port
            for binding in self._bindings.values()
        )


def key(listener: Listener) -> str:
    """Return what a listener's sockets are kept by: its address, which with port 0 is its own."""
    address = listener.address
    return f"{listener.name} {address}" if address.endswith(":0") else address


def _tcp_address(listener: Listener) -> tuple[str, int]:
    try:
        host, port = split(listener.address)
    except ValueError as error:
        raise BindError(f"{_name(listener)}: {error}") from error
    return host or "0.0.0.0", port


def _probe(listener: Listener, family: int, address: tuple[str, int], dual: bool) -> None:
    """Find out whether somebody else listens: SO_REUSEPORT would join a stranger silently."""
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if dual else 1)
        try:
            probe.bind(address)
        except OSError as error:
            raise BindError(_explain(listener, error)) from error


def _bind_tcp(
    listener: Listener, family: int, address: tuple[str, int], dual: bool
) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if dual else 1)
        sock.bind(address)
        sock.listen(listener.backlog)
    except OSError as error:
        sock.close()
        raise BindError(_explain(listener, error)) from error
    return sock


def _another(first: socket.socket, listener: Listener) -> socket.socket:
    """Bind one more socket to the address of ``first``."""
    name = first.getsockname()
    dual = first.family == socket.AF_INET6 and not first.getsockopt(
        socket.IPPROTO_IPV6, socket.IPV6_V6ONLY
    )
    return _bind_tcp(listener, first.family, name[:2], dual)


def _bind_unix(listener: Listener) -> _Binding:
    path = unix_path(listener.address)
    abstract = path.startswith("@")
    target = "\0" + path[1:] if abstract else path
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        if not abstract:
            remove_stale(path)
        sock.bind(target)
        sock.listen(listener.backlog)
    except OSError as error:
        sock.close()
        raise BindError(_explain(listener, error)) from error
    binding = _Binding([sock])
    if not abstract:
        binding.path = str(Path(path).absolute())
        binding.inode = Path(path).stat().st_ino
    return binding


def remove_stale(path: str) -> None:
    """Remove a socket file on which nobody answers; any other file stays where it is.

    Raises ``OSError`` (EADDRINUSE) when somebody answers.
    """
    if not Path(path).is_socket():
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as probe:
        try:
            probe.connect(path)
        except (ConnectionRefusedError, FileNotFoundError):
            Path(path).unlink(missing_ok=True)
            return
        except BlockingIOError:
            pass  # it listens; its queue is full
    raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))


def _name(listener: Listener) -> str:
    return f"listener {listener.name!r}"


def _explain(listener: Listener, error: OSError) -> str:
    where = f"{_name(listener)}: {listener.address}"
    if error.errno == errno.EADDRINUSE:
        return f"{where} is in use by another program"
    if error.errno in (errno.EACCES, errno.EPERM):
        if is_unix(listener.address):
            return f"{where}: permission denied; the directory must be writable for this user"
        return (
            f"{where}: permission denied; a port below 1024 needs root or the capability"
            " CAP_NET_BIND_SERVICE (setcap, or AmbientCapabilities= in a systemd unit)"
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{where} is not an address of this machine"
    if error.errno == errno.ENOENT:
        return f"{where}: the directory does not exist"
    return f"{where} cannot be bound: {error.strerror}"
