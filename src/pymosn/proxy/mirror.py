"""Copies of requests, sent to another cluster and forgotten (spec §2.4, ``mirror``).

Nobody waits for a copy: what its upstream does not take in time is given up, and its response is
only counted.  ``ProxyStream`` passes on what it receives until the request is complete; from then
on a copy lives by itself.
"""

from typing import TYPE_CHECKING

from pymosn.message import Head, RequestHead, ResponseHead
from pymosn.network.reactor import Reactor
from pymosn.network.timers import Timer
from pymosn.stream.pool import READY, WAITING, ConnectionPool, PoolWaiter, UpstreamSender
from pymosn.upstream.cluster import UpstreamCluster
from pymosn.upstream.hosts import UpstreamHost

if TYPE_CHECKING:
    from pymosn.proxy.downstream import ProxyStream

HELD_BYTES = 65536
"""Body that may wait for a connection; a copy with more is given up."""
LONGEST = 60.0
"""Seconds that a copy may take where its route has no timeout."""

_HELD_BYTES = HELD_BYTES
_LONGEST = LONGEST
_CONNECT = b"CONNECT"
_READY = READY
_WAITING = WAITING


class MirrorCopy(PoolWaiter):
    """One copy of a request, for one host."""

    reactor: "Reactor"
    cluster: "UpstreamCluster"
    host: "UpstreamHost"
    head: "RequestHead"
    begun: int
    status: int
    started: bool
    ended: bool
    stalled: bool
    closed: bool
    trailers: "Head | None"
    _pool: "ConnectionPool"
    _timer: "Timer"
    _pieces: list[bytes]
    _size: int

    def begin(
        self,
        reactor: Reactor,
        cluster: UpstreamCluster,
        host: UpstreamHost,
        pool: ConnectionPool,
        head: RequestHead,
    ) -> None:
        """Send ``head`` to ``host``; ``send`` has the parts that follow, and ``start`` begins."""
        self.reactor = reactor
        self.cluster = cluster
        self.host = host
        self.head = head
        self.begun = reactor.now
        self._pool = pool
        self._timer = Timer()
        self._pieces = []
        cluster.limits.requests += 1
        host.active += 1
        host.stats.request_started()

    def start(self, seconds: float) -> None:
        """Ask for a connection; after so many seconds the copy is given up."""
        self.reactor.arm(self._timer, self, seconds if seconds > 0.0 else _LONGEST)
        # A copy is not worth a second try, so it does not go where it might need one.
        result = self._pool.acquire(self, True)
        if result == _READY:
            self._send_what_is_there()
        elif result != _WAITING:
            self._close(0)

    def send(self, data: bytes, end: bool) -> None:
        """Send a piece of the body, or keep it for when there is a connection."""
        if self.closed:
            return
        self.ended = end
        if not self.started:
            self._size += len(data)
            self._pieces.append(data)
            if self._size > _HELD_BYTES:
                self.abandon()
        elif self.stalled and data:
            self.abandon()
        else:
            self.stalled = not self.sender.send_data(data, end)

    def finish(self, trailers: Head | None) -> None:
        """The body ended, with ``trailers`` if there are any."""
        if self.closed:
            return
        self.ended = True
        self.trailers = trailers
        if self.started:
            self.sender.send_trailers(trailers)

    def abandon(self) -> None:
        """Give it up."""
        if self.closed:
            return
        sender = self.sender
        self.sender = None  # type: ignore[assignment]  # as declared
        if sender is not None:
            sender.reset()
        elif not self.started:
            self._pool.cancel(self)
        self._close(0)

    # -- from the pool and the upstream codec ----------------------------------------------------

    def on_pool_ready(self, sender: UpstreamSender) -> None:
        self.sender = sender
        self._send_what_is_there()

    def on_pool_failed(self, reason: int) -> None:
        self._close(0)

    def on_headers(self, head: Head, end: bool) -> None:
        response: ResponseHead = head  # type: ignore[assignment]  # an upstream sends responses
        self.status = response.status
        if end:
            self._close(self.status)

    def on_data(self, data: bytes, end: bool) -> None:
        if end:
            self._close(self.status)

    def on_trailers(self, trailers: Head | None) -> None:
        self._close(self.status)

    def on_reset(self, reason: int) -> None:
        self.sender = None  # type: ignore[assignment]  # as declared
        self._close(0)

    def on_drained(self) -> None:
        self.stalled = False

    def on_timer(self, timer: Timer) -> None:
        self.host.stats.request_timed_out()
        self.abandon()

    # -- private ---------------------------------------------------------------------------------

    def _send_what_is_there(self) -> None:
        sender = self.sender
        self.started = True
        sender.attach(self)
        pieces = self._pieces
        self._pieces = []
        bare = self.trailers is None
        sender.send_headers(self.head, self.ended and bare and not pieces)
        last = len(pieces) - 1
        for index, piece in enumerate(pieces):
            self.stalled = not sender.send_data(piece, self.ended and bare and index == last)
        if self.ended and not bare:
            sender.send_trailers(self.trailers)

    def _close(self, status: int) -> None:
        """Take it off the accounts, once."""
        if self.closed:
            return
        self.closed = True
        self.reactor.cancel(self._timer)
        self.host.active -= 1
        self.cluster.limits.requests -= 1
        if status:
            self.host.stats.request_finished(status, self.reactor.now - self.begun)
        else:
            self.host.stats.request_reset(False)


class Copies:
    """The copies of one request, while it is still arriving."""

    _copies: list[MirrorCopy]

    def make(self, stream: "ProxyStream", name: str, wanted: int, everywhere: bool) -> int:
        """Send what there is of the request to hosts of the cluster ``name``: to ``wanted`` of
        them, or to all that are healthy.  Returns the number of copies."""
        self._copies = []
        request = stream.request
        cluster = stream.proxy.clusters.get(name)
        if cluster is None or request.is_rpc() or request.upgrade is not None:
            return 0
        if request.method == _CONNECT:
            return 0
        if everywhere:
            for host in cluster.hosts:
                if host.healthy:
                    self._copy_to(stream, cluster, host)
        else:
            for _ in range(wanted):
                chosen = cluster.choose(stream, None)
                if chosen is not None:
                    self._copy_to(stream, cluster, chosen)
        return len(self._copies)

    def send(self, data: bytes, end: bool) -> None:
        """Pass on a piece of the body."""
        for copy in self._copies:
            copy.send(data, end)

    def finish(self, trailers: Head | None) -> None:
        """Pass on the end of the body."""
        for copy in self._copies:
            copy.finish(trailers)

    def leave(self) -> None:
        """The exchange is over: copies of a request that is complete go on, others cannot."""
        for copy in self._copies:
            if not copy.ended:
                copy.abandon()
        self._copies = []

    def _copy_to(
        self, stream: "ProxyStream", cluster: UpstreamCluster, host: UpstreamHost
    ) -> None:
        limits = cluster.limits
        if limits.max_requests and limits.requests >= limits.max_requests:
            return
        pool = host.pool(stream.upstream_protocol(cluster))
        head = copy_of(stream.request)
        if not pool.takes(head):
            return
        copy = MirrorCopy.__new__(MirrorCopy)
        copy.begin(stream.reactor, cluster, host, pool, head)
        self._copies.append(copy)
        body = stream.body
        pieces: list[bytes] = [] if body is None else body.pieces
        trailers = stream.request_trailers
        if stream.request_ended and not pieces and trailers is None:
            copy.ended = True
        for index, piece in enumerate(pieces):
            whole = index == len(pieces) - 1 and trailers is None
            copy.send(piece, stream.request_ended and whole)
        if trailers is not None:
            copy.finish(trailers)
        if not copy.closed:
            copy.start(stream.route.timeout)


def copy_of(request: RequestHead) -> RequestHead:
    """Return a head that can be changed and sent by itself."""
    made = RequestHead(request.raw, request.fields, request.end)
    made.start = request.start
    made.cut_start = request.cut_start
    made.cut_end = request.cut_end
    made.cuts = None if request.cuts is None else list(request.cuts)
    made.added = None if request.added is None else list(request.added)
    made.content_length = request.content_length
    made.minor = request.minor
    made.method = request.method
    made.target = request.target
    made.authority = request.authority
    made.scheme = request.scheme
    made.te_trailers = request.te_trailers
    return made
