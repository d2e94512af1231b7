"""What the exchanges of one listener share: routes, clusters, filters, counters, logs.

The object lives as long as its listener; a new snapshot replaces its parts in one step
(``configure``), and exchanges under way keep the parts they began with.
"""

import asyncio
import logging
from typing import Any

from pymosn.message import RequestHead
from pymosn.network.address import ip_text
from pymosn.network.reactor import Reactor
from pymosn.network.secure import TlsLayer
from pymosn.observe.accesslog import AccessLog
from pymosn.observe.metrics import DownstreamStats
from pymosn.protocol.grpc import status_of_http
from pymosn.proxy.downstream import ProxyStream
from pymosn.proxy.filters import FilterChain, Hook
from pymosn.proxy.methods import GrpcMethods, RpcMethods
from pymosn.router.table import RouteTable
from pymosn.stream.stream import (
    FAILED_FLAGS,
    ConnectionInfo,
    StreamFactory,
    StreamReceiver,
    StreamSender,
)
from pymosn.upstream.balancer import Random
from pymosn.upstream.cluster import UpstreamCluster

_FAILED_FLAGS = FAILED_FLAGS

log = logging.getLogger("pymosn.proxy")


class ProxyOptions:
    """The manners of one listener's proxy that are not the codec's."""

    retry_buffer: int
    forwarded_headers: bool
    client_cert: str
    sanitizes: bool
    request_id: bool
    via: bytes
    server_name: bytes
    upstream_protocol: str

    def __init__(
        self,
        retry_buffer: int = 65536,
        forwarded_headers: bool = False,
        via: bytes = b"",
        request_id: bool = False,
        server_name: bytes = b"",
        upstream_protocol: str = "",
        client_cert: str = "",
    ) -> None:
        """``upstream_protocol``: empty for the downstream's; ``client_cert``: what to do with
        ``x-forwarded-client-cert``: ``sanitize``, ``append``, ``set``, else nothing."""
        self.upstream_protocol = upstream_protocol
        self.retry_buffer = retry_buffer
        self.forwarded_headers = forwarded_headers
        self.sanitizes = client_cert == "sanitize"
        self.client_cert = "" if client_cert in ("forward", "sanitize") else client_cert
        self.via = via
        self.request_id = request_id
        self.server_name = server_name


class HttpProxy(StreamFactory):
    """The L7 proxy of one listener."""

    reactor: "Reactor"
    name: str
    random: "Random"
    loop: Any
    connections: set[Any]
    clusters: dict[str, UpstreamCluster]
    routes: "RouteTable | None"
    filters: "FilterChain | None"
    stats: "DownstreamStats"
    options: "ProxyOptions"
    access_logs: list[Any] | None
    retry_buffer: int
    upstream_protocol: str
    server_name: bytes | None
    adds_headers: bool
    active: int
    filter_errors: int
    methods: "GrpcMethods"
    services: "RpcMethods"
    _seen_errors: set[Any]

    def __init__(
        self, reactor: Reactor, name: str, random: Random, loop: asyncio.AbstractEventLoop | None
    ) -> None:
        self.reactor = reactor
        self.name = name
        self.random = random
        self.loop = loop
        self.connections = set()
        self.clusters = {}
        self.methods = GrpcMethods()
        self.services = RpcMethods()
        self._seen_errors = set()

    def configure(
        self,
        stats: DownstreamStats,
        options: ProxyOptions,
        routes: RouteTable | None,
        clusters: dict[str, UpstreamCluster],
        filters: FilterChain | None,
        access_logs: list[AccessLog],
    ) -> None:
        """Serve with these parts from the next exchange on."""
        self.stats = stats
        self.options = options
        self.retry_buffer = options.retry_buffer
        self.upstream_protocol = options.upstream_protocol
        self.server_name = options.server_name or None
        self.adds_headers = bool(
            options.forwarded_headers
            or options.via
            or options.request_id
            or options.sanitizes
            or options.client_cert
        )
        self.routes = routes
        self.clusters = clusters
        self.filters = filters
        self.access_logs = access_logs or None

    # -- from the codec (StreamFactory) ------------------------------------------------------------

    def new_stream(self, sender: StreamSender, connection: ConnectionInfo) -> StreamReceiver:
        stream = ProxyStream.__new__(ProxyStream)
        stream.enter(self, sender, connection)
        return stream

    def protocol_error(self, connection: ConnectionInfo, status: int, reason: str) -> None:
        self.stats.protocol_error()
        log.info("%s: %s sent a bad request: %s", self.name, ip_text(connection.peer), reason)

    def flooded(self, connection: ConnectionInfo, flood: str) -> None:
        self.stats.flooded(flood)
        log.warning("%s: %s floods with %s", self.name, ip_text(connection.peer), flood)

    def connection_opened(self, owner: object) -> None:
        self.connections.add(owner)

    def connection_replaced(self, owner: object, successor: object) -> None:
        self.connections.discard(owner)
        self.connections.add(successor)

    def connection_closed(self, owner: object, read: int, written: int) -> None:
        self.connections.discard(owner)
        self.stats.connection_closed(read, written)

    # -- for the exchanges -------------------------------------------------------------------------

    def add_request_headers(self, stream: ProxyStream) -> None:
        """Tell the upstream who asked: X-Forwarded-*, Via, X-Request-Id."""
        request = stream.request
        options = self.options
        if options.forwarded_headers:
            self._add_forwarded(request, stream.connection)
        if options.sanitizes:
            request.remove(b"x-forwarded-client-cert")
        elif options.client_cert:
            self._forward_client_cert(request, stream.connection)
        if options.via:
            value = b"1.%d %b" % (request.minor, options.via)
            earlier = request.get_all(b"via")
            if earlier:
                value = b", ".join([*earlier, value])
            request.set(b"Via", value)
        if options.request_id and request.get(b"x-request-id") is None:
            request.add(b"X-Request-Id", self._request_id())

    def stream_finished(self, stream: ProxyStream) -> None:
        """Count and log an exchange."""
        self.active -= 1
        duration = stream.finished - stream.started
        process = duration
        if stream.upstream_sent and stream.response_received > stream.upstream_sent:
            process -= stream.response_received - stream.upstream_sent
        self.stats.request_finished(
            stream.status, duration, process, (stream.flags & _FAILED_FLAGS) != 0
        )
        call = stream.call
        if call is not None:
            if call.status < 0:
                call.status = status_of_http(stream.status)
            self.methods.count(stream.path, call, duration)
        else:
            request = stream.request if stream.outgoing is None else stream.outgoing
            if request.is_rpc() or stream.request.is_rpc():
                self._count_rpc(stream, request, duration)
        if self.access_logs is not None:
            for access_log in self.access_logs:
                access_log.log(stream)

    def filter_failed(self, hook: Hook, error: BaseException | None) -> None:
        """An exception in a user's filter."""
        self.extension_failed("filter", hook.owner, error)

    def extension_failed(self, kind: str, owner: object, error: BaseException | None) -> None:
        """An exception in a user's code: logged once with its traceback, and counted."""
        name = type(owner).__name__
        self.filter_errors += 1
        key = (name, type(error).__name__, str(error))
        if key in self._seen_errors:
            log.error("%s %s failed again: %s", kind, name, error)
            return
        if len(self._seen_errors) < 100:
            self._seen_errors.add(key)
        log.error("%s %s failed", kind, name, exc_info=error)

    def take_filter_errors(self) -> int:
        """Return the exceptions in filters since the last call."""
        count = self.filter_errors
        self.filter_errors = 0
        return count

    def drain(self) -> None:
        """Close every connection after its current exchange."""
        for connection in list(self.connections):
            connection.drain()

    def close(self) -> None:
        """Close every connection now."""
        for connection in list(self.connections):
            connection.abort()

    def _count_rpc(self, stream: ProxyStream, request: RequestHead, duration: int) -> None:
        """Count a call; where the host speaks something else, it is the client's."""
        if not request.is_rpc():
            request = stream.request
        service = request.rpc_service()
        if service is not None:
            method = request.rpc_method()
            answered = stream.response_received != 0
            self.services.count(service, method or b"", stream.status, answered, duration)

    # -- private -----------------------------------------------------------------------------------

    def _add_forwarded(self, request: RequestHead, connection: ConnectionInfo) -> None:
        peer = connection.peer_ip
        if peer is None:
            peer = connection.peer_ip = ip_text(connection.peer).encode()
        if peer:
            earlier = request.get_all(b"x-forwarded-for")
            if earlier:
                request.set(b"X-Forwarded-For", b", ".join([*earlier, peer]))
            else:
                request.add(b"X-Forwarded-For", peer)
        request.set(b"X-Forwarded-Proto", request.scheme)
        if request.authority:
            request.set(b"X-Forwarded-Host", request.authority)

    def _forward_client_cert(self, request: RequestHead, connection: ConnectionInfo) -> None:
        """Say who the client is, in Envoy's syntax of ``x-forwarded-client-cert``."""
        appends = self.options.client_cert == "append"
        earlier = request.get_all(b"x-forwarded-client-cert") if appends else []
        request.remove(b"x-forwarded-client-cert")
        tls = connection.tls
        element = None if tls is None else client_cert_element(tls)
        if element is not None:
            earlier.append(element)
        if earlier:
            request.add(b"X-Forwarded-Client-Cert", b",".join(earlier))

    def _request_id(self) -> bytes:
        """Return a random version 4 UUID."""
        high = int(self.random.draw() * 281474976710656)
        low = int(self.random.draw() * 281474976710656)
        last = int(self.random.draw() * 4294967296)
        variant = 0x8000 | ((last >> 12) & 0x3FFF)
        text = f"{high:012x}4{last & 0xFFF:03x}{variant:04x}{low:012x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}".encode()


def client_cert_element(tls: TlsLayer) -> bytes | None:
    """Return what an element of ``x-forwarded-client-cert`` says of a connection's client."""
    digest = tls.fact("peer_fingerprint")
    if digest is None or tls.fact("peer_verified") != b"true":
        return None
    parts = [b"Hash=" + digest]
    subject = tls.fact("peer_subject") or b""
    parts.append(b'Subject="%b"' % subject.replace(b"\\", b"\\\\").replace(b'"', b'\\"'))
    for key, name in ((b"URI=", "peer_uri_san"), (b"DNS=", "peer_dns_san")):
        names = tls.fact(name)
        if names is not None:
            parts.extend([key + _quoted(value) for value in names.split(b",")])
    return b";".join(parts)


def _quoted(value: bytes) -> bytes:
    """Put a value with one of the syntax's own characters in quotes."""
    if not any(mark in value for mark in (b",", b";", b"=", b'"')):
        return value
    return b'"%b"' % value.replace(b'"', b'\\"')
