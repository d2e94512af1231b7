"""A bolt server of anthunder: ``anthunder_server.py PORT``; ends with its input."""

import logging
import socket
import sys
import time

from anthunder.listener import aio_listener

SERVICE = "com.example.Greeter:1.0"


class Greeter:
    """What it serves; each request has an object of its own."""

    def __init__(self, context: object) -> None:
        self._context = context

    def hello(self, content: bytes) -> bytes:
        return b"Hello " + content

    def echo(self, content: bytes) -> bytes:
        return content

    def slow(self, content: bytes) -> bytes:
        time.sleep(int(content) / 1000)
        return b"slept"

    def fail(self, content: bytes) -> bytes:
        raise ValueError("on purpose")


def main() -> None:
    logging.disable()
    port = int(sys.argv[1])
    listener = aio_listener.AioListener(("127.0.0.1", port), "tests")
    listener.handler.register_interface(SERVICE, Greeter)
    listener.run_threading()
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            break
        except OSError:
            time.sleep(0.02)
    print("= ready", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
