"""The transcoders that come with pymosn; ``filters/transcoder.py`` chooses among them.

Interpreted: they are made of calls of the standard library and of one another.
"""

import re
from types import MappingProxyType
from typing import Final, Literal
from urllib.parse import quote, unquote

from pymosn.protocol.xprotocol.dubbo import (
    HESSIAN2,
    OK,
    SERIALIZATION,
    DubboRequest,
    DubboResponse,
    takes_attachments,
)
from pymosn.protocol.xprotocol.generic import (
    CallError,
    ResultError,
    call_json,
    error_json,
    json_error,
    read_call,
    read_error,
    read_result,
    result_json,
    write_result,
)
from pymosn.protocol.xprotocol.hessian import encode_string
from pymosn.proxy.exchange import Request, Response, TranscodingError
from pymosn.proxy.transcoding import (
    Outgoing,
    Transcoder,
    bolt_response,
    dubbo_response,
    http_response,
    plain_fields,
)

ATTACHMENT: Final = "dubbo-attachment-"
"""Header fields of HTTP that begin so are attachments of Dubbo."""

_SERVICE: Final = re.compile(r"[A-Za-z0-9_$][A-Za-z0-9_$./:-]{0,299}", re.ASCII)
_METHOD: Final = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]{0,199}", re.ASCII)


class HttpToHttp2(Transcoder):
    """``httpTohttp2``: HTTP/1.1 goes on as HTTP/2."""

    upstream_protocol = "Http2"
    whole = False

    def accepts(self, request: Request) -> bool:
        return not request.stream.request.is_rpc()


class Http2ToHttp(HttpToHttp2):
    """``http2Tohttp``: HTTP/2 goes on as HTTP/1.1."""

    upstream_protocol = "Http1"


class HttpToBolt(HttpToHttp2):
    """``http2bolt_simple``: fields of HTTP are the header map of bolt, bodies its contents."""

    upstream_protocol = "bolt"


class BoltToHttp(Transcoder):
    """``bolt2http_simple``: a bolt request is ``POST /service/method``, its header map the header
    fields, and its content the body; the response's fields are a header map again."""

    upstream_protocol = "Http1"

    class Config:
        """Its options."""

        method: str = "POST"
        target: str = ""
        """The path of every request; empty: from the names of service and method."""
        host: str = ""
        """The ``Host`` of every request; empty: the host's address."""
        content_type: str = "application/octet-stream"
        """Where the header map says nothing."""

    def accepts(self, request: Request) -> bool:
        return request.stream.request.is_rpc()

    def transcode_request(self, request: Request, body: bytes) -> Outgoing:
        config = self.config
        head = request.stream.request
        target = config.target
        if not target:
            names = (head.rpc_service(), head.rpc_method())
            target = "/" + "/".join(quote(name, safe=":@!$&'()*+,;=~") for name in names if name)
        headers = request.headers.items()
        if request.headers.get("content-type") is None:
            headers.append(("Content-Type", config.content_type))
        return Outgoing.http(config.method, target, headers, body, config.host)

    def transcode_response(self, request: Request, response: Response) -> Response:
        fields = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in _plain(response)]
        try:
            return bolt_response(request, response.status, fields, response.content)
        except ValueError as error:
            raise TranscodingError(str(error)) from None


class JsonToDubbo(Transcoder):
    """``http2dubbo``: JSON over HTTP is a call of a Dubbo service, and its result is JSON.

    ``POST /service/method`` with ``{"types": ["java.lang.String"], "args": ["a"]}``, or only the
    list of the arguments.  ``tri-service-version`` and ``tri-service-group`` name version and
    group; fields that begin with ``dubbo-attachment-`` are attachments.
    """

    upstream_protocol = "dubbo"

    class Config:
        """Its options."""

        service: str = ""
        """Empty: the last segment of the path but one."""
        method: str = ""
        """Empty: the last segment of the path."""
        version: str = ""
        """Where the request does not say."""
        group: str = ""
        """Where the request does not say."""
        types: list[str] | None = None
        """The types of the parameters; else the request names them."""
        generic: bool = True
        """Call ``$invoke``; False: the method itself, whose parameters' types must be known."""
        asynchronous: bool = False
        """Call ``$invokeAsync`` instead of ``$invoke``."""
        attachment_headers: list[str] = []  # noqa: RUF012 -- of a configuration
        """Header fields that become attachments of the same name."""
        dates: Literal["iso", "millis"] = "iso"
        """How dates of results are written."""

    def accepts(self, request: Request) -> bool:
        return not request.stream.request.is_rpc()

    def transcode_request(self, request: Request, body: bytes) -> Outgoing:
        config = self.config
        if request.method not in ("POST", "GET"):
            raise TranscodingError(f"{request.method} is neither POST nor GET", 405)
        given = (request.headers.get("content-type") or "").partition(";")[0].strip().lower()
        if body and given not in ("", "application/json") and not given.endswith("+json"):
            raise TranscodingError(f"{given[:100]!r} is not JSON", 415)
        service, method = self._names(request)
        headers = request.headers
        attachments = {
            name.lower().removeprefix(ATTACHMENT): value
            for name, value in headers.items()
            if name.lower().startswith(ATTACHMENT)
        }
        for name in config.attachment_headers:
            value = headers.get(name)
            if value is not None:
                attachments[name] = value
        group = headers.get("tri-service-group") or config.group
        if group:
            attachments["group"] = group
        try:
            call = read_call(body, config.types)
        except CallError as error:
            raise TranscodingError(str(error)) from None
        return Outgoing.dubbo_call(
            service,
            method,
            call,
            version=headers.get("tri-service-version") or config.version,
            attachments=attachments,
            generic=config.generic,
            invoke="$invokeAsync" if config.asynchronous else "$invoke",
        )

    def transcode_response(self, request: Request, response: Response) -> Response:
        head = response.head
        fields = [(b"Content-Type", b"application/json")]
        if not isinstance(head, DubboResponse):
            raise TranscodingError("the response is not Dubbo's")
        if head.rpc_status != OK:
            text = error_json(head.rpc_status, read_error(response.content))
            return http_response(response.status, fields, text)
        if head.raw[2] & SERIALIZATION != HESSIAN2:
            raise TranscodingError("the response is not in Hessian 2")
        try:
            result = read_result(response.content)
            text = result_json(result, millis=self.config.dates == "millis")
        except ResultError as error:
            raise TranscodingError(f"the response cannot be read: {error}") from None
        fields += [
            (f"{ATTACHMENT}{name}".encode("utf-8", "replace"), value.encode("utf-8", "replace"))
            for name, value in result.attachments.items()
        ]
        return http_response(500 if result.failed else response.status, fields, text)

    def _names(self, request: Request) -> tuple[str, str]:
        segments = request.target.partition("?")[0].strip("/").split("/")
        method = self.config.method or unquote(segments.pop())
        service = self.config.service or unquote(segments[-1] if segments else "")
        if not _SERVICE.fullmatch(service) or not _METHOD.fullmatch(method):
            raise TranscodingError("the path does not end in the names of a service and a method")
        return service, method


class DubboToJson(Transcoder):
    """``dubbo2http``: a Dubbo call is ``POST /service/method`` with JSON as ``http2dubbo`` reads
    it, and the JSON that comes back is its result."""

    upstream_protocol = "Http1"

    class Config:
        """Its options."""

        target: str = ""
        """The path of every request; empty: from the names of service and method."""
        host: str = ""
        """The ``Host`` of every request; empty: the host's address."""
        dates: Literal["iso", "millis"] = "iso"
        """How dates of arguments are written."""
        results: dict[str, str] = {}  # noqa: RUF012 -- of a configuration
        """The types that methods return, where JSON does not tell: ``long``, ``byte[]``, dates."""

    def accepts(self, request: Request) -> bool:
        return isinstance(request.stream.request, DubboRequest)

    def transcode_request(self, request: Request, body: bytes) -> Outgoing:
        config = self.config
        head = request.stream.request
        service = head.get(b"service")
        if service is None:
            raise TranscodingError("the call is not in Hessian 2")
        try:
            method, text = call_json(body, millis=config.dates == "millis")
        except CallError as error:
            raise TranscodingError(str(error)) from None
        fields = [("Content-Type", "application/json")]
        for name, value in head.items():
            named = name.decode("latin-1")
            if named in _OWN:
                continue
            known = _TRIPLE.get(named, f"{ATTACHMENT}{named}")
            fields.append((known, value.decode("latin-1")))
        request.state["dubbo2http"] = self.config.results.get(method, "")
        path = [part.encode() if isinstance(part, str) else part for part in (service, method)]
        target = config.target or "/" + "/".join([quote(part, safe=":$") for part in path])
        return Outgoing.http("POST", target, fields, text, config.host)

    def transcode_response(self, request: Request, response: Response) -> Response:
        content = response.content
        if not 200 <= response.status < 300:
            told = json_error(content) or f"HTTP {response.status}"
            return dubbo_response(response.status, encode_string(told.encode("utf-8", "replace")))
        attachments = {}
        asked = request.stream.request
        if isinstance(asked, DubboRequest) and takes_attachments(asked.rpc_version()):
            for name, value in response.head.items():
                key = name.decode("latin-1").lower()
                if key.startswith(ATTACHMENT) and key != ATTACHMENT:
                    attachments[key.removeprefix(ATTACHMENT)] = value.decode("utf-8", "replace")
        try:
            kind = request.state["dubbo2http"]
            return dubbo_response(200, write_result(content, attachments, kind))
        except ResultError as error:
            raise TranscodingError(str(error)) from None


# What a Dubbo request says of itself, which the path and the JSON say again.
_OWN: Final = frozenset(("dubbo", "service", "method", "path", "interface", "generic"))
_TRIPLE: Final = MappingProxyType(
    {"version": "tri-service-version", "group": "tri-service-group"}
)


def _plain(response: Response) -> list[tuple[bytes, bytes]]:
    return plain_fields(response.head.items())
