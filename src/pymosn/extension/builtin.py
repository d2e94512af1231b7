"""The one table of built-in extensions; targets are imported when they are first configured."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

BUILTINS: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "filters": MappingProxyType(
            {
                "grpc_web": "pymosn.filters.grpc_web:GrpcWeb",
                "mirror": "pymosn.filters.mirror:Mirror",
            }
        ),
        "protocols": MappingProxyType(
            {
                "bolt": "pymosn.protocol.xprotocol.bolt:Bolt",
                "boltv2": "pymosn.protocol.xprotocol.bolt:BoltV2",
                "dubbo": "pymosn.protocol.xprotocol.dubbo:Dubbo",
                "dubbo-thrift": "pymosn.protocol.xprotocol.dubbo_thrift:DubboThrift",
                "tars": "pymosn.protocol.xprotocol.tars:Tars",
            }
        ),
        "balancers": MappingProxyType({}),
        "access_loggers": MappingProxyType({}),
    }
)
