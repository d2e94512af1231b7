"""A WebSocket server that sends back what it gets.  Needs: pip install websockets."""

import asyncio
import contextlib
import sys

from websockets.asyncio.server import ServerConnection, serve


async def echo(connection: ServerConnection) -> None:
    """Serve one client."""
    async for message in connection:
        await connection.send(message)


async def main(port: int) -> None:
    """Serve until Ctrl-C."""
    async with serve(echo, "127.0.0.1", port) as server:
        print(f"echoing on 127.0.0.1:{port}", flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 9000))
