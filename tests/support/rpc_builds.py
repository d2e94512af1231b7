"""The two builds of the RPC codecs: compiled, and interpreted from the same sources."""

import importlib
from types import ModuleType

from tests.support.builds import load


class RpcCodec:
    """The RPC codecs with the ``pymosn.message`` that they use."""

    MODULES = ("frame", "hessian", "bolt", "dubbo", "dubbo_thrift", "tars", "generic")

    def __init__(self, name: str, message: ModuleType, modules: dict[str, ModuleType]) -> None:
        self.name = name
        self.message = message
        self.frame = modules["frame"]
        self.hessian = modules["hessian"]
        self.bolt = modules["bolt"]
        self.dubbo = modules["dubbo"]
        self.dubbo_thrift = modules["dubbo_thrift"]
        self.tars = modules["tars"]
        self.generic = modules["generic"]

    def __repr__(self) -> str:
        return self.name


def rpc_installed() -> RpcCodec:
    """Return the RPC codecs as they are installed: compiled."""
    package = "pymosn.protocol.xprotocol"
    modules = {name: importlib.import_module(f"{package}.{name}") for name in RpcCodec.MODULES}
    return RpcCodec("compiled", importlib.import_module("pymosn.message"), modules)


def rpc_interpreted() -> RpcCodec:
    """Load the sources of the RPC codecs beside the compiled modules."""
    package = "pymosn.protocol.xprotocol"
    message = load("message.py", "pymosn_interpreted.message", {})
    found = {"pymosn.message": message}
    modules = {}
    for name in RpcCodec.MODULES:
        module = load(f"protocol/xprotocol/{name}.py", f"pymosn_interpreted.{name}", found)
        found[f"{package}.{name}"] = module
        modules[name] = module
    return RpcCodec("interpreted", message, modules)
