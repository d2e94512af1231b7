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
                "transcoder": "pymosn.filters.transcoder:ProtocolTranscoder",
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
        "transcoders": MappingProxyType(
            {
                "http2bolt_simple": "pymosn.filters.transcoders:HttpToBolt",
                "bolt2http_simple": "pymosn.filters.transcoders:BoltToHttp",
                "httpTohttp2": "pymosn.filters.transcoders:HttpToHttp2",
                "http2Tohttp": "pymosn.filters.transcoders:Http2ToHttp",
                "http2dubbo": "pymosn.filters.transcoders:JsonToDubbo",
                # What rules find by the two protocols.
                "Http1_Http2": "pymosn.filters.transcoders:HttpToHttp2",
                "Http2_Http1": "pymosn.filters.transcoders:Http2ToHttp",
                "Http1_bolt": "pymosn.filters.transcoders:HttpToBolt",
                "Http2_bolt": "pymosn.filters.transcoders:HttpToBolt",
                "bolt_Http1": "pymosn.filters.transcoders:BoltToHttp",
                "bolt_Http2": "pymosn.filters.transcoders:BoltToHttp",
                "boltv2_Http1": "pymosn.filters.transcoders:BoltToHttp",
                "boltv2_Http2": "pymosn.filters.transcoders:BoltToHttp",
                "Http1_dubbo": "pymosn.filters.transcoders:JsonToDubbo",
                "Http2_dubbo": "pymosn.filters.transcoders:JsonToDubbo",
            }
        ),
        "balancers": MappingProxyType({}),
        "access_loggers": MappingProxyType({}),
    }
)
