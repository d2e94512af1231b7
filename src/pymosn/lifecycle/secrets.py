"""What the supervisor keeps for TLS: ticket keys that grow old, and an eye on certificates' files.

A ticket is encrypted by the newest key, and good as long as its key is known, so a session can be
resumed at every worker, also at one that replaced the one that made it.
"""

import os
import time
from collections.abc import Awaitable, Callable
from typing import Final

from pymosn.config.certificates import Certificates, Stamp, expiry_warnings
from pymosn.observe.log import ErrorLog

TICKET_KEY_BYTES: Final = 80
ROTATION_SECONDS: Final = 12 * 3600.0
KEPT_KEYS: Final = 3
"""The newest, and those before it that are still accepted."""
CHECK_SECONDS: Final = 2.0
WARN_SECONDS: Final = 24 * 3600.0


class TicketKeyRing:
    """The keys of TLS session tickets, the newest first."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.keys = [os.urandom(TICKET_KEY_BYTES)]
        self._clock = clock
        self._rotated = clock()

    def rotate_if_due(self) -> bool:
        """Make a new key if the newest is old; returns whether that happened."""
        if self._clock() - self._rotated < ROTATION_SECONDS:
            return False
        self._rotated = self._clock()
        self.keys = [os.urandom(TICKET_KEY_BYTES), *self.keys][:KEPT_KEYS]
        return True


class CertificateWatch:
    """Notices that files of certificates were replaced, and says once what is wrong with them."""

    def __init__(
        self,
        log: ErrorLog,
        certificates: Callable[[], Certificates],
        renew: Callable[[], Awaitable[None]],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """``certificates`` returns those in use; ``renew`` puts what the files now hold to use,
        or raises an exception whose text says why not."""
        self._log = log
        self._certificates = certificates
        self._renew = renew
        self._clock = clock
        self._refused: dict[str, Stamp | None] | None = None
        self._warned = 0.0

    async def check(self) -> None:
        """Look at the files once."""
        self._warn_of_expiry()
        certificates = self._certificates()
        changed = certificates.changed()
        if not changed:
            self._refused = None
            return
        stamps = certificates.stamps()
        if stamps == self._refused:
            return
        names = ", ".join(changed)
        try:
            await self._renew()
        except Exception as error:  # the edge: whatever is wrong with the files, the old ones serve
            self._refused = stamps
            self._log.error(f"certificates stay as they were: {error}")
        else:
            self._warned = 0.0
            self._log.info(f"certificates were read anew: {names}")

    def _warn_of_expiry(self) -> None:
        now = self._clock()
        if self._warned and now - self._warned < WARN_SECONDS:
            return
        self._warned = now
        for warning in expiry_warnings(self._certificates().used, now):
            self._log.warning(warning)
