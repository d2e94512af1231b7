"""The model as canonical MOSN JSON, with every default written out.

``expand(load(expand(x)))`` is ``expand(x)``.  Durations are written as Go writes them; parts that
came from directories are inlined; what is empty, or depends on the machine, is left out.
"""

import copy
import json
from typing import Any, Final

from msgspec import NODEFAULT, structs

from pymosn.config import model
from pymosn.config.clusters import MAX_WEIGHT, MIN_WEIGHT
from pymosn.config.listeners import DEFAULT_IDLE_TIMEOUT, DEFAULT_LOG_FORMAT
from pymosn.config.routes import DEFAULT_RETRIES, DEFAULT_TIMEOUT, retry_conditions
from pymosn.config.settings import LEVELS
from pymosn.config.support import BALANCERS, DEFAULT_BALANCER, protocol_names
from pymosn.config.values import Duration, Size

REDACTED: Final = "***REDACTED***"
_SECRETS: Final = frozenset({"private_key", "password", "authentication", "secret", "credential"})


def expand(config: model.MosnConfig) -> dict[str, Any]:
    """Return the effective configuration as plain JSON values."""
    return encode(effective(config))


def expand_text(config: model.MosnConfig) -> str:
    """Return the effective configuration as JSON text."""
    return json.dumps(expand(config), indent=2, ensure_ascii=False) + "\n"


def redact(document: Any) -> Any:
    """Return a copy of plain JSON values in which secrets cannot be read."""
    if isinstance(document, dict):
        return {
            key: REDACTED if key.lower() in _SECRETS and value else redact(value)
            for key, value in document.items()
        }
    if isinstance(document, list):
        return [redact(item) for item in document]
    return document


def encode(section: model.Section) -> dict[str, Any]:
    """Return a section as plain JSON values, without what is empty."""
    encoded: dict[str, Any] = {}
    for info in structs.fields(section):
        value = getattr(section, info.name)
        if value is None:
            continue
        plain = _plain(value)
        default = info.default if info.default is not NODEFAULT else info.default_factory
        optional = default is None
        if plain in ("", [], {}) and not optional and (default == plain or callable(default)):
            continue
        encoded[info.encode_name] = plain
    return encoded


def effective(config: model.MosnConfig) -> model.MosnConfig:
    """Return a copy of the model with every default that is not a constant filled in."""
    filled = copy.deepcopy(config)
    filled.disable_upgrade = filled.disable_upgrade or filled.close_graceful
    filled.close_graceful = False
    for server in filled.servers:
        if server.default_log_level not in LEVELS:
            server.default_log_level = "INFO"
        for listener in server.listeners:
            _fill_listener(listener)
        for router in server.routers:
            _fill_router(router)
    filled.cluster_manager.clusters_configs = ""
    for cluster in filled.cluster_manager.clusters:
        if cluster.lb_type not in BALANCERS:
            cluster.lb_type = DEFAULT_BALANCER
        for host in cluster.hosts:
            host.weight = min(max(host.weight, MIN_WEIGHT), MAX_WEIGHT)
    return filled


def _fill_listener(listener: model.Listener) -> None:
    listener.name = listener.name or listener.address
    listener.network = listener.network.lower() or "tcp"
    kinds = {f.type for chain in listener.filter_chains for f in chain.filters}
    if listener.connection_idle_timeout is None and kinds == {"proxy"}:
        listener.connection_idle_timeout = Duration.of(DEFAULT_IDLE_TIMEOUT)
    for log in listener.access_logs:
        if not log.json_format:
            log.log_format = log.log_format or DEFAULT_LOG_FORMAT
    for chain in listener.filter_chains:
        for network_filter in chain.filters:
            if isinstance(network_filter.config, model.ProxyConfig):
                _fill_proxy(network_filter.config)
            elif isinstance(network_filter.config, model.RouterConfig):
                _fill_router(network_filter.config)


def _fill_proxy(proxy: model.ProxyConfig) -> None:
    names = protocol_names(proxy)
    extend = proxy.extend_config or model.ExtendConfig()
    proxy.downstream_protocol = ",".join(names)
    options = model.ExtendConfig(http1=extend.http1, http2=extend.http2, bolt=extend.bolt)
    if "Http1" in names or "Auto" in names:
        options.http1 = extend.http1_options()
    if options.http2 is None and extend.http2_use_stream is not None:
        options.http2 = model.Http2Config(http2_use_stream=extend.http2_use_stream)
    if options.bolt is None and extend.enable_bolt_goaway is not None:
        options.bolt = model.BoltConfig(enable_bolt_goaway=extend.enable_bolt_goaway)
    proxy.extend_config = options if encode(options) else None


def _fill_router(router: model.RouterConfig) -> None:
    router.router_configs = ""
    for host in router.virtual_hosts:
        for route in host.routers:
            if route.route is not None and route.redirect is None and route.direct_response is None:
                _fill_action(route.route)


def _fill_action(action: model.RouteAction) -> None:
    if not action.timeout:
        action.timeout = Duration.of(DEFAULT_TIMEOUT)
    policy = action.retry_policy = action.retry_policy or model.RetryPolicy()
    policy.conditions = retry_conditions(policy)
    policy.retry_on = bool(policy.retry_on) or bool(policy.conditions)
    if policy.per_try_timeout is not None:
        policy.retry_timeout = policy.per_try_timeout or policy.retry_timeout
        policy.per_try_timeout = None
    if policy.num_retries is None:
        policy.num_retries = DEFAULT_RETRIES


def _plain(value: Any) -> Any:
    if isinstance(value, model.Section):
        return encode(value)
    if isinstance(value, Duration | Size):
        return value.to_config()
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value
