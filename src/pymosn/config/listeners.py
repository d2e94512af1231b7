"""Listeners of the model to those of the snapshot, with what they mean checked."""

from collections.abc import Callable, Collection
from types import MappingProxyType
from typing import Final

from msgspec import structs

from pymosn import snapshot
from pymosn.config import model
from pymosn.config.address import parse_listen, parse_network, parse_ports
from pymosn.config.clusters import Resolved, is_name, worker_share
from pymosn.config.source import Source
from pymosn.config.support import Capabilities, upstream_protocol
from pymosn.config.tls import TlsCompiler
from pymosn.config.values import Duration
from pymosn.observe.metrics import DOWNSTREAM, SlotTable
from pymosn.observe.syslog import is_syslog, syslog_address

DEFAULT_IDLE_TIMEOUT: Final = 90.0

DEFAULT_LOG_FORMAT: Final = (
    "%start_time% %trace_id%  %connection_id% %upstream_connection_id% "
    "%request_received_duration% %response_received_duration% %bytes_sent% %bytes_received% "
    "%protocol% %response_code% %duration% %response_flag% %response_code% "
    "%upstream_local_address% %downstream_local_address% %downstream_remote_address% "
    "%upstream_host%"
)
"""MOSN's default, two spaces and the repeated code included (spec §5.6)."""

MAX_WINDOW: Final = (1 << 31) - 1
"""The largest window that HTTP/2 knows."""

_NETWORKS: Final = ("tcp", "udp", "unix")
_DEVICES: Final = MappingProxyType({"/dev/stdout": "stdout", "/dev/stderr": "stderr"})


Filters = list[snapshot.HttpProxy | snapshot.TcpProxy]
_CLIENT_CERT: Final = ("", "sanitize", "forward", "append", "set")


class ListenerCompiler:
    """Compiles the listeners of one server."""

    def __init__(
        self,
        source: Source,
        slots: SlotTable,
        capabilities: Capabilities,
        *,
        routers: Collection[str],
        check_cluster: Callable[[str, str], None],
        resolve: Resolved | None,
        workers: int,
        log_directory: str,
        open_ended: bool,
        tls: TlsCompiler,
    ) -> None:
        """``check_cluster`` raises when no cluster has the name; its second argument is a path."""
        self.source = source
        self.slots = slots
        self.can = capabilities
        self.routers = routers
        self.check_cluster = check_cluster
        self.resolve = resolve
        self.workers = workers
        self.log_directory = log_directory
        self.open_ended = open_ended
        self.tls = tls
        self._names: dict[str, str] = {}
        self._addresses: dict[str, str] = {}

    def compile(self, server: model.Server, path: str) -> list[snapshot.Listener]:
        """Return the listeners that can run; all are checked."""
        listeners: list[snapshot.Listener] = []
        for index, listener in enumerate(server.listeners):
            where = f"{path}.listeners[{index}]"
            compiled = self._listener(listener, where)
            if not self.can.listener_trouble(listener):
                listeners.append(compiled)
        return listeners

    def _listener(self, listener: model.Listener, path: str) -> snapshot.Listener:
        network = listener.network.lower() or "tcp"
        if network not in _NETWORKS:
            raise self.source.error(
                f"{path}.network",
                "is not known",
                found=listener.network,
                expected="tcp, udp or unix",
            )
        address = self._address(listener, network, path)
        name = listener.name or listener.address
        self._check_unique(self._names, name, f"{path}.name", "name")
        if listener.bind_port and not address.endswith(":0"):
            protocol = "udp" if network == "udp" else "stream"
            self._check_unique(
                self._addresses, f"{protocol} {address}", f"{path}.address", "address"
            )
        idle = listener.connection_idle_timeout
        filters = self._filters(listener, path)
        tls = self._tls(listener, filters, name, path)
        return snapshot.Listener(
            name=name,
            address=address,
            bind=listener.bind_port,
            type=listener.type,
            filters=_with_client_cert(filters) if tls is not None else filters,
            stream_filters=[
                snapshot.StreamFilter(type=f.type, config=f.config)
                for f in listener.stream_filters
                if self.can.has_stream_filter(f.type)
            ],
            access_logs=self._access_logs(listener.access_logs, name, f"{path}.access_logs"),
            idle_timeout=DEFAULT_IDLE_TIMEOUT if idle is None else max(0.0, idle.seconds),
            max_connections=worker_share(listener.max_connections, self.workers),
            tls=tls,
            backlog=listener.backlog,
            stats_slot=self.slots.slot(DOWNSTREAM, listener=name),
        )

    def _tls(
        self, listener: model.Listener, filters: Filters, name: str, path: str
    ) -> snapshot.TlsServer | None:
        if not self.can.tls:
            return None
        protocols: list[str] = []
        for item in filters:
            if isinstance(item, snapshot.HttpProxy):
                protocols = item.protocols
        return self.tls.server(listener, name, protocols, path)

    def _address(self, listener: model.Listener, network: str, path: str) -> str:
        where = f"{path}.address"
        if not listener.address:
            raise self.source.error(where, "is required")
        try:
            address = parse_listen(listener.address, network)
            if is_name(address) and self.resolve is not None:
                found = self.resolve.get(address, ())
                if not found:
                    raise ValueError("cannot be resolved")
                address = parse_listen(found[0])
        except ValueError as error:
            expected = "a path" if network == "unix" else 'an address such as "0.0.0.0:8080"'
            raise self.source.error(
                where, str(error), found=listener.address, expected=expected
            ) from error
        return address

    def _check_unique(self, seen: dict[str, str], value: str, path: str, what: str) -> None:
        earlier = seen.setdefault(value, path)
        if earlier != path:
            _, where = self.source.locate(earlier)
            message = f"another listener has this {what}: {where}"
            raise self.source.error(path, message, found=value.rpartition(" ")[2])

    def _filters(self, listener: model.Listener, path: str) -> Filters:
        chains = listener.filter_chains
        if len(chains) != 1:
            raise self.source.error(
                f"{path}.filter_chains",
                "a listener has exactly one filter chain",
                found=len(chains),
                expected="1",
            )
        if chains[0].tls_context is not None and chains[0].tls_context_set:
            message = "tls_context and tls_context_set cannot stand together"
            raise self.source.error(f"{path}.filter_chains[0]", message)
        usable = {index for index, _ in self.can.filters_of(listener)}
        compiled: Filters = []
        for index, network_filter in enumerate(chains[0].filters):
            where = f"{path}.filter_chains[0].filters[{index}].config"
            config = network_filter.config
            result: snapshot.HttpProxy | snapshot.TcpProxy
            if network_filter.type == "proxy":
                result = self._proxy(config or model.ProxyConfig(), where)
            elif network_filter.type in ("tcp_proxy", "udp_proxy"):
                result = self._tcp_proxy(config or model.StreamProxyConfig(), listener, where)
            else:
                continue
            if index in usable:
                compiled.append(result)
        return compiled

    def _proxy(self, proxy: model.ProxyConfig, path: str) -> snapshot.HttpProxy:
        if not proxy.downstream_protocol.strip():
            raise self.source.error(
                f"{path}.downstream_protocol", "is required", expected='a protocol such as "Http1"'
            )
        router = proxy.router_config_name
        if router and not self.open_ended and router not in self.routers:
            raise self.source.error(
                f"{path}.router_config_name", "no router has this name", found=router
            )
        self._check_client_cert(proxy.extend_config, path)
        return snapshot.HttpProxy(
            protocols=self.can.protocols_of(proxy),
            upstream_protocol=upstream_protocol(
                self.source, proxy.upstream_protocol, f"{path}.upstream_protocol",
                self.can.protocols,
            ),
            router=router,
            http1=_http1(proxy.extend_config),
            http2=_http2(proxy.extend_config),
            rpc=_rpc(proxy.extend_config),
            fallback=proxy.fallback_for_unknown_protocol,
            retry_buffer_bytes=int(proxy.retry_buffer_bytes),
        )

    def _check_client_cert(self, extend: model.ExtendConfig | None, path: str) -> None:
        found = (extend or model.ExtendConfig()).http1_options().forward_client_cert
        if found not in _CLIENT_CERT:
            where = f"{path}.extend_config.Http1.forward_client_cert"
            expected = ", ".join(_CLIENT_CERT[1:])
            raise self.source.error(where, "is not known", found=found, expected=expected)

    def _tcp_proxy(
        self, proxy: model.StreamProxyConfig, listener: model.Listener, path: str
    ) -> snapshot.TcpProxy:
        if proxy.cluster:
            self.check_cluster(proxy.cluster, f"{path}.cluster")
        elif not proxy.routes:
            expected = "cluster or routes"
            raise self.source.error(path, "names no cluster", expected=expected)
        routes = [self._tcp_route(r, f"{path}.routes[{i}]") for i, r in enumerate(proxy.routes)]
        idle = proxy.idle_timeout or listener.connection_idle_timeout or Duration(0)
        return snapshot.TcpProxy(
            cluster=proxy.cluster,
            routes=routes,
            idle_timeout=max(0.0, idle.seconds),
            max_connect_attempts=proxy.max_connect_attempts or 3,
        )

    def _tcp_route(self, route: model.StreamRoute, path: str) -> snapshot.TcpRoute:
        self.check_cluster(route.cluster, f"{path}.Cluster")
        return snapshot.TcpRoute(
            cluster=route.cluster,
            source_cidrs=self._networks(route.source_addrs, f"{path}.SourceAddrs"),
            destination_cidrs=self._networks(route.destination_addrs, f"{path}.DestinationAddrs"),
            source_ports=self._ports(route.source_port, f"{path}.SourcePort"),
            destination_ports=self._ports(route.destination_port, f"{path}.DestinationPort"),
        )

    def _networks(self, ranges: list[model.CidrRange], path: str) -> list[str]:
        networks: list[str] = []
        for index, cidr in enumerate(ranges):
            try:
                networks.append(parse_network(cidr.address, cidr.length))
            except ValueError as error:
                where = f"{path}[{index}]"
                found = f"{cidr.address}/{cidr.length}"
                raise self.source.error(where, "is not a network", found=found) from error
        return networks

    def _ports(self, text: str, path: str) -> list[tuple[int, int]]:
        try:
            return parse_ports(text)
        except ValueError as error:
            expected = 'ports such as "80,8000-8080"'
            raise self.source.error(path, str(error), found=text, expected=expected) from error

    def _access_logs(
        self, logs: list[model.AccessLog], listener: str, path: str
    ) -> list[snapshot.AccessLog]:
        compiled: list[snapshot.AccessLog] = []
        for index, log in enumerate(logs):
            where = f"{path}[{index}]"
            if is_syslog(log.log_path):
                try:
                    syslog_address(log.log_path)
                except ValueError as error:
                    key = f"{where}.log_path"
                    raise self.source.error(key, str(error), found=log.log_path) from error
            self._check_format(log.log_format, f"{where}.log_format")
            for key, text in log.json_format.items():
                self._check_format(text, f"{where}.json_format.{key}")
            compiled.append(
                snapshot.AccessLog(
                    path=self._log_path(log.log_path, listener),
                    format=log.log_format or DEFAULT_LOG_FORMAT,
                    json=log.json_format,
                    flush_interval=max(0.0, log.flush_interval.seconds),
                )
            )
        return compiled

    def _log_path(self, path: str, listener: str) -> str:
        if not path:
            return f"{self.log_directory}/{listener.replace('/', '_')}_access.log"
        return _DEVICES.get(path, path)

    def _check_format(self, text: str, path: str) -> None:
        try:
            check_log_format(text)
        except ValueError as error:
            raise self.source.error(path, str(error), found=text) from error


def check_log_format(text: str) -> None:
    """Raise ``ValueError`` if the text is not in MOSN's access log language (spec §5.6)."""
    start = -1
    index = 0
    while index < len(text):
        char = text[index]
        if char == "\\" and text[index + 1 : index + 2] == "%":
            index += 1
        elif char == "%" and start < 0:
            start = index
        elif char == "%":
            if start == index - 1:
                raise ValueError(f"has an empty variable %% at character {start + 1}")
            start = -1
        index += 1
    if start >= 0:
        raise ValueError(f"has no second % for the one at character {start + 1}")


def _with_client_cert(filters: Filters) -> Filters:
    """Clients behind TLS cannot claim a certificate in a header, unless that is allowed."""
    result: Filters = []
    for item in filters:
        if isinstance(item, snapshot.HttpProxy) and not item.http1.forward_client_cert:
            http1 = structs.replace(item.http1, forward_client_cert="sanitize")
            result.append(structs.replace(item, http1=http1))
        else:
            result.append(item)
    return result


def _http1(extend: model.ExtendConfig | None) -> snapshot.Http1Options:
    """Return the options under ``Http1``, or those of the flat form."""
    options = (extend or model.ExtendConfig()).http1_options()
    return snapshot.Http1Options(
        max_header_bytes=int(options.max_header_size) or 8192,
        max_headers=options.max_headers or 100,
        max_body_bytes=int(options.max_request_body_size),
        header_timeout=max(0.0, options.header_timeout.seconds),
        body_timeout=max(0.0, options.body_timeout.seconds),
        max_requests_per_connection=options.max_requests_per_connection,
        forwarded_headers=options.forwarded_headers,
        via=options.via,
        request_id=options.request_id,
        server_name=options.server_name,
        forward_client_cert=options.forward_client_cert,
    )


def _http2(extend: model.ExtendConfig | None) -> snapshot.Http2Options:
    """Return the options under ``Http2``."""
    options = (extend or model.ExtendConfig()).http2 or model.Http2Config()
    return snapshot.Http2Options(
        max_concurrent_streams=options.max_concurrent_streams or 128,
        stream_window_bytes=min(max(int(options.stream_window), 65535), MAX_WINDOW),
        connection_window_bytes=min(max(int(options.connection_window), 65535), MAX_WINDOW),
        max_header_bytes=int(options.max_header_size) or 65536,
        max_headers=options.max_headers or 100,
        connect_protocol=options.connect_protocol,
    )


def _rpc(extend: model.ExtendConfig | None) -> snapshot.RpcOptions:
    """Return the options under ``rpc``, and bolt's."""
    given = extend or model.ExtendConfig()
    options = given.rpc or model.RpcConfig()
    bolt = given.bolt or model.BoltConfig()
    return snapshot.RpcOptions(
        max_frame_bytes=int(options.max_frame_size) or 16 << 20,
        max_header_bytes=int(options.max_header_size) or 65536,
        max_headers=options.max_headers or 1000,
        max_in_flight=options.max_in_flight or 1024,
        goaway=bolt.enable_bolt_goaway or bool(given.enable_bolt_goaway),
    )
