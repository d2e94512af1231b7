"""Header edits of routes, virtual hosts and routers, compiled (spec §1.6, §4.7).

At each level headers are added before others are removed.  Headers that frame a message or belong
to one connection are not for editing: that would let one hop misread where a message ends.
"""

from collections.abc import Sequence
from typing import Any, Final

from pymosn.message import Head, check_field
from pymosn.snapshot import HeaderValue
from pymosn.stream.format import HeaderTemplate
from pymosn.stream.stream import Stream

PROTECTED: Final = frozenset(
    (
        b"connection",
        b"content-length",
        b"keep-alive",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    )
)
"""Headers that the codecs write; editing them is refused."""


class Addition:
    """One header to add, or to join to what is there."""

    name: bytes
    key: bytes
    append: bool
    template: "HeaderTemplate"
    line: bytes | None

    def __init__(self, header: HeaderValue) -> None:
        """Raises ``ValueError`` for a name or a value that may not be sent."""
        self.name = header.name.encode()
        self.key = self.name.lower()
        if self.key == b":authority":
            self.name, self.key = b"Host", b"host"
        self.append = header.append
        self.template = HeaderTemplate(header.value)
        check_field(self.name, self.template.constant or b"")
        if self.key in PROTECTED:
            raise ValueError(f"the header {header.name!r} belongs to the connection")
        self.line = None
        if self.template.constant is not None:
            self.line = b"%b: %b\r\n" % (self.name, self.template.constant)

    def apply(self, head: Head, stream: Stream) -> None:
        """Edit ``head``."""
        line = self.line
        if line is None:
            value = self.template.render(stream)
            if value is None:
                return
            line = b"%b: %b\r\n" % (self.name, value)
        if self.append and self.key != _SET_COOKIE:
            there = head.get_all(self.key)
            if there:
                there.append(line[len(self.name) + 2 : -2])
                head.set(self.name, b",".join(there))
                return
        elif not self.append:
            head.remove(self.key)
        if head.added is None:
            head.added = [line]
        else:
            head.added.append(line)


class Edits:
    """The edits that apply to one direction of a route, from all its levels."""

    _steps: "list[Any]"
    _host: "HeaderTemplate | None"
    empty: bool

    def __init__(
        self, levels: Sequence[tuple[Sequence[HeaderValue], Sequence[str]]], request: bool
    ) -> None:
        """``levels`` are (add, remove) of the route, its virtual host and its router."""
        self._steps = []
        self._host = None
        for add, remove in levels:
            for header in add:
                addition = Addition(header)
                if request and addition.key == b"host":
                    self._host = addition.template
                else:
                    self._steps.append(addition)
            for name in remove:
                key = name.lower().encode()
                check_field(key, b"")
                if key in PROTECTED or (request and key == b"host"):
                    raise ValueError(f"the header {name!r} cannot be removed")
                self._steps.append(key)
        self.empty = not self._steps and self._host is None

    def apply(self, head: Head, stream: Stream) -> None:
        """Edit ``head``, the request's or the response's of ``stream``."""
        for step in self._steps:
            if type(step) is bytes:
                head.remove(step)
            else:
                addition = step
                addition.apply(head, stream)

    def host(self, stream: Stream) -> bytes | None:
        """Return what the edits make of ``Host``, None when they leave it."""
        return None if self._host is None else self._host.render(stream)


_SET_COOKIE = b"set-cookie"
