"""Stream filters for tests, which name them as a configuration does."""

from pymosn.api import Request, Response, StreamFilter


class Labels(StreamFilter):
    """Adds to each response what its configuration said in two phases."""

    class Config:
        """The label, which every level that configures the filter must give."""

        label: str

    def on_request(self, request: Request) -> None:
        """There is no route yet."""
        request.state["early"] = self.config_for(request).label

    def on_response(self, request: Request, response: Response) -> None:
        """By now there is one."""
        response.headers["x-early"] = request.state["early"]
        response.headers["x-label"] = self.config_for(request).label
