"""The control channel: messages, descriptors, limits, and what happens when an end misbehaves."""

import asyncio
import os
import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pymosn.lifecycle import messages
from pymosn.lifecycle.channel import Channel, ChannelError
from pymosn.network.loop import ReactorLoop
from pymosn.network.reactor import Reactor
from pymosn.snapshot import Cluster, Forward, Host, Listener, Route, Snapshot, WeightedCluster


class End:
    """One end with everything that arrived."""

    def __init__(self, sock: socket.socket, decoder: Any, limit: int = 1 << 20) -> None:
        self.got: list[Any] = []
        self.fds: list[list[int]] = []
        self.reasons: list[str] = []
        loop = asyncio.get_running_loop()
        self.channel: Channel[Any] = Channel(
            sock, loop, decoder, self.on_message, self.reasons.append, limit=limit
        )

    def on_message(self, message: Any, fds: list[int]) -> None:
        self.got.append(message)
        self.fds.append(fds)


def run(scenario: Callable[[End, End, socket.socket], Awaitable[None]], *, native: bool) -> None:
    """Run a scenario between two ends, on asyncio's loop or on the reactor's."""
    loop = ReactorLoop(Reactor()) if native else asyncio.new_event_loop()

    async def main() -> None:
        ours, theirs = socket.socketpair()
        supervisor = End(ours, messages.report_decoder())
        worker = End(theirs, messages.command_decoder())
        try:
            await asyncio.wait_for(scenario(supervisor, worker, theirs), 10)
        finally:
            supervisor.channel.close()
            worker.channel.close()

    try:
        loop.run_until_complete(main())
    finally:
        loop.close()


async def until(condition: Callable[[], object]) -> None:
    while not condition():
        await asyncio.sleep(0.001)


SNAPSHOT = Snapshot(
    version=7,
    listeners=[Listener(name="web", address="127.0.0.1:80")],
    clusters={"c": Cluster(name="c", hosts=[Host(address="10.0.0.1:80", weight=3)])},
)


@pytest.mark.parametrize("native", [False, True])
def test_messages_go_both_ways(native: bool) -> None:
    async def scenario(supervisor: End, worker: End, _: socket.socket) -> None:
        encoded = msgspec.Raw(msgspec.msgpack.encode(SNAPSHOT))
        sent = [
            messages.Start(protocol=1, log_path="stderr"),
            messages.Apply(7, encoded, []),
            messages.UpdateHosts("c", [Host(address="10.0.0.2:80")]),
            messages.StatusRequest(3),
            messages.SetLog("DEBUG"),
            messages.ReopenLogs(),
            messages.Drain(),
            messages.Stop(),
        ]
        for message in sent:
            supervisor.channel.send(message)
        worker.channel.send(messages.Applied(7))
        worker.channel.send(messages.Refused(8, "no"))
        await until(lambda: len(worker.got) == len(sent) and len(supervisor.got) == 2)
        assert msgspec.msgpack.decode(worker.got[1].snapshot, type=Snapshot) == SNAPSHOT
        assert [type(m) for m in worker.got] == [type(m) for m in sent]
        assert worker.got[2] == sent[2]
        assert supervisor.got == [messages.Applied(7), messages.Refused(8, "no")]

    run(scenario, native=native)


@pytest.mark.parametrize("count", [1, 200, 201, 500])
def test_descriptors_arrive_in_order(count: int) -> None:
    async def scenario(supervisor: End, worker: End, _: socket.socket) -> None:
        fds = [os.memfd_create(f"fd{i}") for i in range(3)]
        for i, fd in enumerate(fds):
            os.write(fd, b"%d" % i)
        sent = [fds[i % 3] for i in range(count)]
        names = [f"listener {i}" for i in range(count)]
        supervisor.channel.send(messages.Apply(1, msgspec.Raw(b"\xc0"), names), sent)
        supervisor.channel.send(messages.Drain())
        for fd in fds:
            os.close(fd)
        await until(lambda: len(worker.got) == 2)
        received = worker.fds[0]
        assert len(received) == count
        assert worker.fds[1] == []
        for i, fd in enumerate(received):
            assert os.pread(fd, 10, 0) == b"%d" % (i % 3)
            assert not os.get_inheritable(fd)
            os.close(fd)

    run(scenario, native=False)


def test_a_large_message_with_descriptors_through_a_full_socket() -> None:
    async def scenario(supervisor: End, worker: End, _: socket.socket) -> None:
        worker.channel._limit = 64 << 20
        fd = os.memfd_create("x")
        payload = msgspec.Raw(msgspec.msgpack.encode("x" * 5_000_000))
        for number in range(3):
            supervisor.channel.send(messages.Apply(number, payload, ["a"]), [fd])
        os.close(fd)  # what waits has its own
        await until(lambda: len(worker.got) == 3)
        assert [len(fds) for fds in worker.fds] == [1, 1, 1]
        assert [message.version for message in worker.got] == [0, 1, 2]
        for fds in worker.fds:
            os.close(fds[0])

    run(scenario, native=False)


def test_the_end_of_the_other_side_is_orderly() -> None:
    async def scenario(supervisor: End, worker: End, _: socket.socket) -> None:
        worker.channel.send(messages.Applied(1))
        worker.channel.close()
        await until(lambda: supervisor.reasons)
        assert supervisor.got == [messages.Applied(1)]
        assert supervisor.reasons == [""]
        assert worker.reasons == []
        supervisor.channel.send(messages.Drain())  # nothing happens

    run(scenario, native=False)


def frame(body: bytes, fds: int = 0, length: int = -1) -> bytes:
    return struct.pack("!II", len(body) if length < 0 else length, fds) + body


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (frame(b"", length=(1 << 20) + 1), "too large"),
        (frame(b"", fds=5000), "too large"),
        (frame(b"\xc0", fds=1), "descriptors are missing"),
        (frame(b"\xc1"), "cannot be understood"),
        (frame(msgspec.msgpack.encode({"type": "nonsense"})), "cannot be understood"),
        (frame(b"abc")[:-1], "stopped within a message"),
    ],
)
def test_nonsense_ends_the_channel(data: bytes, reason: str) -> None:
    async def main() -> None:
        ours, theirs = socket.socketpair()
        end = End(ours, messages.report_decoder())
        with theirs:
            theirs.sendall(data)
        await until(lambda: end.reasons)
        assert reason in end.reasons[0]
        assert end.got == []

    asyncio.run(main())


def test_a_byte_at_a_time() -> None:
    async def main() -> None:
        ours, theirs = socket.socketpair()
        end = End(ours, messages.report_decoder())
        with theirs:
            data = frame(msgspec.msgpack.encode(messages.Refused(9, "reason")))
            for byte in data + data:
                theirs.sendall(bytes([byte]))
                await asyncio.sleep(0)
            await until(lambda: len(end.got) == 2)
            end.channel.close()
        assert end.got == [messages.Refused(9, "reason")] * 2

    asyncio.run(main())


def test_a_reader_that_is_asleep_is_noticed() -> None:
    async def main() -> None:
        ours, theirs = socket.socketpair()
        loop = asyncio.get_running_loop()
        channel: Channel[Any] = Channel(
            ours,
            loop,
            messages.report_decoder(),
            lambda *_: None,
            lambda *_: None,
            limit=1,
            outbox_limit=1 << 20,
        )

        def flood() -> None:
            for _ in range(100):
                channel.send(messages.SetLog("x" * 100_000))

        with theirs, pytest.raises(ChannelError, match="does not read"):
            flood()
        channel.close()

    asyncio.run(main())


def test_too_many_descriptors() -> None:
    async def scenario(supervisor: End, _: End, __: socket.socket) -> None:
        with pytest.raises(ChannelError):
            supervisor.channel.send(messages.Drain(), [0] * 1601)

    run(scenario, native=False)


def test_descriptors_nobody_took_are_closed() -> None:
    before = set(Path("/proc/self/fd").iterdir())

    async def main() -> None:
        ours, theirs = socket.socketpair()
        end = End(ours, messages.report_decoder())
        with theirs:
            socket.send_fds(theirs, [frame(b"abc", fds=2)[:9]], [0, 1])
            await until(lambda: len(end.channel._fds) == 2)
        await until(lambda: end.reasons)

    asyncio.run(main())
    assert len(set(Path("/proc/self/fd").iterdir())) == len(before)


def test_a_snapshot_with_every_kind_of_part_survives() -> None:
    route = Route(action=Forward(clusters=[WeightedCluster(name="c")]))
    encoded = msgspec.msgpack.encode(route)
    with suppress(ValueError):
        assert msgspec.msgpack.decode(encoded, type=Route) == route
