"""A Dubbo 2 server with one generic service, ``demo.Greeter``: python3 server.py PORT"""

import asyncio
import contextlib
import struct
import sys
from typing import Any

OK, SERVICE_NOT_FOUND = 20, 60


class Hessian:
    """As much of Hessian 2 as a generic call of strings needs."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, size: int) -> bytes:
        """Return the next bytes."""
        self.at += size
        return self.data[self.at - size : self.at]

    def read(self) -> Any:
        """Return a string, null, a small number, or a list or a map of such."""
        code = self.take(1)[0]
        if code < 0x20:
            return self.take(code).decode()  # of ASCII: a length counts characters
        if 0x30 <= code <= 0x33:
            return self.take((code - 0x30) * 256 + self.take(1)[0]).decode()
        if 0x80 <= code <= 0xBF:
            return code - 0x90
        if code == ord("N"):
            return None
        if code == ord("V"):
            self.read()  # the name of the type
            return [self.read() for _ in range(self.read())]
        if code == ord("H"):
            found = {}
            while self.data[self.at] != ord("Z"):
                key = self.read()
                found[key] = self.read()
            self.at += 1
            return found
        raise ValueError(f"this server does not know the code {code}")


def string(text: str) -> bytes:
    """Return a string of up to 1023 ASCII characters in Hessian 2."""
    return bytes((0x30 + len(text) // 256, len(text) % 256)) + text.encode()


def answer(body: bytes) -> tuple[int, bytes]:
    """Return the status and the body for one call."""
    reader = Hessian(body)
    _, service, version, _, _, method, types, arguments, attachments = (
        reader.read() for _ in range(9)
    )
    if service != "demo.Greeter" or method != "greet":
        return SERVICE_NOT_FOUND, string(f"no {service}.{method}")
    print(service, version, method, types, arguments, attachments.get("x-request-id"), flush=True)
    if arguments == [None]:
        thrown = b"C" + string("java.lang.IllegalArgumentException") + b"\x91"
        return OK, b"\x90" + thrown + string("detailMessage") + b"\x60" + string("nobody to greet")
    greeting = string("text") + string(f"hello {arguments[0]}") + string("times") + b"\x91"
    return OK, b"\x91H" + greeting + b"Z"


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the requests of one connection, heartbeats included."""
    try:
        while True:
            head = await reader.readexactly(16)
            flags, number, size = head[2], head[4:12], int.from_bytes(head[12:], "big")
            body = await reader.readexactly(size)
            if flags & 0x20:
                status, reply, kind = OK, b"N", 0x22
            else:
                status, reply = answer(body)
                kind = 0x02
            writer.write(struct.pack(">HBB8sI", 0xDABB, kind, status, number, len(reply)) + reply)
    except (OSError, asyncio.IncompleteReadError):
        writer.close()


async def main() -> None:
    """Serve until interrupted."""
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())
