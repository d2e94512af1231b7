"""Any bytes give request events or one error, never an exception or a read outside the buffer,
and the same ones from both builds, however the bytes are cut; what is forwarded reads the same.
"""

import sys

from tests.fuzz.loop import main
from tests.support.builds import installed, interpreted
from tests.support.forward import forwarded_requests
from tests.support.http1 import Transcript, read
from tests.support.smuggling import FRAMED, REFUSED

SEEDS = [*REFUSED.values(), *(data for data, _ in FRAMED.values())]
LIMITS = ({}, {"max_head": 200, "max_headers": 5, "max_body": 10})
COMPILED = installed()
INTERPRETED = interpreted()


def check(data: bytes) -> None:
    """Raise when the invariant does not hold for ``data``."""
    for limits in LIMITS:
        whole = read(COMPILED, [data], requests=True, eof=True, **limits)
        _same(whole, read(INTERPRETED, [data], requests=True, eof=True, **limits))
        cut = len(data) * (data[-1] if data else 0) // 255
        for pieces in ([data[:cut], data[cut:]], _steps(data)):
            again = read(COMPILED, pieces, requests=True, eof=True, **limits)
            _same(again, read(INTERPRETED, pieces, requests=True, eof=True, **limits))
            if not _errors(whole) and not _errors(again):
                _same(whole, again)
            else:
                assert _complete(whole) == _complete(again), (whole.events, again.events)
    messages = forwarded_requests(COMPILED, data)
    again = read(COMPILED, [b"".join(message.sent for message in messages)], requests=True)
    assert not _errors(again), again.events
    assert [event[1:3] for event in again.events if event[0] == "request"] == [
        (message.method, message.target) for message in messages
    ]


def _steps(data: bytes) -> list[bytes]:
    size = 1 + (data[0] % 13 if data else 0)
    return [data[at : at + size] for at in range(0, min(len(data), 3000), size)] + [data[3000:]]


def _same(one: Transcript, other: Transcript) -> None:
    assert one.events == other.events, (one.events, other.events)
    assert one.flags == other.flags, (one.flags, other.flags)


def _errors(transcript: Transcript) -> bool:
    return bool(transcript.events) and transcript.events[-1][0] == "error"


def _complete(transcript: Transcript) -> int:
    return sum(event[0] == "end" for event in transcript.events)


if __name__ == "__main__":
    sys.exit(main(check, SEEDS))
