"""A message channel over a Unix stream socket, with descriptors.

A frame is ``length: u32, descriptors: u32`` (big endian) and ``length`` bytes of msgpack.  The
descriptors ride on the frame's first bytes, at most 200 a byte (the kernel takes 253), so they
have all arrived when the frame is complete.  Works on any asyncio loop; knows no message.
"""

import array
import asyncio
import os
import socket
import struct
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, Generic, TypeVar

import msgspec

T = TypeVar("T")

_HEADER: Final = struct.Struct("!II")
_FDS_A_BYTE: Final = 200
_MAX_FDS: Final = _FDS_A_BYTE * _HEADER.size
_ANCILLARY: Final = socket.CMSG_SPACE(256 * array.array("i").itemsize)
_CHUNK: Final = 65536


class ChannelError(Exception):
    """The other side broke the framing, or does not take what it is sent."""


class Channel(Generic[T]):
    """One end of the socket; ``T`` is the union of messages that this end receives."""

    def __init__(
        self,
        sock: socket.socket,
        loop: asyncio.AbstractEventLoop,
        decoder: msgspec.msgpack.Decoder[T],
        on_message: Callable[[T, list[int]], None],
        on_closed: Callable[[str], None],
        *,
        limit: int,
        outbox_limit: int = 256 << 20,
    ) -> None:
        """Read from ``sock``, which becomes the channel's.

        ``on_message`` gets each message and owns its descriptors.  ``on_closed`` is called once,
        with the reason or, at an orderly end, an empty text; not after ``close()``.
        """
        sock.setblocking(False)
        self._sock = sock
        self._loop = loop
        self._decoder = decoder
        self._encoder = msgspec.msgpack.Encoder()
        self._on_message = on_message
        self._on_closed = on_closed
        self._limit = limit
        self._outbox_limit = outbox_limit
        self._inbox = bytearray()
        self._fds: list[int] = []
        self._outbox: deque[tuple[memoryview, list[int]]] = deque()
        self._outbox_size = 0
        self.closed = False
        loop.add_reader(sock, self._read)

    def send(self, message: Any, fds: Sequence[int] = ()) -> None:
        """Send a message; the descriptors stay the caller's.

        Nothing happens on a closed channel.  Raises ``ChannelError`` when there are more than
        1600 descriptors or the other side has long not read.
        """
        if self.closed:
            return
        if len(fds) > _MAX_FDS:
            raise ChannelError(f"{len(fds)} descriptors in one message; {_MAX_FDS} are possible")
        body = self._encoder.encode(message)
        frame = memoryview(_HEADER.pack(len(body), len(fds)) + body)
        if self._outbox_size + len(frame) > self._outbox_limit:
            raise ChannelError("the other side does not read")
        for piece, riders in _pieces(frame, fds):
            self._enqueue(piece, riders)

    def close(self) -> None:
        """Close the socket and every descriptor that nobody has taken."""
        if self.closed:
            return
        self.closed = True
        self._loop.remove_reader(self._sock)
        if self._outbox:
            self._loop.remove_writer(self._sock)
        for fd in self._fds:
            os.close(fd)
        for _, riders in self._outbox:
            for fd in riders:
                os.close(fd)
        self._outbox.clear()
        self._sock.close()

    def _enqueue(self, piece: memoryview, fds: Sequence[int]) -> None:
        if not self._outbox:
            sent = self._write(piece, fds)
            if sent == len(piece) or self.closed:
                return
            piece = piece[sent:]
            if sent:
                fds = ()
            self._loop.add_writer(self._sock, self._flush)
        # The caller may close its descriptors before ours are on the way.
        self._outbox.append((piece, [os.dup(fd) for fd in fds]))
        self._outbox_size += len(piece)

    def _flush(self) -> None:
        while self._outbox:
            piece, fds = self._outbox[0]
            sent = self._write(piece, fds)
            if self.closed or not sent:
                return
            for fd in fds:
                os.close(fd)
            self._outbox_size -= sent
            if sent == len(piece):
                self._outbox.popleft()
            else:
                self._outbox[0] = (piece[sent:], [])
        self._loop.remove_writer(self._sock)

    def _write(self, piece: memoryview, fds: Sequence[int]) -> int:
        """Return the bytes taken; 0: try later, or the channel has been closed."""
        try:
            if fds:
                rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))
                return self._sock.sendmsg([piece], [rights], socket.MSG_NOSIGNAL)
            return self._sock.send(piece, socket.MSG_NOSIGNAL)
        except (BlockingIOError, InterruptedError):
            return 0
        except (BrokenPipeError, ConnectionResetError):
            # What the other side said last is still to be read; that ends the channel.
            self._fail_later()
            return 0
        except OSError as error:
            self._fail(error.strerror or str(error))
            return 0

    def _fail_later(self) -> None:
        self._loop.call_soon(self._read)

    def _read(self) -> None:
        if self.closed:
            return
        try:
            data, ancillary, flags, _ = self._sock.recvmsg(
                _CHUNK, _ANCILLARY, socket.MSG_CMSG_CLOEXEC
            )
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._fail(error.strerror or str(error))
            return
        for level, kind, payload in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                rights = array.array("i")
                rights.frombytes(payload[: len(payload) - len(payload) % rights.itemsize])
                self._fds.extend(rights)
        if flags & socket.MSG_CTRUNC:
            self._fail("descriptors were lost: the limit of open files is reached")
        elif not data:
            self._fail("the other side stopped within a message" if self._inbox else "")
        else:
            self._inbox += data
            self._take_frames()

    def _take_frames(self) -> None:
        position = 0
        inbox = self._inbox
        while not self.closed and len(inbox) - position >= _HEADER.size:
            length, count = _HEADER.unpack_from(inbox, position)
            if length > self._limit or count > _MAX_FDS:
                self._fail(f"a message of {length} bytes and {count} descriptors is too large")
                return
            end = position + _HEADER.size + length
            if len(inbox) < end:
                break
            body = bytes(memoryview(inbox)[position + _HEADER.size : end])
            position = end
            self._deliver(body, count)
        del inbox[:position]

    def _deliver(self, body: bytes, count: int) -> None:
        if count > len(self._fds):
            self._fail("descriptors are missing")
            return
        fds, self._fds = self._fds[:count], self._fds[count:]
        try:
            message = self._decoder.decode(body)
        except msgspec.DecodeError as error:
            for fd in fds:
                os.close(fd)
            self._fail(f"a message cannot be understood: {error}")
            return
        self._on_message(message, fds)

    def _fail(self, reason: str) -> None:
        if not self.closed:
            self.close()
            self._on_closed(reason)


def _pieces(frame: memoryview, fds: Sequence[int]) -> list[tuple[memoryview, Sequence[int]]]:
    """Cut the frame so that each piece begins with the byte its descriptors ride on."""
    pieces: list[tuple[memoryview, Sequence[int]]] = []
    start = 0
    while len(fds) > _FDS_A_BYTE:
        pieces.append((frame[start : start + 1], fds[:_FDS_A_BYTE]))
        fds = fds[_FDS_A_BYTE:]
        start += 1
    pieces.append((frame[start:], fds))
    return pieces
