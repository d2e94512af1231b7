"""The facts of an exchange as text: one function each, and the names that MOSN and we give them.

A function returns None when the stream has no such fact.  Times come from the reactor's clock;
what needs the wall clock is in ``pymosn.stream.variables``.
"""

from types import MappingProxyType
from typing import Final

from pymosn.network import address
from pymosn.protocol.grpc import call_field
from pymosn.protocol.uri import raw_path
from pymosn.stream.stream import Stream
from pymosn.stream.texts import as_bytes, decimal, go_duration


def request_received_duration(stream: Stream) -> bytes | None:
    return go_duration(_since(stream.started, stream.request_received))


def response_received_duration(stream: Stream) -> bytes | None:
    return go_duration(_since(stream.started, stream.response_received))


def duration(stream: Stream) -> bytes | None:
    return go_duration(_since(stream.started, stream.finished))


def process_time_duration(stream: Stream) -> bytes | None:
    """The exchange without the wait for the upstream."""
    return go_duration(process_time(stream))


def process_time(stream: Stream) -> int:
    """Return the nanoseconds of an exchange that were not a wait for the upstream."""
    if stream.upstream_sent == 0 or stream.response_received == 0:
        return _since(stream.started, stream.finished)
    return _since(stream.started, stream.upstream_sent) + _since(
        stream.response_received, stream.finished
    )


def duration_ms(stream: Stream) -> bytes | None:
    return decimal(_since(stream.started, stream.finished) // 1000000)


def duration_us(stream: Stream) -> bytes | None:
    return decimal(_since(stream.started, stream.finished) // 1000)


def upstream_duration_ms(stream: Stream) -> bytes | None:
    if stream.upstream_sent == 0 or stream.response_received == 0:
        return None
    return decimal(_since(stream.upstream_sent, stream.response_received) // 1000000)


def bytes_received(stream: Stream) -> bytes | None:
    return decimal(stream.bytes_received)


def bytes_sent(stream: Stream) -> bytes | None:
    return decimal(stream.bytes_sent)


def protocol(stream: Stream) -> bytes | None:
    return stream.connection.protocol.encode()


def response_code(stream: Stream) -> bytes | None:
    return decimal(stream.status)


def response_flag(stream: Stream) -> bytes | None:
    """MOSN's: whether any flag is set."""
    return _TRUE if stream.flags else _FALSE


def response_flags_text(stream: Stream) -> bytes | None:
    if stream.flags == 0:
        return None
    return b",".join([text for bit, text in _FLAG_NAMES if stream.flags & bit])


def failure_reason(stream: Stream) -> bytes | None:
    return b"0x%x" % stream.flags if stream.flags else None


def response_code_details(stream: Stream) -> bytes | None:
    return stream.details.encode() if stream.details else None


def upstream_address(stream: Stream) -> bytes | None:
    host = stream.upstream_host
    return None if host is None else as_bytes(host.address)


def upstream_host(stream: Stream) -> bytes | None:
    host = stream.upstream_host
    return None if host is None else (as_bytes(host.hostname) or None)


def upstream_cluster(stream: Stream) -> bytes | None:
    return stream.cluster_name.encode() if stream.cluster_name else None


def upstream_connection_id(stream: Stream) -> bytes | None:
    return decimal(stream.upstream_connection_id) if stream.upstream_connection_id else None


def upstream_attempts(stream: Stream) -> bytes | None:
    return decimal(stream.attempts)


def route_name(stream: Stream) -> bytes | None:
    return stream.route_name.encode() if stream.route_name else None


def connection_id(stream: Stream) -> bytes | None:
    return decimal(stream.connection.id)


def downstream_local_address(stream: Stream) -> bytes | None:
    connection = stream.connection
    if connection.local_text is None:
        if not connection.local:
            return None
        connection.local_text = address.text(connection.local).encode()
    return connection.local_text


def downstream_remote_address(stream: Stream) -> bytes | None:
    connection = stream.connection
    if connection.peer_text is None:
        connection.peer_text = address.text(connection.peer).encode()
    return connection.peer_text


def downstream_remote_ip(stream: Stream) -> bytes | None:
    connection = stream.connection
    if connection.peer_ip is None:
        connection.peer_ip = address.ip_text(connection.peer).encode()
    return connection.peer_ip or None


def listener_name(stream: Stream) -> bytes | None:
    return as_bytes(getattr(stream.connection.listener, "name", None)) or None


def listener_type(stream: Stream) -> bytes | None:
    return as_bytes(getattr(stream.connection.listener, "type", None)) or None


def listener_port(stream: Stream) -> bytes | None:
    local = stream.connection.local
    return decimal(address.port_number(local)) if local else None


def _tls_fact(stream: Stream, name: str) -> bytes | None:
    tls = stream.connection.tls
    return None if tls is None else tls.fact(name)


def tls_version(stream: Stream) -> bytes | None:
    return _tls_fact(stream, "version")


def tls_cipher(stream: Stream) -> bytes | None:
    return _tls_fact(stream, "cipher")


def tls_alpn(stream: Stream) -> bytes | None:
    return _tls_fact(stream, "alpn")


def tls_server_name(stream: Stream) -> bytes | None:
    return _tls_fact(stream, "server_name")


def tls_resumed(stream: Stream) -> bytes | None:
    return _tls_fact(stream, "resumed")


def tls_peer_verified(stream: Stream) -> bytes | None:
    return _tls_fact(stream, "peer_verified")


def tls_peer_subject(stream: Stream) -> bytes | None:
    return _tls_fact(stream, "peer_subject")


def tls_peer_issuer(stream: Stream) -> bytes | None:
    return _tls_fact(stream, "peer_issuer")


def tls_peer_serial(stream: Stream) -> bytes | None:
    return _tls_fact(stream, "peer_serial")


def tls_peer_fingerprint(stream: Stream) -> bytes | None:
    return _tls_fact(stream, "peer_fingerprint")


def tls_peer_not_after(stream: Stream) -> bytes | None:
    return _tls_fact(stream, "peer_not_after")


def tls_peer_dns_san(stream: Stream) -> bytes | None:
    return _tls_fact(stream, "peer_dns_san")


def tls_peer_uri_san(stream: Stream) -> bytes | None:
    return _tls_fact(stream, "peer_uri_san")


def tls_peer_certificate(stream: Stream) -> bytes | None:
    return _tls_fact(stream, "peer_certificate")


def request_method(stream: Stream) -> bytes | None:
    return None if stream.request is None else stream.request.method


def request_scheme(stream: Stream) -> bytes | None:
    return None if stream.request is None else stream.request.scheme


def request_host(stream: Stream) -> bytes | None:
    return None if stream.request is None else (stream.request.authority or None)


def request_uri(stream: Stream) -> bytes | None:
    return None if stream.request is None else stream.request.target


def request_raw_path(stream: Stream) -> bytes | None:
    return None if stream.request is None else raw_path(stream.request.target)


def request_path(stream: Stream) -> bytes | None:
    return stream.path or None


def request_query(stream: Stream) -> bytes | None:
    return stream.query or None


def request_length(stream: Stream) -> bytes | None:
    if stream.request is None or stream.request.content_length < 0:
        return None
    return decimal(stream.request.content_length)


def request_id(stream: Stream) -> bytes | None:
    return None if stream.request is None else stream.request.get(b"x-request-id")


def _rpc_name(stream: Stream, name: bytes) -> bytes | None:
    """Return the name of the service or the method that is called: by the request, or by what the
    host gets where only that is a call."""
    request = stream.request
    if stream.outgoing is not None and stream.outgoing.is_rpc():
        request = stream.outgoing
    if request is None:
        return None
    if not request.is_rpc():
        return call_field(request, name)
    return request.rpc_service() if name == _SERVICE else request.rpc_method()


def rpc_service(stream: Stream) -> bytes | None:
    return _rpc_name(stream, _SERVICE)


def rpc_method(stream: Stream) -> bytes | None:
    return _rpc_name(stream, _METHOD)


def frame_timeout(stream: Stream) -> bytes | None:
    request = stream.request
    return b"%d" % request.time_limit if request is not None and request.time_limit else None


def rpc_request_id(stream: Stream) -> bytes | None:
    request = stream.request
    return b"%d" % request.frame_id() if request is not None and request.is_rpc() else None


def rpc_status(stream: Stream) -> bytes | None:
    response = stream.response
    return b"%d" % response.frame_status() if response is not None and response.is_rpc() else None


def _since(start: int, end: int) -> int:
    """Return the time from ``start`` to ``end``, 0 when ``end`` has not come."""
    return end - start if end > start else 0


_SERVICE = b"service"
_METHOD = b"method"
_TRUE = b"true"
_FALSE = b"false"

FACTS: Final = MappingProxyType(
    {
        # MOSN's
        "request_received_duration": request_received_duration,
        "response_received_duration": response_received_duration,
        "request_finished_duration": duration,
        "process_time_duration": process_time_duration,
        "duration": duration,
        "bytes_sent": bytes_sent,
        "bytes_received": bytes_received,
        "protocol": protocol,
        "downstream_protocol": protocol,
        "response_code": response_code,
        "response_flag": response_flag,
        "response_flags": response_flag,
        "upstream_local_address": upstream_address,
        "downstream_local_address": downstream_local_address,
        "downstream_remote_address": downstream_remote_address,
        "upstream_host": upstream_host,
        "upstream_transport_failure_reason": failure_reason,
        "upstream_cluster": upstream_cluster,
        "connection_id": connection_id,
        "upstream_connection_id": upstream_connection_id,
        "listener_name": listener_name,
        "listener_type": listener_type,
        "listener_port": listener_port,
        "route_name": route_name,
        "Http1_request_scheme": request_scheme,
        "Http1_request_method": request_method,
        "Http1_request_length": request_length,
        "Http1_request_uri": request_uri,
        "Http1_request_path": request_path,
        "Http1_request_path_original": request_raw_path,
        "Http1_request_arg": request_query,
        "Http2_request_scheme": request_scheme,
        "Dubbo_service": rpc_service,
        "Dubbo_method": rpc_method,
        # ours
        "duration_ms": duration_ms,
        "duration_us": duration_us,
        "upstream_duration_ms": upstream_duration_ms,
        "response_flags_text": response_flags_text,
        "response_code_details": response_code_details,
        "upstream_address": upstream_address,
        "upstream_attempts": upstream_attempts,
        "downstream_remote_ip": downstream_remote_ip,
        "tls_version": tls_version,
        "tls_cipher": tls_cipher,
        "tls_alpn": tls_alpn,
        "tls_server_name": tls_server_name,
        "tls_resumed": tls_resumed,
        "tls_peer_verified": tls_peer_verified,
        "tls_peer_subject": tls_peer_subject,
        "tls_peer_issuer": tls_peer_issuer,
        "tls_peer_serial": tls_peer_serial,
        "tls_peer_fingerprint": tls_peer_fingerprint,
        "tls_peer_not_after": tls_peer_not_after,
        "tls_peer_dns_san": tls_peer_dns_san,
        "tls_peer_uri_san": tls_peer_uri_san,
        "tls_peer_certificate": tls_peer_certificate,
        "request_method": request_method,
        "request_scheme": request_scheme,
        "request_host": request_host,
        "request_uri": request_uri,
        "request_path": request_path,
        "request_query": request_query,
        "request_id": request_id,
        "rpc_service": rpc_service,
        "rpc_method": rpc_method,
        "rpc_request_id": rpc_request_id,
        "rpc_status": rpc_status,
    }
)
"""Name to reader, for facts that only the proxy decides."""

SETTABLE: Final = MappingProxyType(
    {
        "x-mosn-host": request_host,
        "authority": request_host,
        "x-mosn-path": request_path,
        "x-mosn-path-original": request_raw_path,
        "x-mosn-querystring": request_query,
        "x-mosn-method": request_method,
        "x-mosn-scheme": request_scheme,
        "x-mosn-status": response_code,
        "stream_id": None,
        "trace_id": None,
        "trace_span": None,
        "span_key": None,
        "upstream_protocol": None,
        "upstream_index": None,
        "connection_pool_index": None,
        "ori_remote_addr": None,
        "requested_server_name": tls_server_name,
        "proxy_try_timeout": None,
        "proxy_global_timeout": frame_timeout,
        "proxy_hijack_status": None,
        "proxy_gzip_switch": None,
        "proxy_direct_response": None,
        "proxy_disable_retry": None,
        "x-mosn-rpc-service": rpc_service,
        "x-mosn-rpc-method": rpc_method,
        "x-mosn-direction": None,
        "listener_match_fallback_ip": None,
    }
)
"""Name to the fact that holds until a filter sets the variable (None: there is none)."""

NUMERIC: Final = frozenset(
    (
        "bytes_sent",
        "bytes_received",
        "response_code",
        "connection_id",
        "upstream_connection_id",
        "upstream_attempts",
        "listener_port",
        "duration_ms",
        "duration_us",
        "upstream_duration_ms",
        "tls_peer_not_after",
        "Http1_request_length",
        "rpc_request_id",
        "rpc_status",
    )
)

FROM_PEERS: Final = frozenset(
    name
    for name in FACTS
    if name.startswith(("request_", "Http1_", "Http2_", "Dubbo_", "rpc_", "tls_"))
) - {"request_received_duration", "request_finished_duration"} | {"response_code_details"}

_FLAG_NAMES: Final = (
    (0x2, b"NoHealthyUpstream"),
    (0x4, b"UpstreamRequestTimeout"),
    (0x8, b"UpstreamLocalReset"),
    (0x10, b"UpstreamRemoteReset"),
    (0x20, b"UpstreamConnectionFailure"),
    (0x40, b"UpstreamConnectionTermination"),
    (0x80, b"UpstreamOverflow"),
    (0x100, b"NoRouteFound"),
    (0x200, b"DelayInjected"),
    (0x400, b"FaultInjected"),
    (0x800, b"RateLimited"),
    (0x1000, b"ReqEntityTooLarge"),
    (0x2000, b"DownStreamTerminate"),
)
