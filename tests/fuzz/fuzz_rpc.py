"""Any bytes give events or one error, never an exception or a read outside the buffer, and the
same ones from both builds, however they are cut; a request that was read can be edited and sent,
and reads the same again.
"""

import json
import sys
from pathlib import Path
from typing import Any

from tests.fuzz.loop import main
from tests.support.rpc import bolt_request, bolt_response, events_of, pairs
from tests.support.rpc_builds import RpcCodec, rpc_installed, rpc_interpreted

_FRAMES = json.loads(
    (Path(__file__).parents[1] / "golden/rpc/frames.json").read_text(encoding="utf-8")
)
_HEADERS = pairs({"service": "s", "k": "v"})
SEEDS = [
    *(bytes.fromhex(frame) for frame in _FRAMES.values()),
    bolt_request(1, b"content", _HEADERS) + bolt_request(2, b"c", _HEADERS, version=2, crc=True),
    bolt_response(1, b"content", _HEADERS, version=2),
    bytes.fromhex(  # Dubbo-Thrift
        "00000026dabc000000260018010000000373766300000000000000058001000100000001680000000100"
    ),
    bytes.fromhex(  # Tars
        "0000002d10012c3c42000000075603532e41560568656c6c6f7d0000026162820bb8980001060161160162a80c"
    ),
]
COMPILED = rpc_installed()
INTERPRETED = rpc_interpreted()
LIMITS = {"max_frame": 70000, "max_header": 500, "max_headers": 20}


def codecs(rpc: RpcCodec) -> list[Any]:
    """Return a codec for each protocol."""
    limits = rpc.frame.FrameLimits(**LIMITS)
    return [
        rpc.bolt.BoltCodec(limits, 1), rpc.dubbo.DubboCodec(limits),
        rpc.dubbo_thrift.DubboThriftCodec(limits), rpc.tars.TarsCodec(limits),
    ]  # fmt: skip


def check(data: bytes) -> None:
    """Raise when the invariant does not hold for ``data``."""
    cut = len(data) * (data[-1] if data else 0) // 255
    for number in range(4):
        whole = _read(COMPILED, number, [data])
        assert whole == _read(INTERPRETED, number, [data])
        pieces = [data[:cut], data[cut:]]
        assert _events(whole) == _events(_read(COMPILED, number, pieces))
        _send(number, data)
    for rpc in (COMPILED, INTERPRETED):
        reader = rpc.hessian.HessianReader(data)
        skipper = rpc.hessian.HessianReader(data)
        reader.read()
        if skipper.skip() and not reader.error:
            assert reader.at == skipper.at


def _read(rpc: RpcCodec, number: int, pieces: list[bytes]) -> list[tuple[Any, ...]]:
    return list(events_of(rpc, codecs(rpc)[number], pieces))


def _events(found: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    # Why something is none may depend on how much of it has been seen.
    return [event[:1] if event[0] == COMPILED.frame.ERROR else event for event in found]


def _send(number: int, data: bytes) -> None:
    rpc = COMPILED
    codec = codecs(rpc)[number]
    codec.feed(data)
    event = codec.next()
    while event not in (rpc.frame.NEED_DATA, rpc.frame.ERROR):
        if event == rpc.frame.REQUEST:
            head = codec.request
            content = codec.content
            fields = head.items()
            again = codecs(rpc)[number]
            again.feed(b"".join(codec.encode_request(head, content, 7)))
            assert again.next() == rpc.frame.REQUEST
            assert (again.request.items(), again.content, again.id) == (fields, content, 7)
            head.remove(b"k")
            head.set(b"service", b"t")
            head.add(b"new", b"w")
            edited = codec.encode_request(head, content, 8)
            if edited is not None:
                again.feed(b"".join(edited))
                assert again.next() == rpc.frame.REQUEST
                assert again.request.get(b"service") == b"t"
        event = codec.next()


if __name__ == "__main__":
    sys.exit(main(check, SEEDS))
