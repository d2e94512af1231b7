"""The stream filters of one listener, sorted by the hooks they define.

A filter that does not define a hook costs nothing there.  Hooks run in the order of the
configuration.  A hook answers None to go on, a ``Response`` to answer the request itself, or a
``FilterStatus``.
"""

import enum
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar
from typing import Protocol as Shape

import msgspec

if TYPE_CHECKING:
    from pymosn.proxy.exchange import Request


class FilterStatus(enum.IntEnum):
    """What a hook may answer besides None and a ``Response`` (spec §2.3)."""

    CONTINUE = 0
    STOP = 1
    """Run no further filter of this phase."""
    TERMINATE = 2
    """Drop the exchange: nothing is sent to the client."""
    RETRY_ROUTE = 3
    """From ``on_route``: match the route again, then go on at this filter."""
    RETRY_HOST = 4
    """From ``on_host``: choose a host again, then go on at this filter."""


class ExtensionError(LookupError):
    """An extension cannot be found or used; a sentence for the operator."""


class Registry(Shape):
    """Where a filter finds other extensions by their names."""

    def names(self, kind: str) -> Iterable[str]:
        """Return the names of a kind."""

    def get(self, kind: str, name: str) -> Any:
        """Return what ``name`` stands for, or what ``module:Class`` is; raises
        ``ExtensionError``."""


class StreamFilter:
    """Base of stream filters.  Define the hooks you need, as ``def`` or ``async def``:

    ``on_request(request)``             before the route is matched
    ``on_route(request)``               after it, also when none matched
    ``on_host(request)``                after the upstream host was chosen
    ``on_response(request, response)``  before the response head is sent
    ``on_request_data(request, data)``  each piece of the request body; ``def`` only, returns bytes
    ``on_response_data(request, data)`` each piece of the response body; the same
    ``on_complete(request)``            when the exchange is over; ``def`` only

    One object serves every request of a listener: keep what belongs to one request in
    ``request.state``.  ``Config``, when defined, is a class with annotated fields; the filter's
    configuration is checked against it and becomes ``self.config``, and so is what the
    ``per_filter_config`` of virtual hosts and routes says, for ``config_for``.
    """

    Config: ClassVar[type] = dict
    type: str = ""
    """What the configuration calls this filter."""
    upstream_protocols: Sequence[str] = ()
    """What ``Request.convert`` may be called with."""

    def __init__(self, config: Any) -> None:
        self.config = config

    def config_for(self, request: "Request") -> Any:
        """Return the configuration of this filter for ``request``: that of its route, else that
        of its virtual host, else ``self.config``.  There is no route before ``on_route``."""
        route = getattr(request.stream, "route", None)
        return self.config if route is None else route.filter_configs.get(self.type, self.config)

    def provision(self, registry: Registry) -> None:
        """Get ready, before the first request; raises ``ValueError`` when that is not possible."""

    def close(self) -> None:
        """The filter is no longer used; nothing is called after this."""


class Hook:
    """One hook of one filter."""

    owner: Any
    call: Any
    is_async: bool

    def __init__(self, owner: StreamFilter, call: Callable[..., Any]) -> None:
        self.owner = owner
        self.call = call
        self.is_async = inspect.iscoroutinefunction(call)


class FilterChain:
    """The hooks of a listener's filters, by phase."""

    filters: list[Any]
    on_request: list[Any]
    on_route: list[Any]
    on_host: list[Any]
    on_response: list[Any]
    on_request_data: list[Any]
    on_response_data: list[Any]
    on_complete: list[Any]

    def __init__(self, filters: Sequence[StreamFilter]) -> None:
        self.filters = list(filters)
        self.on_request = self._hooks("on_request")
        self.on_route = self._hooks("on_route")
        self.on_host = self._hooks("on_host")
        self.on_response = self._hooks("on_response")
        self.on_request_data = self._hooks("on_request_data")
        self.on_response_data = self._hooks("on_response_data")
        self.on_complete = self._hooks("on_complete")
        for hook in [*self.on_request_data, *self.on_response_data, *self.on_complete]:
            if hook.is_async:
                raise TypeError(f"{hook.call.__qualname__} must be a plain function")

    def close(self) -> None:
        """Close every filter."""
        for item in self.filters:
            item.close()

    def _hooks(self, name: str) -> list[Hook]:
        found = []
        for item in self.filters:
            call = getattr(item, name, None)
            if call is not None:
                found.append(Hook(item, call))
        return found


def build_filter(
    kind: type[StreamFilter],
    config: Mapping[str, Any],
    type_name: str = "",
    registry: Registry | None = None,
) -> StreamFilter:
    """Make a filter that the configuration calls ``type_name``; raises as ``read_config``."""
    made = kind(read_config(kind, config))
    made.type = type_name
    if registry is not None:
        made.provision(registry)
    return made


def read_config(kind: type[StreamFilter], config: Any) -> Any:
    """Return what a filter of this kind gets for ``config``, checked against its ``Config``.

    Raises ``ValueError`` that says what was found and what was expected, with the JSON path.
    """
    return checked_config(kind.Config, config)


def checked_config(schema: type, config: Any) -> Any:
    """Return ``config`` as the class ``schema`` says it is; raises as ``read_config``."""
    if not (isinstance(schema, type) and issubclass(schema, msgspec.Struct | dict)):
        schema = _as_struct(schema)
    try:
        return msgspec.convert(config, schema)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from None


def _as_struct(schema: type) -> type[msgspec.Struct]:
    """Turn a plain class with annotated fields into a strict struct."""
    fields: list[tuple[str, Any] | tuple[str, Any, Any]] = []
    for name, annotation in inspect.get_annotations(schema, eval_str=True).items():
        if hasattr(schema, name):
            fields.append((name, annotation, getattr(schema, name)))
        else:
            fields.append((name, annotation))
    return msgspec.defstruct(schema.__qualname__, fields, forbid_unknown_fields=True, kw_only=True)
