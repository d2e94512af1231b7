"""Calls a service for each name: ``python3 client.py 8080 greeter ann bob``."""

import socket
import sys

from pigeon import Pigeon

from pymosn.api import Frame

port, service, *names = sys.argv[1:]
pigeon = Pigeon()
with socket.create_connection(("127.0.0.1", int(port)), timeout=10) as connection:
    # All at once: what belongs to which is told by the ids.
    for number, name in enumerate(names):
        frame = Frame(id=number, headers=[("service", service)], content=name.encode())
        connection.sendall(pigeon.encode(frame))
    data = b""
    waiting = len(names)
    while waiting:
        data += connection.recv(65536)
        while (frame := pigeon.decode(memoryview(data))) is not None:
            data = data[frame.size :]
            waiting -= 1
            word = "failed" if frame.status else "ok"
            print(f"{frame.id} {word}: {bytes(frame.content).decode()}")
