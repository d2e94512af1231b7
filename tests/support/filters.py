"""Stream filters for tests, which name them as a configuration does."""

import time

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


class Pause(StreamFilter):
    """Stops the whole worker while it handles a request for ``/pause``, as no filter should."""

    SECONDS = 0.4

    def on_request(self, request: Request) -> None:
        """Events gather meanwhile, and are handled in the order in which they came."""
        if request.path == "/pause":
            time.sleep(self.SECONDS)
