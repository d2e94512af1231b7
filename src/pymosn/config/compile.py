"""The model to the snapshot: every reference checked, every default filled in.

A model that compiles can be served.  Parts that the data plane cannot act on yet are left out here
and reported by ``pymosn.config.support.inactive_parts``.
"""

from pymosn import snapshot
from pymosn.config import model
from pymosn.config.certificates import Certificates, UnreadCertificates
from pymosn.config.clusters import ClusterCompiler, Resolved
from pymosn.config.listeners import ListenerCompiler
from pymosn.config.routes import RouteCompiler
from pymosn.config.source import Source
from pymosn.config.support import Capabilities
from pymosn.config.tls import TlsCompiler
from pymosn.errors import ConfigError
from pymosn.observe.metrics import DOWNSTREAM, SlotTable


def compile_snapshot(
    config: model.MosnConfig,
    slots: SlotTable,
    resolve: Resolved | None = None,
    *,
    source: Source | None = None,
    capabilities: Capabilities | None = None,
    certificates: Certificates | None = None,
    workers: int = 1,
    log_directory: str = "logs",
    version: int = 0,
) -> snapshot.Snapshot:
    """Return the snapshot of ``config``; raise ``ConfigError`` with the path of what is wrong.

    ``resolve`` maps ``name:port`` to addresses (``names_to_resolve`` lists the names); hosts that
    are not in it are left out.  ``None`` keeps names as they are.  Limits of the process are shared
    out among the ``workers``.  ``log_directory`` is where access logs without a path go.
    ``certificates`` reads certificates; without it their references stand for them.
    """
    where = source or Source()
    can = capabilities or Capabilities()
    open_ended = config.mode != "file"
    tls = TlsCompiler(where, slots, can, certificates or UnreadCertificates())
    try:
        clusters = ClusterCompiler(where, slots, can, resolve, workers, tls).compile(
            config.cluster_manager
        )
        routes = RouteCompiler(
            where, clusters.keys(), can.protocols, open_ended=open_ended
        )
        routers: dict[str, snapshot.Router] = {}
        listeners: list[snapshot.Listener] = []
        for index, server in enumerate(config.servers):
            path = f"$.servers[{index}]"
            _compile_routers(routes, server, routers, path, where)
            listeners += ListenerCompiler(
                where,
                slots,
                can,
                routers=routers.keys(),
                check_cluster=routes.check_cluster,
                resolve=resolve,
                workers=workers,
                log_directory=log_directory,
                open_ended=open_ended,
                tls=tls,
            ).compile(server, path)
        slots.slot(DOWNSTREAM, proxy="global")
    except MemoryError as error:
        raise ConfigError(f"too many listeners, clusters and hosts: {error}") from error
    return snapshot.Snapshot(
        version=version,
        listeners=listeners,
        routers=routers,
        clusters=clusters,
    )


def _compile_routers(
    routes: RouteCompiler,
    server: model.Server,
    routers: dict[str, snapshot.Router],
    path: str,
    source: Source,
) -> None:
    """Compile the named tables, those of ``connection_manager`` filters included."""
    tables = [(router, f"{path}.routers[{i}]") for i, router in enumerate(server.routers)]
    for index, listener in enumerate(server.listeners):
        for c, chain in enumerate(listener.filter_chains):
            for f, network_filter in enumerate(chain.filters):
                if isinstance(network_filter.config, model.RouterConfig):
                    where = f"{path}.listeners[{index}].filter_chains[{c}].filters[{f}].config"
                    tables.append((network_filter.config, where))
    for router, where in tables:
        name = router.router_config_name
        if not name:
            continue
        if name in routers:
            message = "another router has this name"
            raise source.error(f"{where}.router_config_name", message, found=name)
        routers[name] = routes.router(router, where)
