"""Regular expressions of configurations: Go's RE2 syntax, compiled for bytes.

What the two engines share needs no translation.  Differences that change what a rule means are
translated; what Python cannot express is an error.
"""

import re
from typing import Final

POSIX_CLASSES: Final = (
    ("[:alnum:]", "0-9A-Za-z"),
    ("[:alpha:]", "A-Za-z"),
    ("[:digit:]", "0-9"),
    ("[:lower:]", "a-z"),
    ("[:upper:]", "A-Z"),
    ("[:space:]", "\\t\\n\\v\\f\\r "),
    ("[:word:]", "0-9A-Za-z_"),
    ("[:xdigit:]", "0-9A-Fa-f"),
    ("[:punct:]", "!-\\/:-@\\[-`{-~"),
)


def compile_pattern(text: str) -> re.Pattern[bytes]:
    """Compile an RE2 expression; raises ``ValueError`` with a sentence for the operator."""
    translated = _translate(text)
    try:
        return re.compile(translated.encode())
    except re.error as error:
        raise ValueError(f"{text!r} is not a regular expression we support: {error}") from None


def go_template(text: str, pattern: re.Pattern[bytes]) -> bytes:
    """Translate a Go replacement (``$1``, ``${name}``, ``$$``) into one for ``Pattern.sub``.

    As in Go a name is as long as it can be (``$1x`` is the group ``1x``), and an unknown group
    is empty.
    """
    out = b""
    at = 0
    for token in _REFERENCE.finditer(text):
        out += text[at : token.start()].encode().replace(b"\\", b"\\\\")
        at = token.end()
        if token.group() == "$$":
            out += b"$"
            continue
        name = token.group(1) or token.group(2)
        if name.isdigit():
            group = int(name) if int(name) <= pattern.groups else -1
        else:
            group = pattern.groupindex.get(name, -1)
        if group >= 0:
            out += b"\\g<%d>" % group
    return out + text[at:].encode().replace(b"\\", b"\\\\")


def _translate(text: str) -> str:
    """RE2 to ``re``: ``$`` and ``\\z`` (only the very end), named groups, POSIX classes."""
    multiline = re.search(r"\(\?[a-zA-Z]*m", text) is not None
    out = ""
    at = 0
    in_class = False
    while at < len(text):
        if text[at] == "\\":
            escape = text[at : at + 2]
            out += "\\Z" if escape == "\\z" else escape
            at += 2
            continue
        if in_class:
            named = _posix_class(text, at)
            if named:
                out += named[1]
                at += len(named[0])
                continue
            in_class = text[at] != "]"
        elif text[at] == "[":
            # A bracket that comes first, or behind the circumflex, is a member.
            opening = _CLASS_START.findall(text, at)[0]
            out += opening
            at += len(opening)
            in_class = True
            continue
        elif text[at] == "$" and not multiline:
            out += "\\Z"
            at += 1
            continue
        elif _NAMED_GROUP.match(text, at):
            out += "(?P<"
            at += 3
            continue
        out += text[at]
        at += 1
    return out


def _posix_class(text: str, at: int) -> tuple[str, str] | None:
    for name, members in POSIX_CLASSES:
        if text.startswith(name, at):
            return name, members
    return None


_REFERENCE = re.compile(r"\$(?:\$|([0-9A-Za-z_]+)|\{([0-9A-Za-z_]+)\})")
_CLASS_START = re.compile(r"\[\^?\]?")
_NAMED_GROUP = re.compile(r"\(\?<(?![=!])")
