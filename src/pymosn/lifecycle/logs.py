"""Which log files are rolled when, and in which order: rename, reopen everywhere, compress."""

import asyncio
from collections.abc import Callable
from typing import Final

from pymosn.observe.log import ErrorLog
from pymosn.observe.roller import LogRoller, Rules
from pymosn.observe.syslog import is_syslog
from pymosn.snapshot import Snapshot

_REOPENED_AFTER: Final = 5.0
"""Seconds after which every worker has reopened its files."""


class LogKeeper:
    """Rolls the error log and the access logs of a supervisor and its workers."""

    def __init__(self, log: ErrorLog, rules: Rules, reopen: Callable[[], None]) -> None:
        """``reopen`` makes every process open its logs anew."""
        self._log = log
        self._reopen = reopen
        self._roller = LogRoller(rules)
        self._paths: list[str] = []

    def configure(self, rules: Rules, snapshot: Snapshot) -> None:
        """Roll by these rules the files that ``snapshot`` names, and the error log."""
        self._roller.rules = rules
        access = (log.path for item in snapshot.listeners for log in item.access_logs)
        own = (self._log.path,) if self._log.is_file else ()
        self._paths = [
            *own,
            *dict.fromkeys(path for path in access if _is_file(path)),
        ]

    async def roll(self) -> None:
        """Roll what is due."""
        rolled = self._roller.roll(self._paths)
        if not rolled:
            return
        self._reopen()
        await asyncio.sleep(_REOPENED_AFTER)
        for path in rolled:
            await asyncio.to_thread(self._roller.finish, path)


def _is_file(path: str) -> bool:
    return path not in ("stdout", "stderr") and not is_syslog(path)
