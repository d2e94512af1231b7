"""What a Python filter sees of an exchange: ``Request``, ``Response`` and their headers.

Thin views over the stream; nothing is decoded before it is asked for.
"""

from collections.abc import ItemsView, Mapping
from typing import TYPE_CHECKING, Any

from pymosn.message import Head, ResponseHead, check_field
from pymosn.network.address import ip_text
from pymosn.router.path import read_target
from pymosn.stream.stream import Stream

if TYPE_CHECKING:
    from pymosn.proxy.downstream import ProxyStream
    from pymosn.proxy.transcoder import BodyTranscoder
    from pymosn.proxy.transcoding import Transcoder


class Headers:
    """The headers of a message: names without case, values as text (ISO 8859-1)."""

    _head: "Head"

    def __init__(self, head: Head) -> None:
        self._head = head

    def get(self, name: str, default: str | None = None) -> str | None:
        """Return the first value of ``name``, or ``default``."""
        value = self._head.get(name.lower().encode("latin-1"))
        return default if value is None else value.decode("latin-1")

    def get_all(self, name: str) -> list[str]:
        """Return all values of ``name``, in order."""
        values = self._head.get_all(name.lower().encode("latin-1"))
        return [value.decode("latin-1") for value in values]

    def add(self, name: str, value: str) -> None:
        """Append a header; raises ``ValueError`` when it could not be sent."""
        raw_name, raw_value = _checked(name, value)
        self._head.add(raw_name, raw_value)

    def items(self) -> list[tuple[str, str]]:
        """Return every (name, value), names spelled as they came."""
        return [(n.decode("latin-1"), v.decode("latin-1")) for n, v in self._head.items()]

    def __getitem__(self, name: str) -> str:
        value = self.get(name)
        if value is None:
            raise KeyError(name)
        return value

    def __setitem__(self, name: str, value: str) -> None:
        raw_name, raw_value = _checked(name, value)
        self._head.set(raw_name, raw_value)

    def __delitem__(self, name: str) -> None:
        if not self._head.remove(name.lower().encode("latin-1")):
            raise KeyError(name)

    def __contains__(self, name: str) -> bool:
        return self._head.get(name.lower().encode("latin-1")) is not None

    def __repr__(self) -> str:
        return f"Headers({self.items()!r})"


class BodyTooLarge(OverflowError):  # noqa: N818 -- part of the API
    """A body exceeds the limit that a filter set; unless it is caught, the reply is 413."""


class TranscodingError(Exception):
    """A message cannot be turned into one of another protocol; the client gets the text.

    ``status`` is the reply's, in HTTP's terms: 0 means 400 for a request and 502 for a response.
    """

    def __init__(self, text: str, status: int = 0) -> None:
        super().__init__(text)
        self.status = status


class Request:
    """A request under way.  Changes reach the upstream when made before it is sent."""

    stream: "ProxyStream"
    _headers: "Headers | None"
    _state: dict[Any, Any] | None

    def __init__(self, stream: Stream) -> None:
        self.stream = stream  # type: ignore[assignment]  # declared for what only a proxy has

    @property
    def method(self) -> str:
        """The method, as in ``GET``."""
        return self.stream.request.method.decode("latin-1")

    @property
    def target(self) -> str:
        """Path and query as they came, as in ``/a%20b?c=d``."""
        return self.stream.request.target.decode("latin-1")

    @target.setter
    def target(self, value: str) -> None:
        request = self.stream.request
        request.target = _checked_target(value)
        request.start = -1
        read_target(self.stream)

    @property
    def path(self) -> str:
        """The decoded, normalised path that routes are matched against."""
        return self.stream.path.decode("utf-8", "replace")

    @property
    def query(self) -> str:
        """What follows the question mark, undecoded."""
        return self.stream.query.decode("latin-1")

    @property
    def host(self) -> str:
        """The host that the client asked for, with its port if it gave one."""
        return self.stream.request.authority.decode("latin-1")

    @property
    def headers(self) -> Headers:
        """The request headers."""
        if self._headers is None:
            self._headers = Headers(self.stream.request)
        return self._headers

    @property
    def peer(self) -> str:
        """The client's IP address; empty on a Unix socket."""
        return ip_text(self.stream.connection.peer)

    @property
    def state(self) -> dict[str, Any]:
        """A place for whatever filters want to remember during this exchange."""
        if self._state is None:
            self._state = {}
        return self._state

    @property
    def cluster(self) -> str:
        """The cluster the route chose; empty before routing."""
        return self.stream.cluster_name

    @property
    def status(self) -> int:
        """The status of the response; 0 before there is one."""
        return self.stream.status

    def variable(self, name: str) -> object:
        """Return a variable set on this exchange, or None."""
        return self.stream.variable(name)

    def set_variable(self, name: str, value: object) -> None:
        """Set a variable that routes, header values and access logs can use."""
        self.stream.set_variable(name, value)

    def transcode(self, transcoder: "BodyTranscoder") -> None:
        """Pass the bodies of this exchange through ``transcoder``; from ``on_request`` and
        ``on_route`` only.  A request whose Content-Type says ``application/grpc`` by then is a
        gRPC call from now on."""
        self.stream.transcode(transcoder)

    def mirror(self, copies: int = 1, everywhere: bool = False) -> int:
        """Send copies of the request to the cluster that the route names for them; from
        ``on_route`` only.  Nobody waits for them.

        Returns how many are sent: none where the route has no mirror or a draw says so, and none
        of RPC or upgrades.  ``everywhere``: one to each healthy host.
        """
        return self.stream.mirror(copies, everywhere)

    def convert(self, transcoder: "Transcoder | None", upstream_protocol: str = "") -> None:
        """Turn this request into one of ``upstream_protocol`` with ``transcoder``; None: only the
        protocol changes.  From ``on_request``, ``on_route`` and ``on_host`` only; the filter names
        the protocols that it may need in its ``upstream_protocols``."""
        self.stream.convert(transcoder, upstream_protocol, self)

    async def body(self, limit: int = 1 << 20) -> bytes:
        """Return the whole request body once it has arrived.

        Raises ``BodyTooLarge`` when it is larger than ``limit`` bytes.
        """
        return await self.stream.read_body(limit)


class Response:
    """A response: one that a filter answers with, or the upstream's on its way back."""

    head: "ResponseHead"
    content: bytes

    def __init__(
        self,
        status: int = 200,
        headers: Mapping[str, str] | ItemsView[str, str] | None = None,
        body: bytes | str = b"",
    ) -> None:
        head = ResponseHead(status)
        head.start = -1
        for name, value in dict(headers or {}).items():
            raw_name, raw_value = _checked(name, value)
            head.add(raw_name, raw_value)
        self.head = head
        self.content = body.encode() if isinstance(body, str) else body

    @property
    def status(self) -> int:
        """The status code."""
        return self.head.status

    @status.setter
    def status(self, value: int) -> None:
        if not 200 <= value <= 599:
            raise ValueError(f"{value} is not a final status")
        self.head.status = value
        self.head.start = -1
        self.head.reason = b""

    @property
    def headers(self) -> Headers:
        """The response headers."""
        return Headers(self.head)

    def __repr__(self) -> str:
        return f"Response({self.status})"


def _checked(name: str, value: str) -> tuple[bytes, bytes]:
    raw_name = name.encode("latin-1")
    raw_value = str(value).encode("latin-1", "replace")
    check_field(raw_name, raw_value)
    return raw_name, raw_value


def _checked_target(value: str) -> bytes:
    target = value.encode("latin-1")
    if not target.startswith(b"/") or any(byte <= 32 or byte == 127 for byte in target):
        raise ValueError(f"{value!r} is not a request target")
    return target
