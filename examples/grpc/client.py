"""Calls every method through the proxy: python3 client.py [PORT]"""

import sys

import grpc

port = sys.argv[1] if len(sys.argv) > 1 else "8080"
with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
    greet = channel.unary_unary("/demo.Greeter/Hello")
    for name in (b"ann", b"bob", b"eve"):
        print(greet(name, timeout=5).decode())
    try:
        for number in channel.unary_stream("/demo.Greeter/Tick")(b"", timeout=1):
            print(number.decode(), end=" ")
    except grpc.RpcError as error:
        print(error.code().name)
    try:
        channel.unary_unary("/demo.Secret/Tell")(b"", timeout=5)
    except grpc.RpcError as error:
        print(error.code().name, error.details())
