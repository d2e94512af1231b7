"""Two stream filters: one that only looks, one that asks another service."""

import asyncio

from pymosn.api import Request, Response, StreamFilter


class TokenCheck(StreamFilter):
    """Lets known tokens in and tells the origin whose they are."""

    class Config:
        """The filter's options; a wrong one is refused when the configuration is read."""

        header: str = "x-token"
        tokens: dict[str, str]

    def on_request(self, request: Request) -> Response | None:
        """Answer 401 unless the token is known."""
        user = self.config.tokens.get(request.headers.get(self.config.header))
        if user is None:
            return Response(401, {"Content-Type": "text/plain"}, "who are you?\n")
        request.state["user"] = user
        del request.headers[self.config.header]
        request.headers["x-user"] = user
        return None

    def on_response(self, request: Request, response: Response) -> None:
        """Tell the client who it is."""
        if "user" in request.state:
            response.headers["x-served-for"] = request.state["user"]


class QuotaLookup(StreamFilter):
    """Asks a service about the user before the request goes on."""

    class Config:
        """Where the service is."""

        host: str = "127.0.0.1"
        port: int
        timeout: float = 0.5

    async def on_request(self, request: Request) -> Response | None:
        """Answer 429 when the service does, go on when it is silent."""
        user = request.state.get("user", "")
        try:
            status = await asyncio.wait_for(self._ask(f"/quota/{user}"), self.config.timeout)
        except (OSError, TimeoutError):
            request.headers["x-quota"] = "unknown"
            return None
        if status == 429:
            return Response(429, {"Retry-After": "1"}, "later, please\n")
        request.headers["x-quota"] = "ok"
        return None

    async def _ask(self, path: str) -> int:
        reader, writer = await asyncio.open_connection(self.config.host, self.config.port)
        try:
            writer.write(f"GET {path} HTTP/1.0\r\nHost: quota\r\n\r\n".encode())
            status_line = await reader.readline()
        finally:
            writer.close()
        return int(status_line.split(b" ")[1])
