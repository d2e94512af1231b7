"""pymosn: MOSN, the cloud-native L4/L7 proxy, in compiled Python."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pymosn.server import Server as Server

__version__ = "0.1.0"
__all__ = ["Server"]


def __getattr__(name: str) -> object:
    """Import ``Server`` when it is first asked for: a worker and the command line never do."""
    if name == "Server":
        from pymosn.server import Server

        return Server
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
