"""The types that the other parts of the model share."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, ClassVar

from msgspec import Meta, Struct, field

Uint = Annotated[int, Meta(ge=0, le=(1 << 32) - 1)]
Port = Annotated[int, Meta(ge=0, le=65535)]
Percent = Annotated[int, Meta(ge=0, le=100)]


class Section(Struct, kw_only=True):
    """An object of the configuration file.

    Attribute names are MOSN's keys unless the declaration says ``name=``.  The text under a field
    is its documentation; the reference and the editor schema are generated from it.
    """

    config_types: ClassVar[Mapping[str, type]] = MappingProxyType({})
    """For sections with ``type`` and ``config``: the class of ``config`` for each known type."""


class LbMetadata(Section):
    """The namespace that balancers read."""

    values: dict[str, Any] = field(default_factory=dict, name="mosn.lb")
    """Labels. Only text values count; others are dropped, as MOSN does."""


class Metadata(Section):
    """Labels of a host, or the labels that a route asks of hosts."""

    filter_metadata: LbMetadata = field(default_factory=LbMetadata)
    """The labels by namespace."""

    @property
    def labels(self) -> dict[str, str]:
        """The text labels."""
        values = self.filter_metadata.values
        return {key: value for key, value in values.items() if isinstance(value, str)}


class SocketAddress(Section):
    """An IP address and a port."""

    address: str = ""
    """IP address or name; empty means all interfaces."""
    port_value: Port = 0
    """Port number."""


class Address(Section):
    """Envoy's way to write an address."""

    socket_address: SocketAddress = field(default_factory=SocketAddress)
    """The address."""
