"""A gRPC server whose messages are texts: python3 server.py [PORT]"""

import sys
import time
from collections.abc import Iterator
from concurrent import futures
from itertools import count
from typing import Any

import grpc

calls = count()


def hello(request: bytes, context: Any) -> bytes:
    """Greet, but fail now and then."""
    if next(calls) % 2:
        context.abort(grpc.StatusCode.UNAVAILABLE, "come back")
    return b"hello " + request


def tick(_: bytes, context: Any) -> Iterator[bytes]:
    """Say a number every tenth of a second, for as long as somebody listens."""
    for number in count():
        if not context.is_active():
            return
        yield b"%d" % number
        time.sleep(0.1)


def make_server(port: str) -> grpc.Server:
    """Return a server of the service ``demo.Greeter``."""
    server = grpc.server(futures.ThreadPoolExecutor(10))
    methods = {
        "Hello": grpc.unary_unary_rpc_method_handler(hello),
        "Tick": grpc.unary_stream_rpc_method_handler(tick),
    }
    handler = grpc.method_handlers_generic_handler("demo.Greeter", methods)
    server.add_generic_rpc_handlers((handler,))
    server.add_insecure_port(f"127.0.0.1:{port}")
    return server


if __name__ == "__main__":
    serving = make_server(sys.argv[1] if len(sys.argv) > 1 else "9000")
    serving.start()
    print("serving", flush=True)
    serving.wait_for_termination()
