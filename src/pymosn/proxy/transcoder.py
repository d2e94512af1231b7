"""What a filter may put between a client and everything behind it, to change the form of a body.

Counterpart: ``ProxyStream`` passes what the client sends through it before anybody else sees it,
and what goes to the client behind everybody else.
"""

from pymosn.proxy.exchange import Headers


class BodyTranscoder:
    """Changes the bodies of one exchange.  As it is, it changes nothing.

    A filter gives one to ``Request.transcode``.  The lengths that the heads announced are
    withdrawn, because they hold no longer.
    """

    def request_data(self, data: bytes, end: bool) -> bytes | None:
        """Return what ``data`` stands for; ``end``: it was the last.  None: it is malformed, and
        the reply is 400."""
        return data

    def response_headers(self, headers: Headers, end: bool) -> bool:
        """Change the head of the response; ``end``: it has no body.  False: this response is not
        to be changed."""
        return True

    def response_data(self, data: bytes) -> bytes:
        """Return ``data`` as the client wants it."""
        return data

    def response_end(self, trailers: Headers | None) -> bytes:
        """Return what is to be the end of the body, in the place of ``trailers``, of which there
        may be none."""
        return b""
