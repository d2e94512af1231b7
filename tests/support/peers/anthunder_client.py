"""A bolt client of anthunder: ``anthunder_client.py PORT``; see tests/support/dialogue.py."""

import asyncio
import logging
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from anthunder import AioClient
from mytracer import SpanContext

SERVICE = "com.example.Greeter:1.0"


class Client(AioClient):  # type: ignore[misc]
    """Without a mesh to subscribe in: every service is at one address."""

    def __init__(self, port: int) -> None:
        self.mesh_service_address = ("127.0.0.1", port)
        super().__init__("tests")
        self._mesh_client = None

    def call(self, method: str, content: bytes, timeout: int = 5000) -> str:
        result: bytes = self.invoke_sync(
            SERVICE, method, content, spanctx=SpanContext(), timeout_ms=timeout
        )
        return result.decode()


def answer(client: Client, words: list[str]) -> str:
    match words:
        case ["hello", name]:
            return client.call("hello", name.encode())
        case ["large", size]:
            text = "锐" * int(size)
            return str(client.call("echo", text.encode()) == text)
        case ["many", calls, threads]:
            with ThreadPoolExecutor(int(threads)) as pool:
                names = [f"n{number}" for number in range(int(calls))]
                greetings = pool.map(lambda name: client.call("hello", name.encode()), names)
                return str(
                    sum(
                        text == f"Hello {name}"
                        for text, name in zip(greetings, names, strict=True)
                    )
                )
        case ["slow", milliseconds, limit]:
            return client.call("slow", milliseconds.encode(), int(limit))
        case ["call", name]:
            return client.call(name, b"x", 1000)
        case ["heartbeat"]:
            beat = client.invoke_heartbeat(client.mesh_service_address)
            return str(asyncio.run_coroutine_threadsafe(beat, client._loop).result(5))
    raise ValueError(words)


def main() -> None:
    logging.disable()
    client = Client(int(sys.argv[1]))
    say("ready")
    for line in sys.stdin:
        try:
            say(answer(client, line.split()))
        except Exception as error:
            say(f"{type(error).__name__}: {error}")


def say(text: Any) -> None:
    print(f"= {text}", flush=True)


if __name__ == "__main__":
    main()
