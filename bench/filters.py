"""The Python filter whose price the `filter` scenario measures."""

from __future__ import annotations

from pymosn.api import Request, Response, StreamFilter


class Greeter(StreamFilter):
    """Looks at one header of each request and lets the request pass."""

    def on_request(self, request: Request) -> Response | None:
        request.headers.get("x-token")
        return None
