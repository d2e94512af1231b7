"""The short form's keys: a configuration file for people.

Recognised by ``listen`` or ``listeners`` at the top.  ``pymosn.config.short`` expands it to MOSN's
model; what can be said here is a part of what can be said there.
"""

from typing import Any

from msgspec import field

from pymosn.config.model.base import Percent, Section, Uint
from pymosn.config.model.filters import Http1Config
from pymosn.config.values import Duration

Targets = str | list[str] | dict[str, Uint]


class ShortTls(Section):
    """TLS; files, or inline PEM."""

    cert: str = ""
    """Certificate chain."""
    key: str = ""
    """Private key."""
    ca: str = ""
    """CA certificates that the peer is verified with."""
    server_name: str = ""
    """Clusters: the name to send and verify."""
    client_cert: bool | str = False
    """Listeners: clients must have a certificate of ``ca``; ``optional``: it is verified if there
    is one."""
    peer_names: list[str] = field(default_factory=list)
    """One of these URI or DNS names must be in the peer's certificate."""
    insecure: bool = False
    """Clusters: do not verify. For tests only."""
    alpn: list[str] = field(default_factory=list)
    """Protocols offered; default: what the listener tells apart."""
    min_version: str = ""
    """``1.2`` (default) or ``1.3``; ``1.0`` and ``1.1`` are broken."""
    ciphers: list[str] = field(default_factory=list)
    """Cipher suites in order of preference; default: those with ECDHE and AEAD."""
    ocsp: str = ""
    """Listeners: a file with the OCSP response (DER) to staple."""
    plain: bool = False
    """Listeners: plain text is served on the same port."""


class ShortAccessLog(Section):
    """An access log."""

    path: str = "stdout"
    """A file, ``stdout`` or ``stderr``."""
    format: str = ""
    """Text with ``%variable%``; empty: MOSN's default."""
    json: dict[str, str] = field(default_factory=dict)
    """One JSON object a line instead: key to text with ``%variable%``."""
    flush_interval: Duration = Duration.of(1)
    """Lines are written at the latest after so long."""


class ShortLog(Section):
    """The log of the program itself."""

    path: str = "stderr"
    """A file, ``stdout`` or ``stderr``."""
    level: str = "INFO"
    """``TRACE``, ``DEBUG``, ``INFO``, ``WARN``, ``ERROR`` or ``FATAL``."""
    roll: str = ""
    """``time=24``, or ``size=100 age=7 keep=10 compress=on``."""


class ShortRetries(Section):
    """When a request is tried again."""

    attempts: Uint = 1
    """Retries after the first attempt."""
    on: list[str] | str = field(default_factory=list)
    """Conditions (see the reference of ``conditions``); empty: connection failure, reset, attempt
    timed out, status 500 and above."""
    timeout: Duration = Duration(0)
    """Time for one attempt; 0: no limit but the route's timeout."""
    status_codes: list[Uint] = field(default_factory=list)
    """Statuses that are retried; empty: 500 and above."""
    backoff_base: Duration = Duration.of(0.01)
    """Wait about so long before the first retry, twice as long before the next, ..."""
    backoff_max: Duration = Duration.of(0.25)
    """... but never longer than this."""


class ShortRedirect(Section):
    """A redirect."""

    to: str
    """A URL, or a path that begins with ``/``; what it does not have is taken from the request."""
    status: int = 301
    """301, 302, 303, 307 or 308."""


class ShortResponse(Section):
    """An answer without an upstream."""

    status: int = 200
    """Status."""
    body: str = ""
    """Body."""


class ShortRewrite(Section):
    """Rewrites the path by a pattern."""

    regex: str
    """What is replaced."""
    to: str = ""
    """What it is replaced by; ``$1`` stands for a group."""


class ShortMirror(Section):
    """Copies of requests."""

    to: str | list[str]
    """A cluster or addresses."""
    percent: Percent = 100
    """How many of a hundred requests are copied."""


class ShortHeaders(Section):
    """What happens to headers."""

    set: dict[str, str] = field(default_factory=dict)
    """Headers whose value is replaced; ``%variable%`` is expanded."""
    add: dict[str, str] = field(default_factory=dict)
    """Headers whose value is added to what is there."""
    remove: list[str] | str = field(default_factory=list)
    """Headers that are removed."""


class ShortRoute(Section):
    """One rule; the first that matches acts.

    Has one of ``to``, ``redirect``, ``respond``, or ``routes`` (rules that share ``host``).
    """

    name: str = ""
    """A name for logs."""
    match: str = ""
    """``/prefix``, ``= /exact`` (case does not matter), ``~ regex``; empty: every path."""
    host: str | list[str] = ""
    """Domains: ``example.com``, ``*.example.com``, ``example.com:8443``; empty: every host."""
    methods: str | list[str] = ""
    """HTTP methods."""
    headers: dict[str, str | bool] = field(default_factory=dict)
    """Conditions on headers: ``value``, ``prefix*``, ``*suffix``, ``~ regex``, ``"*"`` or true
    (there), false (not there), ``!`` before any of them (not so)."""
    query: dict[str, str | bool] = field(default_factory=dict)
    """Conditions on query parameters, written likewise."""
    to: Targets | None = None
    """A cluster, one or several addresses, or clusters with their weights."""
    routes: list["ShortRoute"] = field(default_factory=list)
    """Rules for ``host``."""
    redirect: str | ShortRedirect | None = None
    """Redirect to this URL or path."""
    respond: ShortResponse | int | str | None = None
    """Answer with this status or body."""
    timeout: Duration | None = None
    """Time for the whole exchange, retries included; default 60 s; ``"0"``: no limit."""
    idle_timeout: Duration = Duration(0)
    """The exchange ends after so long without a byte; 0: no limit."""
    upgrade_idle_timeout: Duration = Duration.of(3600)
    """The same for an upgraded connection such as a WebSocket."""
    retries: Uint | ShortRetries | None = None
    """Retries after the first attempt, or more exactly."""
    rewrite: str | ShortRewrite | None = None
    """Replaces the matched prefix of the path."""
    rewrite_host: str = ""
    """Replaces the host of the request."""
    request_headers: ShortHeaders | None = None
    """What happens to the request's headers."""
    response_headers: ShortHeaders | None = None
    """What happens to the response's headers."""
    mirror: str | ShortMirror | None = None
    """A cluster that gets copies of the requests."""
    hash: str = ""
    """What a hashing balancer hashes: ``header NAME``, ``cookie NAME`` or ``source_ip``."""
    filters: dict[str, Any] = field(default_factory=dict)
    """Configuration of filters for this rule, by filter type."""


class ShortServing(Section):
    """What one listener serves: one of ``to``, ``routes``, ``tcp``."""

    name: str = ""
    """A name for logs and metrics; default: the address."""
    to: Targets | None = None
    """Every request goes there: a cluster, addresses, or clusters with weights."""
    routes: list[ShortRoute] = field(default_factory=list)
    """Rules, in order."""
    tcp: str | list[str] | None = None
    """Bytes of every connection go there: a cluster or addresses."""
    timeout: Duration | None = None
    """Default ``timeout`` of the routes."""
    retries: Uint | ShortRetries | None = None
    """Default ``retries`` of the routes."""
    protocol: str = "Http1"
    """What clients speak."""
    tls: ShortTls | list[ShortTls] | None = None
    """TLS; of several, the client's SNI chooses the one with such a certificate, else the first."""
    access_log: str | bool | ShortAccessLog | None = None
    """Access log; false: none."""
    filters: list[str | dict[str, Any]] = field(default_factory=list)
    """Stream filters, in order: ``name``, or ``name: {options}``."""
    http1: Http1Config | None = None
    """Limits and manners of HTTP/1.1."""
    idle_timeout: Duration | None = None
    """A client's connection is closed after so long without a byte; default 90 s for requests,
    never for ``tcp``."""
    max_connections: Uint = 0
    """Connections at a time; 0: unlimited."""
    backlog: Uint = 1024
    """Connections that may wait to be accepted."""


class ShortListener(ShortServing):
    """An address, and what is served there."""

    address: str | Uint = ""
    """``:8080``, ``127.0.0.1:8080``, ``8080``, ``unix:/run/app.sock``. Required."""


class ShortHost(Section):
    """One endpoint of a cluster."""

    address: str
    """``ip:port``, ``name:port`` or ``unix:/path``."""
    weight: Uint = 1
    """Share of the traffic, 1 to 128."""
    hostname: str = ""
    """A name for logs."""
    labels: dict[str, str] = field(default_factory=dict)
    """Labels for subset balancing."""


class ShortLimits(Section):
    """Limits of a cluster; 0 means unlimited."""

    connections: Uint = 0
    """Connections to all hosts together."""
    pending: Uint = 0
    """Requests that wait for a connection; 0: none waits once ``connections`` are open and busy,
    the reply is 503."""
    requests: Uint = 0
    """Requests under way."""
    retries: Uint = 0
    """Retries under way."""


class ShortHealthCheck(Section):
    """Active health checking."""

    path: str = ""
    """Ask for this path; empty: only connect."""
    interval: Duration = Duration.of(15)
    """Time between checks."""
    timeout: Duration = Duration.of(1)
    """How long one check may take."""
    healthy: Uint = 1
    """Successes in a row that make a host healthy."""
    unhealthy: Uint = 1
    """Failures in a row that make a host unhealthy."""
    port: Uint = 0
    """Another port; 0: the host's own."""
    host: str = ""
    """``Host`` of the request."""


class ShortCluster(Section):
    """A set of equivalent hosts."""

    hosts: list[str | ShortHost] = field(default_factory=list)
    """The endpoints."""
    balance: str = ""
    """``round_robin``, ``random``, ``weighted_round_robin``, ``least_request``,
    ``least_connection``, ``hash``, ``peak_ewma``. Default: ``round_robin``, weighted when weights
    differ."""
    connect_timeout: Duration = Duration.of(10)
    """Time to connect."""
    idle_timeout: Duration | None = None
    """An unused connection is closed after so long; 0: never. Default: 60 s, and never for RPC
    protocols."""
    max_requests_per_connection: Uint = 0
    """A connection is replaced after so many requests; 0: never."""
    limits: ShortLimits | None = None
    """Limits."""
    health_check: ShortHealthCheck | None = None
    """Active health checks."""
    tls: bool | ShortTls = False
    """TLS towards the hosts; so does a host written ``https://name``."""
    slow_start: Duration = Duration(0)
    """A new host has its full share after so long."""


class ShortConfig(ShortServing):
    """The whole file.

    Either ``listeners``, or ``listen`` with the keys of a single listener beside it.
    """

    listen: str | Uint = ""
    """The address of the single listener."""
    listeners: list[ShortListener] = field(default_factory=list)
    """The listeners."""
    clusters: dict[str, str | list[str | ShortHost] | ShortCluster] = field(default_factory=dict)
    """Clusters by name: hosts, or more exactly."""
    admin: str | Uint = ""
    """Address of the admin API; a bare port is on 127.0.0.1; empty: none."""
    log: str | ShortLog = "stderr"
    """The log of the program itself."""
    workers: str | Uint = "auto"
    """Worker processes; ``auto``: as many as there are CPUs for us."""
    metrics: Uint = 0
    """Port on which Prometheus asks; 0: none."""
    graceful_timeout: Duration = Duration.of(30)
    """Time for requests under way when stopping or upgrading."""
    pid: str = ""
    """File for the process id."""
