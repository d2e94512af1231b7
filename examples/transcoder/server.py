"""A Dubbo 2 server with one generic service, ``demo.Greeter``: python3 server.py PORT"""

import asyncio
import contextlib
import struct
import sys
from typing import Any

from pymosn.protocol.xprotocol.hessian import HessianReader, encode, encode_string

OK, SERVICE_NOT_FOUND = 20, 60


def answer(body: bytes) -> tuple[int, bytes]:
    """Return the status and the body for one call."""
    reader = HessianReader(body)
    _, service, version, _, _, method, types, arguments, attachments = (
        reader.read() for _ in range(9)
    )
    if service != "demo.Greeter" or method != "greet":
        return SERVICE_NOT_FOUND, encode_string(f"no {service}.{method}".encode())
    print(service, version, method, types, arguments, attachments.get("x-request-id"), flush=True)
    if arguments == [None]:
        thrown = b"C\x22java.lang.IllegalArgumentException\x91\x0ddetailMessage\x60"
        return OK, b"\x90" + thrown + encode("nobody to greet")
    result: Any = {"text": f"hello {arguments[0]}", "times": 1}
    return OK, b"\x91" + encode(result)


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
