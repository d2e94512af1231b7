"""Apache Dubbo for Python, over Triple: ``triple.py server PORT`` or ``triple.py client PORT``.

The server's ``demo.Greeter`` greets one (``greet``) and several (``greetAll``, a stream both ways).
"""

import sys
from collections.abc import Iterator
from typing import Any

import dubbo
from dubbo.configs import ReferenceConfig, ServiceConfig
from dubbo.proxy.handlers import RpcMethodHandler, RpcServiceHandler

AS_IT_IS: dict[str, Any] = {"request_deserializer": bytes, "response_serializer": bytes}


def greet(name: bytes) -> bytes:
    """Answer one message with one."""
    return b"hello " + name


def greet_all(stream: Any) -> None:
    """Answer each message of a stream."""
    for name in stream:
        stream.write(b"hello " + name)
    stream.done_writing()


def serve(port: int) -> None:
    """Serve until the standard input ends."""
    handlers = [
        RpcMethodHandler.unary(greet, method_name="greet", **AS_IT_IS),
        RpcMethodHandler.bi_stream(greet_all, method_name="greetAll", **AS_IT_IS),
    ]
    service = RpcServiceHandler("demo.Greeter", handlers)
    dubbo.Server(ServiceConfig(service, host="127.0.0.1", port=port)).start()
    print("ready", flush=True)
    sys.stdin.read()


def call(port: int) -> None:
    """Print what each call brings."""
    client = dubbo.Client(ReferenceConfig.from_url(f"tri://127.0.0.1:{port}/demo.Greeter"))
    plain: dict[str, Any] = {"request_serializer": bytes, "response_deserializer": bytes}
    print(client.unary("greet", **plain)(b"ann").decode())
    print(len(client.unary("greet", **plain)(b"x" * 100000)))

    def names() -> Iterator[bytes]:
        yield from (b"bob", b"eve")

    stream = client.bi_stream("greetAll", **plain)()
    for name in names():
        stream.write(name)
    stream.done_writing()
    for answer in stream:
        print(answer.decode())
    try:
        client.unary("nothing", **plain)(b"ann")
    except Exception as error:
        print("failed:", type(error).__name__)


if __name__ == "__main__":
    {"server": serve, "client": call}[sys.argv[1]](int(sys.argv[2]))
