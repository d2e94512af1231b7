"""A transcoder for tests, as a user would write one: HTTP to bolt with a body turned around."""

from pymosn.api import Outgoing, Request, Response, Transcoder, TranscodingError


class Backwards(Transcoder):
    """Reverses what goes to a bolt host and what comes back."""

    upstream_protocol = "bolt"
    max_request = 100
    max_response = 100

    class Config:
        """Its options."""

        service: str

    def accepts(self, request: Request) -> bool:
        """Everything but what asks to be left alone."""
        return request.headers.get("x-as-it-is") is None

    def transcode_request(self, request: Request, body: bytes) -> Outgoing:
        """Fail in every way that there is when asked to."""
        wanted = request.headers.get("x-fail")
        if wanted == "request":
            raise TranscodingError("no such word", 422)
        if wanted == "bug":
            raise RuntimeError("a bug")
        return Outgoing.bolt({"service": self.config.service}, body[::-1])

    def transcode_response(self, request: Request, response: Response) -> Response:
        """The header map has the service."""
        if request.headers.get("x-fail") == "response":
            raise TranscodingError("what is that?")
        service = response.headers["service"]
        return Response(response.status, {"X-Service": service}, response.content[::-1])
