"""What Linux knows of a TCP connection (struct tcp_info of linux/tcp.h)."""

import socket
import struct

SIZE = 160
SEGS_IN = 140
DATA_SEGS_IN = 152


def segments_received(sock: socket.socket) -> int:
    """Return how many segments came: with data, or none."""
    return _read(sock, SEGS_IN)


def data_segments_received(sock: socket.socket) -> int:
    """Return how many segments with data came."""
    return _read(sock, DATA_SEGS_IN)


def _read(sock: socket.socket, offset: int) -> int:
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, SIZE)
    return int(struct.unpack_from("=I", info, offset)[0])
