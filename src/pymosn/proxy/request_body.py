"""What has arrived of a request's body and may still be needed.

It is wanted before there is an upstream connection, for another attempt, and by a filter that asks
for the whole.  ``ProxyStream`` owns it, says how much may be kept, and makes the client wait.
"""

import asyncio
from typing import Any

from pymosn.proxy.exchange import BodyTooLarge


class RequestBody:
    """The pieces, as they came."""

    pieces: list[bytes]
    size: int
    dropped: bool
    """Nothing is kept any more, so the request cannot be sent again."""
    waiter: Any
    _limit: int

    def __init__(self) -> None:
        self.pieces = []

    def keep(self, data: bytes) -> None:
        """Append a piece, unless everything was dropped."""
        if data and not self.dropped:
            self.pieces.append(data)
            self.size += len(data)

    def keep_within(self, data: bytes, most: int) -> None:
        """Append a piece, unless it would be more than ``most`` bytes: then drop everything."""
        if self.size + len(data) > most:
            self.drop()
        else:
            self.keep(data)

    def drop(self) -> None:
        """Nobody needs the body any more."""
        self.pieces = []
        self.size = 0
        self.dropped = True
        if self.waiter is not None:
            self._refuse(RuntimeError("the body was forwarded already"))

    def take(self) -> list[bytes]:
        """Return the pieces and begin anew, for what they become."""
        pieces = self.pieces
        self.pieces = []
        self.size = 0
        return pieces

    # -- for a filter that wants the whole -----------------------------------------------------

    def read(self, future: asyncio.Future[bytes], limit: int) -> None:
        """Give ``future`` the whole body once it is there, if it is at most ``limit`` bytes."""
        self.waiter = future
        self._limit = limit
        if self.dropped:
            self._refuse(RuntimeError("the body was forwarded already"))

    def wake(self, complete: bool) -> bool:
        """Tell the waiting filter if it can have its answer; True: more is wanted for that."""
        future = self.waiter
        if future is None:
            return False
        if future.done():
            self.waiter = None
        elif self.size > self._limit:
            self._refuse(BodyTooLarge(f"the body exceeds {self._limit} bytes"))
        elif complete:
            self.waiter = None
            future.set_result(b"".join(self.pieces))
        else:
            return True
        return False

    def _refuse(self, error: Exception) -> None:
        future = self.waiter
        self.waiter = None
        if not future.done():
            future.set_exception(error)
