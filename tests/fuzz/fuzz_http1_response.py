"""Any bytes give response events or one error, never an exception or a read outside the buffer,
and the same ones from both builds, however the bytes are cut.
"""

import sys

from tests.fuzz.loop import main
from tests.support.builds import installed, interpreted
from tests.support.http1 import Transcript, encoded_response, read
from tests.support.smuggling import RESPONSES

SEEDS = [data for _, data in RESPONSES.values()]
METHODS = ((), (b"HEAD", b"GET"), (b"CONNECT",))
COMPILED = installed()
INTERPRETED = interpreted()


def check(data: bytes) -> None:
    """Raise when the invariant does not hold for ``data``."""
    for methods in METHODS:
        whole = read(COMPILED, [data], requests=False, eof=True, methods=methods)
        _same(whole, read(INTERPRETED, [data], requests=False, eof=True, methods=methods))
        cut = len(data) * (data[-1] if data else 0) // 255
        size = 1 + (data[0] % 13 if data else 0)
        steps = [data[at : at + size] for at in range(0, min(len(data), 3000), size)]
        for pieces in ([data[:cut], data[cut:]], [*steps, data[3000:]]):
            again = read(COMPILED, pieces, requests=False, eof=True, methods=methods)
            _same(again, read(INTERPRETED, pieces, requests=False, eof=True, methods=methods))
            if not _errors(whole) and not _errors(again):
                _same(whole, again)
        for head in whole.heads:
            sent = encoded_response(COMPILED, head)
            assert sent.startswith(b"HTTP/1.1 %d " % head.status), sent
            assert sent.endswith(b"\r\n\r\n"), sent


def _same(one: Transcript, other: Transcript) -> None:
    assert one.events == other.events, (one.events, other.events)
    assert one.flags == other.flags, (one.flags, other.flags)


def _errors(transcript: Transcript) -> bool:
    return bool(transcript.events) and transcript.events[-1][0] == "error"


if __name__ == "__main__":
    sys.exit(main(check, SEEDS))
