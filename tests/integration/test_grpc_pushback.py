"""A gRPC server that says when it wants to be asked again, if at all (gRFC A6)."""

import asyncio
import time

import pytest

from pymosn import snapshot as model
from tests.support import http2, wire

CALL = [
    (":method", "POST"), (":scheme", "http"), (":path", "/a.B/c"), (":authority", "a"),
    ("te", "trailers"), ("content-type", "application/grpc"),
]  # fmt: skip
POLICY = model.RetryPolicy(
    enabled=True, attempts=3, conditions=["unavailable"], backoff_base=0.01, backoff_max=0.01
)


async def asked(pushback: str | None) -> tuple[str, int, float]:
    """Return the status of a call, how often the server heard of it, and the seconds it took."""
    calls = 0

    async def serve(peer: http2.Peer, number: int) -> None:
        nonlocal calls
        await peer.head(number)
        calls += 1
        status = "14" if calls == 1 else "0"
        fields = [
            (":status", "200"), ("content-type", "application/grpc"), ("grpc-status", status),
        ]  # fmt: skip
        if pushback is not None:
            fields.append(("grpc-retry-pushback-ms", pushback))
        peer.engine.send_headers(number, fields, end_stream=True)
        peer.flush()

    async with http2.origin(serve) as (address, _):
        snapshot = wire.snapshot(
            [address], route=model.Forward(retry=POLICY), proxy={"protocols": ["Http2"]}
        )
        with wire.running(snapshot) as proxy:
            async with http2.client(proxy.port) as peer:
                begun = time.monotonic()
                answer = await peer.answer(peer.request(CALL, b"x"))
                took = time.monotonic() - begun
    return answer.head["grpc-status"], calls, took


@pytest.mark.parametrize(("pushback", "least"), [(None, 0.0), ("0", 0.0), ("400", 0.38)])
def test_it_is_asked_again_in_its_time(pushback: str | None, least: float) -> None:
    status, calls, took = asyncio.run(asked(pushback))
    assert (status, calls) == ("0", 2)
    assert took >= least


@pytest.mark.parametrize("pushback", ["-1", "", "x", "1.5", "9999999999", "300001"])
def test_it_is_not_asked_again(pushback: str) -> None:
    status, calls, _ = asyncio.run(asked(pushback))
    assert (status, calls) == ("14", 1)
