"""A proxy inside an asyncio program: its configuration is a dictionary, its filter a class here.

    python examples/embedded/main.py
"""

import asyncio
import sys

import pymosn
from pymosn.api import Request, Response, StreamFilter
from pymosn.extension.registry import Registry


class Hello(StreamFilter):
    """Answers ``/hello`` itself and lets everything else through."""

    def on_request(self, request: Request) -> Response | None:
        """Answer one path."""
        return Response(200, body="hello from a filter\n") if request.path == "/hello" else None


def configuration(listen: int, origin: int) -> dict[str, object]:
    """Return the short form as a dictionary."""
    return {
        "listen": f"127.0.0.1:{listen}",
        "name": "web",
        "to": f"127.0.0.1:{origin}",
        "filters": ["hello"],
    }


async def main(listen: int = 8080, origin: int = 9000) -> None:
    """Serve until cancelled."""
    registry = Registry.standard()
    registry.add("filters", "hello", Hello)
    async with pymosn.Server(configuration(listen, origin), registry=registry) as server:
        print(f"serving on {server.addresses['web']}", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    try:
        asyncio.run(main(*map(int, sys.argv[1:])))
    except KeyboardInterrupt:
        pass
