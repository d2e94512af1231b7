"""Go's regular expressions (RE2) to Python's.

Both mean the same for nearly all patterns in use; this module rewrites what differs: flags in the
middle of a pattern, ``\\z``, ``$``, ASCII classes, POSIX and Unicode classes, ``\\Q...\\E``,
``(?<name>)``.  What Python adds (look-around, back-references) is let through: MOSN would refuse
such a pattern.
"""

import re
import sys
import unicodedata
import warnings
from collections.abc import Iterable
from types import MappingProxyType
from typing import Final

_POSIX: Final = MappingProxyType(
    {
        "alnum": "0-9A-Za-z",
        "alpha": "A-Za-z",
        "ascii": r"\x00-\x7F",
        "blank": r"\t ",
        "cntrl": r"\x00-\x1F\x7F",
        "digit": "0-9",
        "graph": "!-~",
        "lower": "a-z",
        "print": " -~",
        "punct": r"!-/:-@\[-`{-~",
        "space": r"\t\n\v\f\r ",
        "upper": "A-Z",
        "word": "0-9A-Za-z_",
        "xdigit": "0-9A-Fa-f",
    }
)
_POSIX_CLASS: Final = re.compile(r"\[:(\^?)([a-z]+):\]")
_PERL: Final = MappingProxyType({"d": "0-9", "w": "0-9A-Za-z_", "s": r"\t\n\f\r "})
_FLAGS: Final = re.compile(r"\(\?([imsU]*)(?:-([imsU]*))?([:)])")
_REPEAT: Final = re.compile(r"\{[0-9]+(?:,[0-9]*)?\}")
_UNICODE: Final = re.compile(r"([pP])(?:\{(\^?)(\w+)\}|(\w))")
_HEX: Final = re.compile(r"x\{([0-9A-Fa-f]{1,6})\}")
_LAST: Final = sys.maxunicode
_CATEGORY: Final = re.compile("C[cfos]?|L[lmotu]?|M[cen]?|N[dlo]?|P[cdefios]?|S[ckmo]?|Z[lps]?")


def to_python(pattern: str) -> str:
    """Return the Python form of a Go pattern; raise ``ValueError`` if it cannot be compiled."""
    translated = _Translator(pattern).run()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            re.compile(translated)
    except (re.error, OverflowError, RecursionError) as error:
        reason = error.msg if isinstance(error, re.error) else "is too complex"
        raise ValueError(reason) from error
    return translated


class _Translator:
    """Walks a pattern once.  Both stacks have one entry for each open group, and one outside."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0
        self.out: list[str] = []
        self.multiline = [False]
        self.flags: list[list[str]] = [[]]
        """The flag groups we opened inside each group: Go's flags last to the group's end."""

    def run(self) -> str:
        while self.at < len(self.pattern):
            char = self.pattern[self.at]
            if char == "\\":
                self._escape()
            elif char == "[":
                self._class()
            elif char == "(":
                self._open()
            elif char == ")":
                self._close()
            elif char == "|":
                flags = self.flags[-1]
                self._take(")" * len(flags) + "|" + "".join(flags))
            elif char == "$":
                self._take("$" if self.multiline[-1] else r"\Z")
            elif char == "{" and not _REPEAT.match(self.pattern, self.at):
                self._take(r"\{")
            else:
                self._take(char)
        if len(self.flags) > 1:
            raise ValueError("missing ), unterminated group")
        return "".join(self.out) + ")" * len(self.flags[0])

    def _take(self, text: str, length: int = 1) -> None:
        self.out.append(text)
        self.at += length

    def _open(self) -> None:
        flags = _FLAGS.match(self.pattern, self.at)
        if flags is None:
            after = self.pattern[self.at + 1 : self.at + 4]
            named = after.startswith("?<") and after[2:] not in ("=", "!")
            self._take("(?P<" if named else "(", 3 if named else 1)
            self._enter(self.multiline[-1])
            return
        on, off = flags[1], flags[2] or ""
        if "U" in on + off:
            raise ValueError("the flag U (ungreedy) is not supported; write *? or +? instead")
        multiline = "m" in on or (self.multiline[-1] and "m" not in off)
        text = f"(?{on}-{off}:" if off else f"(?{on}:"
        self._take(text, len(flags[0]))
        if flags[3] == ":":
            self._enter(multiline)
        else:
            self.multiline[-1] = multiline
            self.flags[-1].append(text)

    def _enter(self, multiline: bool) -> None:
        self.multiline.append(multiline)
        self.flags.append([])

    def _close(self) -> None:
        if len(self.flags) == 1:
            raise ValueError("unbalanced parenthesis")
        self.multiline.pop()
        self._take(")" * len(self.flags.pop()) + ")")

    def _escape(self) -> None:
        char = self.pattern[self.at + 1 : self.at + 2]
        if char == "z":
            self._take(r"\Z", 2)
        elif char == "Z":
            raise ValueError(r"\Z is not known; write \z")
        elif char == "C":
            raise ValueError(r"\C (any byte) is not supported")
        elif char == "Q":
            end = self.pattern.find(r"\E", self.at + 2)
            end = len(self.pattern) if end < 0 else end
            self._take(re.escape(self.pattern[self.at + 2 : end]), end - self.at)
        elif char == "E":
            self._take("", 2)
        elif char.lower() in _PERL and char:
            self._take(f"[{'^' if char.isupper() else ''}{_PERL[char.lower()]}]", 2)
        elif char in ("p", "P") and char:
            inside, negated = self._unicode()
            self.out.append(f"[{'^' if negated else ''}{inside}]")
        else:
            self._plain_escape()

    def _plain_escape(self) -> None:
        """Copy an escape that means the same in Python and in Go."""
        hexadecimal = _HEX.match(self.pattern, self.at + 1)
        if hexadecimal is not None:
            code = int(hexadecimal[1], 16)
            if code > _LAST:
                raise ValueError(f"{hexadecimal[0]} is not a character")
            self._take(f"\\U{code:08x}", 1 + len(hexadecimal[0]))
            return
        self._take(self.pattern[self.at : self.at + 2], 2)

    def _unicode(self) -> tuple[str, bool]:
        match = _UNICODE.match(self.pattern, self.at + 1)
        name = (match[3] or match[4]) if match else ""
        if match is None or _CATEGORY.fullmatch(name) is None:
            raise ValueError(f"Unicode class {name or self.pattern[self.at :]!r} is not supported")
        self.at += 1 + len(match[0])
        return _category(name), (match[1] == "P") != (match[2] == "^")

    def _class(self) -> None:
        self._take("[")
        if self.pattern.startswith("^", self.at):
            self._take("^")
        if self.pattern.startswith("]", self.at):
            self._take(r"\]")
        while self.at < len(self.pattern):
            char = self.pattern[self.at]
            if char == "]":
                self._take("]")
                return
            if char == "\\":
                self._escape_in_class()
            elif char == "[":
                self._posix()
            elif char in "&~|":
                self._take("\\" + char)
            else:
                self._take(char)
        raise ValueError("unterminated character set")

    def _escape_in_class(self) -> None:
        char = self.pattern[self.at + 1 : self.at + 2]
        if char in ("d", "w", "s"):
            self._take(_PERL[char], 2)
        elif char in ("D", "W", "S"):
            self._take(_outside(_PERL[char.lower()]), 2)
        elif char in ("p", "P"):
            inside, negated = self._unicode()
            self.out.append(_outside(inside) if negated else inside)
        elif char in ("Q", "E"):
            raise ValueError(rf"\{char} is not supported inside [...]")
        else:
            self._plain_escape()

    def _posix(self) -> None:
        match = _POSIX_CLASS.match(self.pattern, self.at)
        if match is None:
            self._take(r"\[")
            return
        if match[2] not in _POSIX:
            raise ValueError(f"character class {match[0]} is not known")
        inside = _POSIX[match[2]]
        self._take(_outside(inside) if match[1] else inside, len(match[0]))


def _category(name: str) -> str:
    """Return the inside of a class that has the characters of a Unicode category."""
    return _ranges(
        code for code in range(_LAST + 1) if unicodedata.category(chr(code)).startswith(name)
    )


def _outside(inside: str) -> str:
    """Return the inside of a class that has every character that ``inside`` has not."""
    excluded = re.compile(f"[{inside}]")
    return _ranges(code for code in range(_LAST + 1) if not excluded.match(chr(code)))


def _ranges(codes: Iterable[int]) -> str:
    parts: list[str] = []
    first = last = -2
    for code in (*codes, -9):
        if code == last + 1:
            last = code
            continue
        if first >= 0:
            parts.append(f"\\U{first:08x}-\\U{last:08x}")
        first = last = code
    return "".join(parts)
