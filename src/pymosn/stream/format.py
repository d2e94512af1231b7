"""Text with ``%variable%`` tokens, compiled once: log lines and header values.

The two differ in what is an error, in what a missing value prints, and in how control bytes are
made harmless, so they are two classes.
"""

import re
from typing import Any, Final

from pymosn.stream.stream import Stream
from pymosn.stream.texts import header_safe, log_safe
from pymosn.stream.variables import Variable, lookup, lookup_or_setting

MISSING: Final = b"-"
"""What a log shows for a value that is not there."""

_MISSING = MISSING


class Format:
    """MOSN's log format language (spec §5.6): ``%name%`` is a variable, ``\\%`` a percent sign.

    ``single`` is the variable of a format that is nothing else, or None.
    """

    text: str
    _pieces: "list[Any]"
    _variables: "list[Variable]"
    _places: "list[int]"
    single: "Variable | None"

    def __init__(self, text: str) -> None:
        """Raises ``ValueError``, saying where, for ``%%`` and for a token that does not end."""
        self.text = text
        # Literals, and None where the variables' values go.
        self._pieces = []
        self._variables = []
        self._places = []
        for part in _log_parts(text):
            if isinstance(part, Variable):
                self._places.append(len(self._pieces))
                self._variables.append(part)
                self._pieces.append(None)
            else:
                self._pieces.append(part)
        self.single = self._variables[0] if self._pieces == [None] else None

    def render(self, stream: Stream) -> bytes:
        """Return the text for ``stream``, fit for a log line."""
        pieces = self._pieces[:]
        for index in range(len(self._variables)):
            variable = self._variables[index]
            value = variable.value(stream)
            if value is None:
                value = _MISSING
            elif not variable.trusted:
                value = log_safe(value)
            place = self._places[index]
            pieces[place] = value
        return b"".join(pieces)

    def plain(self, stream: Stream) -> bytes:
        """Return the text with values as they are, for an encoding that escapes by itself."""
        pieces = self._pieces[:]
        for index in range(len(self._variables)):
            variable = self._variables[index]
            value = variable.value(stream)
            place = self._places[index]
            pieces[place] = _MISSING if value is None else value
        return b"".join(pieces)


class HeaderTemplate:
    """A header value.  What is not the name of a variable, or of one that a filter set, is text.

    ``constant`` is the value when no stream has a say in it, else None.
    """

    _parts: list[Any]
    constant: bytes | None

    def __init__(self, text: str) -> None:
        self._parts = _header_parts(text)
        self.constant = None
        if not any(isinstance(part, (Variable, _Unknown)) for part in self._parts):
            self.constant = b"".join(self._parts)

    def render(self, stream: Stream) -> bytes | None:
        """Return the value; None when it is one variable and ``stream`` has no value for it."""
        if self.constant is not None:
            return self.constant
        out = []
        for part in self._parts:
            if type(part) is bytes:
                out.append(part)
                continue
            variable = part
            value = variable.value(stream)
            if value is not None:
                out.append(header_safe(value))
            elif len(self._parts) == 1:
                return None
        return b"".join(out)


class _Unknown(Variable):
    """A name that only a filter can give a value; the token stays as it is until then."""

    _variable: "Variable"
    _literal: bytes

    def __init__(self, name: str) -> None:
        Variable.__init__(self)
        self._variable = lookup_or_setting(name)
        self._literal = f"%{name}%".encode()

    def value(self, stream: Stream) -> bytes | None:
        value = self._variable.value(stream)
        return self._literal if value is None else value


def _log_parts(text: str) -> list[bytes | Variable]:
    parts: list[bytes | Variable] = []
    literal = ""
    at = 0
    while at < len(text):
        if text.startswith("\\%", at):
            literal += "%"
            at += 2
        elif text[at] != "%":
            literal += text[at]
            at += 1
        else:
            end = text.find("%", at + 1)
            if end < 0:
                raise ValueError(f"the variable that begins at character {at + 1} has no closing %")
            if end == at + 1:
                raise ValueError(f"%% at character {at + 1} names no variable; write \\% for a %")
            if literal:
                parts.append(literal.encode())
                literal = ""
            parts.append(lookup_or_setting(text[at + 1 : end]))
            at = end + 1
    if literal:
        parts.append(literal.encode())
    return parts


def _header_parts(text: str) -> list[Any]:
    parts: list[Any] = []
    literal = ""
    at = 0
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None:
            literal += text[at]
            at += 1
            continue
        name = token.group(1)
        if literal:
            parts.append(literal.encode())
            literal = ""
        parts.append(lookup(name) or _Unknown(name))
        at = token.end()
    if literal or not parts:
        parts.append(literal.encode())
    return parts


_TOKEN = re.compile(r"%([A-Za-z_][A-Za-z0-9_.-]*)%")
