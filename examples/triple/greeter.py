"""``demo.Greeter`` over Triple, with Apache Dubbo's Python: greeter.py server|client PORT"""

import sys

import dubbo
from dubbo.configs import ReferenceConfig, ServiceConfig
from dubbo.proxy.handlers import RpcMethodHandler, RpcServiceHandler


def greet(name: bytes) -> bytes:
    """Greet somebody."""
    return b"hello " + name


def serve(port: int) -> None:
    """Serve until the standard input ends."""
    method = RpcMethodHandler.unary(
        greet, method_name="greet", request_deserializer=bytes, response_serializer=bytes
    )
    service = RpcServiceHandler("demo.Greeter", [method])
    dubbo.Server(ServiceConfig(service, host="127.0.0.1", port=port)).start()
    sys.stdin.read()


def call(port: int) -> None:
    """Greet ann."""
    client = dubbo.Client(ReferenceConfig.from_url(f"tri://127.0.0.1:{port}/demo.Greeter"))
    print(client.unary("greet", bytes, bytes)(b"ann").decode())


if __name__ == "__main__":
    {"server": serve, "client": call}[sys.argv[1]](int(sys.argv[2]))
