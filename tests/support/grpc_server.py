"""A gRPC server in a thread of the test's process: methods for the ways in which calls go."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

SERVICE = "test.Echo"
OPTIONS = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.so_reuseport", 0),
)


class GrpcServer:
    """Serves ``test.Echo``, health and reflection on a free port.

    ``Unary`` and ``Chat`` echo; ``Download`` sends as many messages as it is told, of as many
    bytes; ``Upload`` answers with what it got; ``Fail`` ends with the status it is told; ``Flaky``
    fails as often as it is told before it answers; ``Wait`` never answers.
    """

    def __init__(self, credentials: grpc.ServerCredentials | None = None) -> None:
        """``credentials``: speak TLS."""
        self.port = 0
        self._credentials = credentials
        self.cancelled = 0
        """Calls that ended because the client left or the deadline passed."""
        self.waiting = 0
        self.flaky: dict[bytes, int] = {}
        self.remaining: list[float | None] = []
        """What the deadlines left when their calls arrived."""
        self.metadata: dict[str, str | bytes] = {}
        """What the last ``Unary`` came with."""
        self.sent = 0
        """Messages that ``Download`` has handed over."""

    def __enter__(self) -> "GrpcServer":
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        self._thread.start()
        assert self._ready.wait(20)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(20)

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self.port}"

    def goodbye(self) -> None:
        """Send GOAWAY, let calls finish, and listen again on the same port."""
        asyncio.run_coroutine_threadsafe(self._restart(), self._loop).result(20)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        await self._start()
        self._ready.set()
        await self._stopping.wait()
        await self._server.stop(0)

    async def _start(self) -> None:
        server = self._server = grpc.aio.server(options=OPTIONS)
        kinds: dict[str, Any] = {
            "Unary": grpc.unary_unary_rpc_method_handler(self._unary),
            "Fail": grpc.unary_unary_rpc_method_handler(self._fail),
            "Flaky": grpc.unary_unary_rpc_method_handler(self._flaky),
            "Wait": grpc.unary_unary_rpc_method_handler(self._wait),
            "Download": grpc.unary_stream_rpc_method_handler(self._download),
            "Upload": grpc.stream_unary_rpc_method_handler(self._upload),
            "Chat": grpc.stream_stream_rpc_method_handler(self._chat),
        }
        handlers = grpc.method_handlers_generic_handler(SERVICE, kinds)
        server.add_generic_rpc_handlers((handlers,))
        checks = health.aio.HealthServicer()
        await checks.set("test", health_pb2.HealthCheckResponse.SERVING)
        health_pb2_grpc.add_HealthServicer_to_server(checks, server)
        names = (health.SERVICE_NAME, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, server)
        address = f"127.0.0.1:{self.port}"
        if self._credentials is None:
            self.port = server.add_insecure_port(address)
        else:
            self.port = server.add_secure_port(address, self._credentials)
        await server.start()

    async def _restart(self) -> None:
        await self._server.stop(5)
        await self._start()

    async def _unary(self, request: bytes, context: Any) -> bytes:
        self.metadata = dict(context.invocation_metadata())
        self.remaining.append(context.time_remaining())
        pairs = [(k, v) for k, v in context.invocation_metadata() if k.startswith("echo")]
        await context.send_initial_metadata(pairs)
        context.set_trailing_metadata([(f"trailing-{k}", v) for k, v in pairs])
        return request

    async def _fail(self, request: bytes, context: Any) -> bytes:
        code, _, text = request.partition(b" ")
        found = next(item for item in grpc.StatusCode if item.value[0] == int(code))
        await context.abort(found, text.decode())
        return b""

    async def _flaky(self, request: bytes, context: Any) -> bytes:
        self.remaining.append(context.time_remaining())
        key, _, told = request.partition(b" ")
        count = self.flaky[key] = self.flaky.get(key, 0) + 1
        code, _, times = told.partition(b" ")
        if count <= int(times):
            found = next(item for item in grpc.StatusCode if item.value[0] == int(code))
            await context.abort(found, "not yet")
        return b"%d" % count

    async def _wait(self, request: bytes, context: Any) -> bytes:
        self.waiting += 1
        self.remaining.append(context.time_remaining())
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.waiting -= 1
        return b""

    async def _download(self, request: bytes, context: Any) -> AsyncIterator[bytes]:
        count, size, *pause = [int(part) for part in request.split()]
        try:
            for index in range(count):
                yield index.to_bytes(4, "big") + bytes(max(0, size - 4))
                self.sent = index + 1
                if pause:
                    await asyncio.sleep(pause[0] / 1000)
        except (asyncio.CancelledError, GeneratorExit):
            self.cancelled += 1
            raise

    async def _upload(self, requests: AsyncIterator[bytes], context: Any) -> bytes:
        count = size = 0
        async for message in requests:
            count += 1
            size += len(message)
        return b"%d %d" % (count, size)

    async def _chat(self, requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        async for message in requests:
            yield message


def wait_until(holds: Any, seconds: float = 20) -> None:
    """Wait for something that another thread does."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it does not happen"
        time.sleep(0.01)
