"""The data plane of one worker, built from a snapshot: the one place that wires it.

``apply`` builds every runtime object of the new snapshot before it replaces the old ones in one
step; a snapshot that cannot be built changes nothing.  Streams under way keep the objects they
began with.
"""

import asyncio
from collections.abc import Mapping, Sequence

from pymosn.extension.registry import Registry
from pymosn.network.reactor import Reactor
from pymosn.observe.metrics import Slots
from pymosn.snapshot import Host, Snapshot


class Runtime:
    """Everything a worker serves with.

    ``loop`` runs asynchronous filters; None where there are none.
    """

    def __init__(
        self,
        reactor: Reactor,
        slots: Slots,
        registry: Registry,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        raise NotImplementedError

    def apply(self, snapshot: Snapshot, sockets: Mapping[str, Sequence[int]]) -> None:
        """Serve ``snapshot``.

        ``sockets`` maps the name of each bound listener to this worker's listening descriptors
        for it; the runtime owns and in the end closes them.  A listener that was served before
        and keeps its name needs none.  Listeners that are gone stop accepting and drain.
        Raises ``ConfigError`` when something cannot be built; then nothing has changed and the
        descriptors are still the caller's.
        """
        raise NotImplementedError

    def update_hosts(self, cluster: str, hosts: Sequence[Host]) -> None:
        """Replace the hosts of a cluster (name resolution, health); unknown names are ignored."""
        raise NotImplementedError

    def drain(self) -> None:
        """Stop accepting; every connection closes after its current exchange."""
        raise NotImplementedError

    def active(self) -> int:
        """Return the number of open downstream connections."""
        raise NotImplementedError

    def reopen_logs(self) -> None:
        """Open every access log anew (after a rotation)."""
        raise NotImplementedError

    def close(self) -> None:
        """Close everything at once."""
        raise NotImplementedError
