"""Go's regular expressions (RE2) to Python's, for patterns that are matched on bytes.

Both mean the same for nearly all patterns in use; this module rewrites what differs: flags in the
middle of a pattern, ``\\z``, ``$``, POSIX and Unicode classes, ``\\Q...\\E``, ``(?<name>)``,
characters outside ASCII (as their UTF-8 bytes).  ``.`` and a negated class without such characters
take one byte.  What Python adds (look-around, back-references) is let through: MOSN would refuse
such a pattern.
"""

import re
import sys
import warnings
from collections.abc import Iterable, Iterator
from types import MappingProxyType
from typing import Final

Ranges = list[tuple[int, int]]
"""Characters, as inclusive ranges of code points."""

_LAST: Final = sys.maxunicode
_DIGIT: Final = ((48, 57),)
_UPPER: Final = ((65, 90),)
_LOWER: Final = ((97, 122),)
_SPACE: Final = ((9, 13), (32, 32))
_POSIX: Final = MappingProxyType(
    {
        "alnum": (*_DIGIT, *_UPPER, *_LOWER),
        "alpha": (*_UPPER, *_LOWER),
        "ascii": ((0, 127),),
        "blank": ((9, 9), (32, 32)),
        "cntrl": ((0, 31), (127, 127)),
        "digit": _DIGIT,
        "graph": ((33, 126),),
        "lower": _LOWER,
        "print": ((32, 126),),
        "punct": ((33, 47), (58, 64), (91, 96), (123, 126)),
        "space": _SPACE,
        "upper": _UPPER,
        "word": (*_DIGIT, *_UPPER, (95, 95), *_LOWER),
        "xdigit": (*_DIGIT, (65, 70), (97, 102)),
    }
)
_PERL: Final = MappingProxyType(
    {"d": _DIGIT, "w": _POSIX["word"], "s": ((9, 10), (12, 13), (32, 32))}
)
_ESCAPES: Final = MappingProxyType({"a": 7, "b": 8, "t": 9, "n": 10, "v": 11, "f": 12, "r": 13})
_POSIX_CLASS: Final = re.compile(r"\[:(\^?)([a-z]+):\]")
_FLAGS: Final = re.compile(r"\(\?([imsU]*)(?:-([imsU]*))?([:)])")
_REPEAT: Final = re.compile(r"\{[0-9]+(?:,[0-9]*)?\}")
_UNICODE: Final = re.compile(r"([pP])(?:\{(\^?)(\w+)\}|(\w))")
_HEX: Final = re.compile(r"x(?:\{([0-9A-Fa-f]{1,6})\}|([0-9A-Fa-f]{2}))")
_OCTAL: Final = re.compile(r"[0-7]{1,3}")
_CATEGORY: Final = re.compile("C[cfos]?|L[lmotu]?|M[cen]?|N[dlo]?|P[cdefios]?|S[ckmo]?|Z[lps]?")


def to_python(pattern: str) -> str:
    """Return the Python form of a Go pattern, for ``re.compile(form.encode())``.

    Raises ``ValueError`` with the reason if it cannot be compiled.
    """
    translated = _Translator(pattern).run()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            re.compile(translated.encode())
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
            elif not char.isascii():
                self._take(f"(?:{char})")  # one atom of several bytes
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
        elif char and char.lower() in _PERL:
            ranges = list(_PERL[char.lower()])
            self._take(_byte_class(ranges, negated=char.isupper()), 2)
        elif char and char in "pP":
            self.out.append(_rune_class(self._unicode()))
        elif char == "x":
            self.out.append(_rune_class([(code := self._code(), code)]))
        else:
            self._take(self.pattern[self.at : self.at + 2], 2)

    def _code(self) -> int:
        """Read a hexadecimal escape, with two digits or in braces."""
        match = _HEX.match(self.pattern, self.at + 1)
        if match is None:
            raise ValueError(r"\x needs two digits, or digits in {}")
        self.at += 1 + len(match[0])
        code = int(match[1] or match[2], 16)
        if code > _LAST or 0xD800 <= code <= 0xDFFF:
            raise ValueError(f"\\{match[0]} is not a character")
        return code

    def _unicode(self) -> Ranges:
        """Read a Unicode category or its negation."""
        match = _UNICODE.match(self.pattern, self.at + 1)
        name = (match[3] or match[4]) if match else ""
        if match is None or _CATEGORY.fullmatch(name) is None:
            raise ValueError(f"Unicode class {name or self.pattern[self.at :]!r} is not supported")
        self.at += 1 + len(match[0])
        import unicodedata  # a megabyte, and rarely used

        ranges = _ranges(
            code for code in range(_LAST + 1) if unicodedata.category(chr(code)).startswith(name)
        )
        return _complement(ranges) if (match[1] == "P") != (match[2] == "^") else ranges

    def _class(self) -> None:
        self.at += 1
        negated = self.pattern.startswith("^", self.at)
        self.at += negated
        ranges: Ranges = []
        wide = False
        first = True
        while first or not self.pattern.startswith("]", self.at):
            if self.at >= len(self.pattern):
                raise ValueError("unterminated character set")
            first = False
            start = self.at
            item = self._class_item()
            if self._at_dash() and len(item) == 1 and item[0][0] == item[0][1]:
                self.at += 1
                end = self._class_item()
                if len(end) != 1 or end[0][0] != end[0][1] or end[0][0] < item[0][0]:
                    raise ValueError(f"bad character range {self.pattern[start : self.at]}")
                item = [(item[0][0], end[0][1])]
            escape = self.pattern[start : start + 2]
            negation = escape in (r"\D", r"\W", r"\S") or self.pattern.startswith("[:^", start)
            wide = wide or (not negation and any(high > 127 for _, high in item))
            ranges += item
        self.at += 1
        if wide:
            self.out.append(_rune_class(_complement(ranges) if negated else ranges))
        else:
            self.out.append(_byte_class(ranges, negated=negated))

    def _at_dash(self) -> bool:
        """Whether a range goes on here: a ``-`` that is not the class's last character."""
        rest = self.pattern[self.at : self.at + 2]
        return len(rest) == 2 and rest[0] == "-" and rest[1] != "]"

    def _class_item(self) -> Ranges:
        """Read one character or one named class inside ``[...]``."""
        if self.at >= len(self.pattern):
            raise ValueError("unterminated character set")
        posix = _POSIX_CLASS.match(self.pattern, self.at)
        if posix is not None:
            if posix[2] not in _POSIX:
                raise ValueError(f"character class {posix[0]} is not known")
            self.at += len(posix[0])
            ranges = list(_POSIX[posix[2]])
            return _complement(ranges) if posix[1] else ranges
        char = self.pattern[self.at]
        if char != "\\":
            self.at += 1
            return [(ord(char), ord(char))]
        return self._class_escape()

    def _class_escape(self) -> Ranges:
        char = self.pattern[self.at + 1 : self.at + 2]
        if not char:
            raise ValueError("unterminated character set")
        if char in "pP":
            return self._unicode()
        if char == "x":
            code = self._code()
            return [(code, code)]
        octal = _OCTAL.match(self.pattern, self.at + 1)
        if octal is not None:
            self.at += 1 + len(octal[0])
            return [(int(octal[0], 8), int(octal[0], 8))]
        self.at += 2
        if char.lower() in _PERL:
            ranges = list(_PERL[char.lower()])
            return _complement(ranges) if char.isupper() else ranges
        if char.isalnum() and char not in _ESCAPES:
            raise ValueError(rf"\{char} is not supported inside [...]")
        code = _ESCAPES.get(char, ord(char))
        return [(code, code)]


def _byte_class(ranges: Ranges, *, negated: bool) -> str:
    """Return a class of single bytes; what is beyond ASCII stands for any byte of it."""
    shown = "".join(_shown_range(low, min(high, 255)) for low, high in ranges if low < 256)
    return f"[{'^' if negated else ''}{shown}]"


def _rune_class(ranges: Ranges) -> str:
    """Return an expression for one character of the ranges, in UTF-8."""
    ascii_part = [(low, min(high, 127)) for low, high in ranges if low < 128]
    choices = [_byte_class(ascii_part, negated=False)] if ascii_part else []
    for low, high in ranges:
        for sequence in _utf8(max(low, 128), high):
            choices += ["".join(f"[{_shown_range(*pair)}]" for pair in sequence)]
    if not choices:
        return "(?!)"
    return choices[0] if len(choices) == 1 and ascii_part else f"(?:{'|'.join(choices)})"


def _utf8(low: int, high: int) -> Iterator[list[tuple[int, int]]]:
    """Return sequences of byte ranges that together are the characters ``low`` to ``high``."""
    if low > high:
        return
    for limit in (0x7FF, 0xD7FF, 0xDFFF, 0xFFFF):
        if low <= limit < high:
            yield from _utf8(low, limit)
            yield from _utf8(limit + 1, high)
            return
    if 0xD800 <= low <= 0xDFFF:
        return  # surrogates are not characters
    for shift in (6, 12, 18):
        mask = (1 << shift) - 1
        if low & ~mask == high & ~mask:
            break
        if low & mask:
            yield from _utf8(low, low | mask)
            yield from _utf8((low | mask) + 1, high)
            return
        if high & mask != mask:
            yield from _utf8(low, (high & ~mask) - 1)
            yield from _utf8(high & ~mask, high)
            return
    yield list(zip(chr(low).encode(), chr(high).encode(), strict=True))


def _shown_range(low: int, high: int) -> str:
    return _shown(low) if low == high else f"{_shown(low)}-{_shown(high)}"


def _shown(byte: int) -> str:
    char = chr(byte)
    return char if char.isascii() and (char.isalnum() or char == "_") else f"\\x{byte:02x}"


def _complement(ranges: Ranges) -> Ranges:
    """Return every character that is not in the ranges."""
    rest: Ranges = []
    following = 0
    for low, high in sorted(ranges):
        if low > following:
            rest.append((following, low - 1))
        following = max(following, high + 1)
    if following <= _LAST:
        rest.append((following, _LAST))
    return rest


def _ranges(codes: Iterable[int]) -> Ranges:
    ranges: Ranges = []
    for code in codes:
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1] = (ranges[-1][0], code)
        else:
            ranges.append((code, code))
    return ranges
