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
                "http2bolt_simple": "pymosn.proxy.transcoders:HttpToBolt",
                "bolt2http_simple": "pymosn.proxy.transcoders:BoltToHttp",
                "httpTohttp2": "pymosn.proxy.transcoders:HttpToHttp2",
                "http2Tohttp": "pymosn.proxy.transcoders:Http2ToHttp",
                "http2dubbo": "pymosn.proxy.transcoders:JsonToDubbo",
                "dubbo2http": "pymosn.proxy.transcoders:DubboToJson",
                # What rules find by the two protocols.
                "Http1_Http2": "pymosn.proxy.transcoders:HttpToHttp2",
                "Http2_Http1": "pymosn.proxy.transcoders:Http2ToHttp",
                "Http1_bolt": "pymosn.proxy.transcoders:HttpToBolt",
                "Http2_bolt": "pymosn.proxy.transcoders:HttpToBolt",
                "bolt_Http1": "pymosn.proxy.transcoders:BoltToHttp",
                "bolt_Http2": "pymosn.proxy.transcoders:BoltToHttp",
                "boltv2_Http1": "pymosn.proxy.transcoders:BoltToHttp",
                "boltv2_Http2": "pymosn.proxy.transcoders:BoltToHttp",
                "Http1_dubbo": "pymosn.proxy.transcoders:JsonToDubbo",
                "Http2_dubbo": "pymosn.proxy.transcoders:JsonToDubbo",
                "dubbo_Http1": "pymosn.proxy.transcoders:DubboToJson",
                "dubbo_Http2": "pymosn.proxy.transcoders:DubboToJson",
            }
        ),
        "balancers": MappingProxyType({}),
        "access_loggers": MappingProxyType({}),
    }
)
