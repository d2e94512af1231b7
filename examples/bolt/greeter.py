"""A bolt service and its client, with anthunder.

python3 greeter.py server PORT
python3 greeter.py client PORT [--service NAME] NAME…
"""

import argparse
import logging

from anthunder import AioClient
from anthunder.listener.aio_listener import AioListener
from mytracer import SpanContext

SERVICE = "com.example.Greeter:1.0"


class Greeter:
    """The service; each request makes one."""

    port = 0

    def __init__(self, context: SpanContext) -> None:
        self.context = context

    def hello(self, content: bytes) -> bytes:
        return b"hello %b, from %d" % (content, self.port)


class Client(AioClient):
    """A client that calls every service at the proxy, without asking a registry."""

    def __init__(self, port: int) -> None:
        self.mesh_service_address = ("127.0.0.1", port)
        super().__init__("greeter-client")
        self._mesh_client = None


def serve(port: int) -> None:
    """Serve until Ctrl-C."""
    Greeter.port = port
    listener = AioListener(("127.0.0.1", port), "greeter")
    listener.handler.register_interface(SERVICE, Greeter)
    listener.run_forever()


def call(port: int, service: str, names: list[str]) -> None:
    """Print a greeting for each name, or why there is none."""
    client = Client(port)
    for name in names:
        try:
            content = client.invoke_sync(
                service, "hello", name.encode(), spanctx=SpanContext(), timeout_ms=2000
            )
        except KeyError:  # what anthunder makes of every reply that is an error
            print("failed: the reply says so")
        except TimeoutError:
            print("failed: no reply")
        else:
            print(content.decode())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("role", choices=["server", "client"])
    parser.add_argument("port", type=int)
    parser.add_argument("names", nargs="*", default=[])
    parser.add_argument("--service", default=SERVICE)
    options = parser.parse_intermixed_args()
    logging.disable()
    if options.role == "server":
        serve(options.port)
    else:
        call(options.port, options.service, options.names)


if __name__ == "__main__":
    main()
