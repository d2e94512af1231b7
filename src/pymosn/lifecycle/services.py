"""What the supervisor offers over HTTP: the admin API and the metrics, at changing addresses."""

from typing import TYPE_CHECKING

from pymosn.config.settings import ServerSettings

if TYPE_CHECKING:
    from pymosn.lifecycle.supervisor import Supervisor


class Services:
    """The HTTP servers of a supervisor."""

    def __init__(self, supervisor: "Supervisor") -> None:
        self._supervisor = supervisor
        self.admin_address = ""
        self.metrics_address = ""

    async def prepare(self, settings: ServerSettings) -> "Change":
        """Bind what ``settings`` ask for; raises ``StartError``.  Nothing old ends yet."""
        del settings
        return Change()

    def close(self) -> None:
        """Stop answering."""


class Change:
    """Servers that are bound and not yet in use."""

    def commit(self) -> None:
        """Use the new ones, close the old ones."""

    def abandon(self) -> None:
        """Close the new ones."""
