"""A server that greets: ``python3 server.py 9000``."""

import socketserver
import sys

from pigeon import Pigeon

from pymosn.api import Frame


class Handler(socketserver.BaseRequestHandler):
    """One connection."""

    def handle(self) -> None:
        """Answer each frame in turn."""
        pigeon = Pigeon()
        data = b""
        while piece := self.request.recv(65536):
            data += piece
            while (frame := pigeon.decode(memoryview(data))) is not None:
                data = data[frame.size :]
                if frame.heartbeat:
                    answer = pigeon.heartbeat_reply(frame)
                else:
                    print(f"{frame.service} for {bytes(frame.content).decode()}", flush=True)
                    content = b"hello " + frame.content
                    answer = Frame(kind="response", headers=frame.headers, content=content)
                answer.id = frame.id
                if frame.kind != "oneway":
                    self.request.sendall(pigeon.encode(answer))


class Server(socketserver.ThreadingTCPServer):
    """Serves each connection in a thread."""

    allow_reuse_address = True
    daemon_threads = True


with Server(("127.0.0.1", int(sys.argv[1])), Handler) as server:
    server.serve_forever()
