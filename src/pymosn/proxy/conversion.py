"""One exchange whose host speaks another protocol than its client.

Where a ``Transcoder`` (proxy/transcoding.py) turns the messages, they are waited for until they are
whole: the request stays the client's for routes, filters and logs, and ``Stream.outgoing`` is what
the host gets; the response is made the client's before the first filter sees it.  Without one only
the protocol differs, and messages stream as ever.  ``ProxyStream`` owns the object.
"""

import sys
from typing import TYPE_CHECKING, Any

from pymosn.message import RequestHead, ResponseHead
from pymosn.proxy.exchange import Request, Response, TranscodingError
from pymosn.stream.stream import FAILURES, REQUEST_TOO_LARGE, TERMINATED, UPSTREAM_PROTOCOL

if TYPE_CHECKING:
    from pymosn.proxy.downstream import ProxyStream

_UPSTREAM_PROTOCOL = UPSTREAM_PROTOCOL
_TERMINATED = TERMINATED


class Conversion:
    """``protocol`` is what the host speaks, empty for what the route says; ``turns``: a transcoder
    turns the messages; ``waits``: it has not got the whole request yet."""

    stream: "ProxyStream"
    protocol: str
    turns: bool
    waits: bool
    _transcoder: Any
    _facade: "Request"
    _held: int

    def begin(
        self, stream: "ProxyStream", transcoder: object, protocol: str, facade: Request
    ) -> None:
        """``transcoder`` None: only the protocol differs."""
        self.stream = stream
        self.protocol = protocol
        self.turns = transcoder is not None
        self._transcoder = transcoder
        self._facade = facade

    def request(self) -> bool:
        """Turn the request; False: it is not whole yet, or it was answered here."""
        stream = self.stream
        body = stream.kept_body()
        if body.size > self._transcoder.max_request:
            self.waits = False
            stream.reply(413, b"the body is too large\n", REQUEST_TOO_LARGE)
            return False
        if not stream.request_ended:
            if not self.waits:
                self.waits = True
                stream.sender.send_continue()
            stream.resume_request()
            return False
        self.waits = False
        try:
            made = self._transcoder.transcode_request(self._facade, b"".join(body.pieces))
            content: bytes = made.content
            head: RequestHead = made.head
        except Exception:  # a user's code
            self._failed(sys.exc_info()[1], 400)
            return False
        if not head.is_rpc() and head.get(b"host") is None:
            head.authority = stream.host.authority()
            head.add(b"Host", head.authority)
        stream.outgoing = head
        body.take()
        body.keep(content)
        stream.request_trailers = None
        return True

    def on_response_data(self, size: int) -> None:
        """So many bytes more of a response are held."""
        self._held += size
        if self._held > self._transcoder.max_response:
            self.stream.cut_response(_UPSTREAM_PROTOCOL)

    def response(self) -> bool:
        """Make the host's response the client's; False: something else was answered."""
        stream = self.stream
        answer = Response.__new__(Response)
        answer.head = stream.response  # type: ignore[assignment]  # there is one
        answer.content = b"".join(stream.held or ())
        stream.held = None
        stream.response_trailers = None
        try:
            made = self._transcoder.transcode_response(self._facade, answer)
            content: bytes = made.content
            head: ResponseHead = made.head
        except Exception:  # a user's code
            self._failed(sys.exc_info()[1], 502)
            return False
        stream.response = head
        stream.status = head.status
        stream.reply_body = content
        return True

    def _failed(self, error: BaseException | None, status: int) -> None:
        """Answer for a message that cannot be turned into one of the other protocol."""
        stream = self.stream
        stream.flags |= FAILURES[_TERMINATED].flag
        if isinstance(error, TranscodingError):
            stream.details = "a message that cannot be transcoded"
            head = ResponseHead(error.status or status)
            head.start = -1
            head.add(b"Content-Type", b"text/plain; charset=utf-8")
            stream.reply_with(head, str(error).encode("utf-8", "replace") + b"\n")
            return
        stream.proxy.extension_failed("transcoder", self._transcoder, error)
        stream.details = "transcoder failed"
        stream.reply(500, b"transcoder failed\n", 0)
