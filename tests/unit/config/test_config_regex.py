"""Go's regular expressions in Python."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymosn.config.regex import to_python
from pymosn.router.pattern import compile_pattern

MATCHES = [
    # Go pattern, text that it finds, text that it does not find
    (r"^/api/\d+$", "/api/1", "/api/1\n"),
    (r"^/api/\d+$", "/api/9", "/api/٣"),
    (r"\w", "a", "é"),
    (r"\W", "é", "a"),
    (r"\D", "x", "5"),
    (r"\S", "\v", " "),
    (r"abc\z", "xabc", "abc\n"),
    (r"a(?i)b|c", "aB", "AB"),
    (r"a(?i)b|c", "C", "x"),
    (r"(x(?i)y)z", "xYz", "xYZ"),
    (r"(?i)abc", "ABC", "abd"),
    (r"(?i:a)b", "Ab", "AB"),
    (r"(?i)a(?-i)b", "Ab", "AB"),
    (r"(?i)a(?-i:b)c", "AbC", "ABC"),
    (r"(?s)a.b", "a\nb", "a\rcb"),
    (r"a.b", "a\rb", "a\nb"),
    (r"(?m)^b$", "a\nb\nc", "a\nbc"),
    (r"(?m:^b$)|c$", "x\nb\ny", "c\n"),
    (r"(?<year>\d{4})-(?P<m>\d\d)", "2024-05", "24-05"),
    (r"(?:a|b)+", "ab", "c"),
    (r"[[:alpha:]_-]+[[:digit:]]", "a-_1", "é1"),
    (r"^[[:^alpha:]]$", "1", "a"),
    (r"^[\d\s]$", "5", "x"),
    (r"^[\D]$", "x", "5"),
    (r"^[^\D]$", "5", "x"),
    (r"^\pL+$", "dé漢", "a1"),
    (r"^\p{Lu}$", "É", "é"),
    (r"^\P{Lu}$", "é", "É"),
    (r"^\p{^Lu}$", "é", "É"),
    (r"^[\pN_]$", "٣", "a"),
    (r"^[\PN]$", "a", "3"),
    (r"\Qa.b\E+", "a.bb", "axb"),
    (r"\Qa.b", "a.b", "axb"),
    (r"x{,3}", "x{,3}", "xxx"),
    (r"^x{2,3}$", "xx", "x"),
    (r"a{b", "a{b", "ab"),
    (r"\x{1F600}", "\U0001f600", "a"),
    (r"^\x41\t$", "A\t", "a\t"),
    (r"^[]a]$", "]", "b"),
    (r"^[^]a]$", "b", "]"),
    (r"^[a&&b]$", "&", "c"),
    (r"^[[]$", "[", "]"),
    (r"^[aé]+$", "éaé", "è"),
    (r"^[^é]$", "è", "é"),
    (r"^[а-яё]+$", "привёт", "hello"),
    (r"^é{2}$", "éé", "é"),
    (r"^\x{e9}$", "é", "\xe8"),
    (r"^[\x{1F600}-\x{1F64F}]$", "\U0001f610", "\U0001f700"),
    (r"^[\x41-\x43\n]$", "B", "D"),
    (r"^[\101]$", "A", "1"),
    (r"^[a-c-]$", "-", "d"),
    (r"^[\]\-]$", "-", "\\"),
    (r"\.html?$", "/x.htm", "/xhtm"),
]


@pytest.mark.parametrize(("pattern", "found", "not_found"), MATCHES)
def test_meaning(pattern: str, found: str, not_found: str) -> None:
    compiled = re.compile(to_python(pattern).encode())
    assert compiled.search(found.encode())
    assert not compiled.search(not_found.encode())


@pytest.mark.parametrize(("pattern", "found", "not_found"), MATCHES)
def test_the_data_plane_understands_it_likewise(pattern: str, found: str, not_found: str) -> None:
    compiled = compile_pattern(to_python(pattern))
    assert compiled.search(found.encode())
    assert not compiled.search(not_found.encode())


@pytest.mark.parametrize(
    "pattern",
    [
        "(",
        ")",
        "a)b",
        "[",
        "[a",
        "[[:nope:]]",
        "*",
        "a**",
        "\\",
        r"\Z",
        r"\C",
        r"\p{Greek}",
        r"\p",
        "(?U)a",
        "(?i",
        r"\x{110000}",
        "[z-a]",
        r"[\Qa\E]",
        "(?P<a>x)(?P<a>y)",
        "a{5,2}",
    ],
)
def test_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        to_python(pattern)


@given(st.text(alphabet="ab(|)[]{}?*+^$\\.-:,0123<>=!PQEpdwsiLuz", max_size=12))
def test_any_pattern_compiles_or_is_a_value_error(pattern: str) -> None:
    try:
        translated = to_python(pattern)
    except ValueError:
        return
    re.compile(translated.encode())
