"""Requests of one protocol as those of another, and the responses back.

A ``Transcoder`` works on whole messages; ``Conversion`` (proxy/conversion.py) waits for them.
Replies of the proxy's own do not come by here: they are in the client's protocol anyway.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final

from pymosn.message import CONNECTION_FIELDS, RequestHead, ResponseHead, check_field
from pymosn.protocol.xprotocol import bolt, dubbo
from pymosn.protocol.xprotocol.generic import Call, CallError, new_call, write_call
from pymosn.proxy.exchange import Response, TranscodingError
from pymosn.proxy.filters import checked_config

if TYPE_CHECKING:
    from pymosn.proxy.exchange import Request

Fields = Mapping[str, str] | Iterable[tuple[str, str]]

MAX_REQUEST: Final = 1 << 20
MAX_RESPONSE: Final = 1 << 22


class Outgoing:
    """A request for a host; make it with one of the class methods."""

    def __init__(self, head: RequestHead, content: bytes) -> None:
        self.head = head
        self.content = content

    @classmethod
    def http(
        cls,
        method: str,
        target: str,
        headers: Fields = (),
        body: bytes = b"",
        host: str = "",
    ) -> "Outgoing":
        """Return a request of HTTP, for hosts of either version.

        ``target`` is a path, with a query if there is one; ``host`` empty: the address of the
        host.  Header fields that HTTP cannot carry, and those that belong to a connection, are
        left out.
        """
        head = RequestHead()
        head.start = -1
        head.method = method.encode("latin-1", "replace")
        head.target = target.encode("latin-1", "replace")
        _check(head.method, head.target)
        if not head.target.startswith(b"/") or b" " in head.target:
            raise TranscodingError(f"{target[:200]!r} is not a request target")
        for name, value in http_fields(_pairs(headers)):
            head.add(name, value)
        if host:
            head.authority = host.encode("latin-1", "replace")
            _check(b"Host", head.authority)
            head.add(b"Host", head.authority)
        if body or method not in ("GET", "HEAD", "DELETE", "OPTIONS"):
            head.content_length = len(body)
            head.add(b"Content-Length", b"%d" % len(body))
        return cls(head, body)

    @classmethod
    def bolt(
        cls,
        headers: Fields = (),
        content: bytes = b"",
        *,
        timeout: int = 0,
        class_name: str = "com.alipay.sofa.rpc.core.request.SofaRequest",
    ) -> "Outgoing":
        """Return a request of bolt; ``headers`` are its header map, ``timeout`` in milliseconds."""
        try:
            head = bolt.new_request(_pairs(headers), len(content), timeout, class_name.encode())
        except ValueError as error:
            raise TranscodingError(str(error)) from None
        return cls(head, content)

    @classmethod
    def dubbo(
        cls,
        service: str,
        method: str,
        arguments: list[Any],
        types: list[str] | None = None,
        *,
        version: str = "",
        attachments: Mapping[str, str] | None = None,
        generic: bool = True,
    ) -> "Outgoing":
        """Return a call of Dubbo.

        ``arguments`` are what JSON can say.  ``types`` are names of Java's types, against which
        they are checked; a generic call can do without.
        """
        return cls.dubbo_call(
            service, method, _checked_call(types, arguments), version=version,
            attachments=attachments, generic=generic,
        )  # fmt: skip

    @classmethod
    def dubbo_call(
        cls,
        service: str,
        method: str,
        call: Call,
        *,
        version: str = "",
        attachments: Mapping[str, str] | None = None,
        generic: bool = True,
        invoke: str = "$invoke",
    ) -> "Outgoing":
        """The same with arguments that were read already."""
        try:
            body = write_call(
                service, version, method, call, dict(attachments or {}), generic=generic,
                invoke=invoke,
            )  # fmt: skip
            return cls(dubbo.new_request(body), body)
        except ValueError as error:
            raise TranscodingError(str(error)) from None


class Transcoder:
    """Turns requests of one protocol into those of another, and the responses back.

    One object serves all requests of a rule; what belongs to one is kept in ``request.state``.
    ``Config``, when defined, is a class with annotated fields; the rule's ``config`` is checked
    against it and becomes ``self.config``.
    """

    Config: ClassVar[type] = dict
    upstream_protocol: str = ""
    """What hosts are spoken to in; empty: what the rule says, else the route."""
    whole: bool = True
    """False: only the protocol changes, and what the proxy does of its own accord is enough."""
    max_request: int = MAX_REQUEST
    """Bytes of a request's body; beyond, the answer is 413."""
    max_response: int = MAX_RESPONSE
    """Bytes of a response's body; beyond, the answer is 502."""

    def __init__(self, config: Any) -> None:
        self.config = config

    @classmethod
    def checked(cls, config: Any) -> Any:
        """Return ``config``, checked against ``Config``; raises ``ValueError``."""
        return checked_config(cls.Config, config)

    def accepts(self, request: "Request") -> bool:
        """Say whether this request is to be turned into another; others pass as they are."""
        return True

    def transcode_request(self, request: "Request", body: bytes) -> Outgoing:
        """Return what the host gets.  Raises ``TranscodingError`` for what the client has done
        wrong."""
        raise NotImplementedError

    def transcode_response(self, request: "Request", response: Response) -> Response:
        """Return what the client gets for the host's ``response`` and its ``content``.

        ``response.status`` is the host's in HTTP's terms.  Raises ``TranscodingError``.
        """
        raise NotImplementedError


def _checked_call(types: list[str] | None, arguments: list[Any]) -> Call:
    try:
        return new_call(types, arguments)
    except CallError as error:
        raise TranscodingError(str(error)) from None


def _check(name: bytes, value: bytes) -> None:
    try:
        check_field(name, value)
    except ValueError as error:
        raise TranscodingError(str(error)) from None


def http_fields(fields: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return the fields of another protocol that can be HTTP's."""
    kept = []
    for name, value in fields:
        try:
            check_field(name, value)
        except ValueError:
            continue
        if name.lower() not in CONNECTION_FIELDS:
            kept.append((name, value.strip(b" \t")))
    return kept


def plain_fields(fields: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return the fields of an HTTP message that mean something beyond its connection."""
    return [(name, value) for name, value in fields if name.lower() not in CONNECTION_FIELDS]


def bolt_response(
    request: "Request", status: int, headers: Fields = (), content: bytes = b""
) -> Response:
    """Return a response for the bolt client of ``request``; ``status`` is in HTTP's terms."""
    asked = request.stream.request
    version = asked.version if isinstance(asked, bolt.BoltRequest) else 1
    return _response(bolt.new_response(status, _pairs(headers), len(content), version), content)


def dubbo_response(status: int, body: bytes) -> Response:
    """Return a response for a Dubbo client; where ``status`` means success, ``body`` is a result
    in Hessian 2, else it is an encoded string."""
    return _response(dubbo.new_response(status, body), body)


def http_response(
    status: int, headers: Iterable[tuple[bytes, bytes]] = (), content: bytes = b""
) -> Response:
    """Return a response of HTTP, with those of ``headers`` that it can carry."""
    head = ResponseHead(status)
    head.start = -1
    for name, value in http_fields(headers):
        head.add(name, value)
    return _response(head, content)


def _response(head: ResponseHead, content: bytes) -> Response:
    response = Response.__new__(Response)
    response.head = head
    response.content = content
    return response


def _pairs(headers: Fields) -> list[tuple[bytes, bytes]]:
    items = headers.items() if isinstance(headers, Mapping) else headers
    return [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in items]


__all__ = [
    "Outgoing",
    "Transcoder",
    "TranscodingError",
    "bolt_response",
    "dubbo_response",
    "http_response",
]
