"""A proxy inside an asyncio program: its configuration is a dictionary, its filter a class here.

python main.py [PORT [PORT OF THE ORIGIN]]
"""

import asyncio
import contextlib
import sys

import pymosn
from pymosn.api import Request, Response, StreamFilter


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
        "filters": [f"{__name__}:Hello"],
    }


async def main(listen: int = 8080, origin: int = 9000) -> None:
    """Serve until cancelled."""
    async with pymosn.Server(configuration(listen, origin)) as server:
        print(f"serving on {server.addresses['web']}", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(*map(int, sys.argv[1:])))
