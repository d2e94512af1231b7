"""The short form expanded to MOSN's model.

The origins of all parts are noted in the ``Source``, so that an error which the compiler finds in
the expanded model is reported at the path of the short form.
"""

from typing import Any

from pymosn.config import model
from pymosn.config.address import HostPort, parse_host_port
from pymosn.config.short_model import (
    ShortAccessLog,
    ShortConfig,
    ShortListener,
    ShortLog,
    ShortServing,
    ShortTls,
)
from pymosn.config.short_routes import RouteExpander
from pymosn.config.short_targets import TargetTable, tls_context
from pymosn.config.source import Origin, Source


def expand_short(config: ShortConfig, source: Source) -> model.MosnConfig:
    """Return the model that a file in the short form stands for."""
    targets = TargetTable(source)
    for name, written in config.clusters.items():
        targets.define(name, written)
    log = config.log if isinstance(config.log, ShortLog) else ShortLog(path=config.log)
    server = model.Server(
        default_log_path=log.path,
        default_log_level=log.level,
        global_log_roller=log.roll,
        graceful_timeout=config.graceful_timeout,
        processor=config.workers,
    )
    expander = _ListenerExpander(source, targets, config.access_log, server)
    for listener, path in _listeners(config, source):
        expander.add(listener, path)
    for place, path in (("$.servers[0].global_log_roller", "$.log.roll"), ("$.admin", "$.admin")):
        source.origins[place] = Origin(source.file, path, exact=False)
    return model.MosnConfig(
        servers=[server],
        cluster_manager=model.ClusterManager(clusters=list(targets.clusters.values())),
        admin=_admin(config.admin, source),
        metrics=_metrics(config.metrics),
        pid=config.pid,
    )


def _listeners(config: ShortConfig, source: Source) -> list[tuple[ShortListener, str]]:
    """Return the listeners with their paths; ``listen`` makes one of the top-level keys."""
    listeners = [(item, f"$.listeners[{i}]") for i, item in enumerate(config.listeners)]
    top = ShortListener(address=config.listen)
    for key in ShortServing.__struct_fields__:
        setattr(top, key, getattr(config, key))
    if config.listen != "":
        listeners.insert(0, (top, "$"))
    else:
        for key in ShortServing.__struct_fields__:
            if key != "access_log" and getattr(top, key) != getattr(ShortListener(), key):
                message = "belongs to a listener; add listen, or move it into listeners"
                raise source.error(f"$.{key}", message)
    if not listeners:
        raise source.error("$", "has no listener", expected="listen or listeners")
    return listeners


class _ListenerExpander:
    """Adds listeners, and their route tables, to a server."""

    def __init__(
        self,
        source: Source,
        targets: TargetTable,
        access_log: str | bool | ShortAccessLog | None,
        server: model.Server,
    ) -> None:
        self.source = source
        self.routes = RouteExpander(source, targets)
        self.access_log = access_log
        self.server = server

    def add(self, short: ShortListener, path: str) -> None:
        """Expand the listener written at ``path``."""
        address, network = self._address(short, path)
        name = short.name or address
        if any(name == other.name for other in self.server.listeners):
            message = "another listener has this " + ("name" if short.name else "address")
            where = f"{path}.{'name' if short.name else 'address'}"
            raise self.source.error(where, message, found=name)
        place = f"$.servers[0].listeners[{len(self.server.listeners)}]"
        self._note(place, path)
        self._note(f"{place}.address", f"{path}.{'listen' if path == '$' else 'address'}")
        given = [key for key in ("to", "tcp") if getattr(short, key) is not None]
        given += ["routes"] if short.routes else []
        if not given or ("tcp" in given and len(given) > 1):
            message = f"{' and '.join(given)} cannot stand together" if given else "serves nothing"
            raise self.source.error(path, message, expected="to, routes or tcp")
        written = short.tls if isinstance(short.tls, list) else [short.tls] if short.tls else []
        contexts = [self._server_tls(tls, f"{path}.tls") for tls in written]
        log = self.access_log if short.access_log is None else short.access_log
        network_filter = self._filter(short, name, path)
        stream_filters = self._stream_filters(short.filters, f"{path}.filters")
        if short.tcp is None and self._mirrors() and not any(
            item.type == "mirror" for item in stream_filters
        ):
            stream_filters.append(model.StreamFilter(type="mirror"))
        self.server.listeners.append(
            model.Listener(
                name=name,
                address=address,
                bind_port=True,
                network=network,
                access_logs=self._access_logs(log, f"{place}.access_logs[0]", path),
                filter_chains=[
                    model.FilterChain(
                        tls_context=contexts[0] if len(contexts) == 1 else None,
                        tls_context_set=contexts if len(contexts) > 1 else [],
                        filters=[network_filter],
                    )
                ],
                stream_filters=stream_filters,
                inspector=any(tls.plain for tls in written),
                connection_idle_timeout=short.idle_timeout,
                max_connections=short.max_connections,
                backlog=short.backlog,
            )
        )

    def _address(self, short: ShortListener, path: str) -> tuple[str, str]:
        address = str(short.address)
        if address.isdigit():
            address = f":{address}"
        if not address:
            raise self.source.error(f"{path}.address", "is required")
        if address.startswith("unix:"):
            return address.removeprefix("unix:"), "unix"
        return address, "tcp"

    def _filter(self, short: ShortListener, name: str, path: str) -> model.NetworkFilter:
        if short.tcp is not None:
            cluster = self.routes.cluster(short.tcp, f"{path}.tcp")
            tcp = model.StreamProxyConfig(cluster=cluster)
            return model.NetworkFilter(type="tcp_proxy", config=tcp)
        place = f"$.servers[0].routers[{len(self.server.routers)}]"
        self._note(place, path)
        hosts = self.routes.expand(short, path, place)
        self.server.routers.append(model.RouterConfig(router_config_name=name, virtual_hosts=hosts))
        proxy = model.ProxyConfig(downstream_protocol=short.protocol, router_config_name=name)
        if short.http1 is not None:
            proxy.extend_config = model.ExtendConfig(http1=short.http1)
        return model.NetworkFilter(type="proxy", config=proxy)

    def _mirrors(self) -> bool:
        """Whether a route of the last table wants copies."""
        return any(
            route.request_mirror_policies is not None
            for host in self.server.routers[-1].virtual_hosts
            for route in host.routers
        )

    def _access_logs(
        self, log: str | bool | ShortAccessLog | None, place: str, path: str
    ) -> list[model.AccessLog]:
        if log is None or log is False or log == "":
            return []
        self._note(place, f"{path}.access_log" if self.access_log is not log else "$.access_log")
        if isinstance(log, ShortAccessLog):
            return [
                model.AccessLog(
                    log_path=log.path,
                    log_format=log.format,
                    json_format=log.json,
                    flush_interval=log.flush_interval,
                )
            ]
        return [model.AccessLog(log_path="stdout" if log is True else log)]

    def _server_tls(self, tls: ShortTls, path: str) -> model.TlsContext:
        if tls.client_cert not in (True, False, "optional"):
            expected = "true, false or optional"
            where = f"{path}.client_cert"
            raise self.source.error(where, "is not known", found=tls.client_cert, expected=expected)
        context = tls_context(tls)
        context.verify_client = bool(tls.client_cert)
        context.require_client_cert = tls.client_cert is True
        return context

    def _stream_filters(
        self, filters: list[str | dict[str, Any]], path: str
    ) -> list[model.StreamFilter]:
        expanded: list[model.StreamFilter] = []
        for index, item in enumerate(filters):
            if isinstance(item, str):
                expanded.append(model.StreamFilter(type=item))
                continue
            options = next(iter(item.values()), None)
            if len(item) != 1 or not isinstance(options, dict | None):
                expected = "one filter: its name, or name: {options}"
                raise self.source.error(f"{path}[{index}]", "is not a filter", expected=expected)
            name = next(iter(item))
            expanded.append(model.StreamFilter(type=name, config=options or {}))
        return expanded

    def _note(self, place: str, path: str) -> None:
        self.source.origins[place] = Origin(self.source.file, path, exact=False)


def _admin(admin: str | int, source: Source) -> model.Admin | None:
    if admin in ("", 0):
        return None
    text = str(admin)
    try:
        parsed = parse_host_port(f"127.0.0.1:{text}" if text.isdigit() else text)
    except ValueError as error:
        expected = 'an address such as "127.0.0.1:34901"'
        raise source.error("$.admin", str(error), found=admin, expected=expected) from error
    address = HostPort("127.0.0.1" if parsed.host == "localhost" else parsed.host, parsed.port)
    socket_address = model.SocketAddress(address=address.host or "0.0.0.0", port_value=address.port)
    return model.Admin(address=model.Address(socket_address=socket_address))


def _metrics(port: int) -> model.Metrics | None:
    if not port:
        return None
    return model.Metrics(sinks=[model.MetricsSink(type="prometheus", config={"port": port})])
