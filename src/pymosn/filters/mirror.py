"""``mirror``: copies of requests for another cluster, as ``request_mirror_policies`` of their route
says (spec §2.4).
"""

from typing import Any

from pymosn.api import Request, Response, StreamFilter


class Mirror(StreamFilter):
    """The filter.  Nobody waits for the copies, and their responses are only counted."""

    class Config:
        """``amplification``: copies of a request.  ``broadcast``: one for each healthy host, and
        the client is answered 200 at once."""

        amplification: int = 1
        broadcast: bool = False

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        if not 0 <= config.amplification <= 100:
            raise ValueError("mirror: amplification is a number from 0 to 100")
        self.on_route = self.broadcast if config.broadcast else self.copy

    def copy(self, request: Request) -> None:
        """Send the copies; the request goes on."""
        request.mirror(self.config.amplification)

    async def broadcast(self, request: Request) -> Response | None:
        """Send the copies in the request's place."""
        if not request.mirror(everywhere=True):
            return None
        await request.body()
        return Response(200)
