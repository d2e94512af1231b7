import pytest

from pymosn.message import RequestHead
from pymosn.router.match import RouteMatcher, ValueMatcher
from pymosn.router.path import read_target
from pymosn.router.pattern import compile_pattern, go_template
from pymosn.snapshot import RouteMatch, ValueMatch
from pymosn.stream.stream import Stream


def request(target=b"/", method=b"GET", lines=b"", **variables):
    head = RequestHead(lines, 0, len(lines))
    head.method = method
    head.target = target
    head.authority = b"example.com"
    stream = Stream(request=head)
    read_target(stream)
    for name, value in variables.items():
        stream.set_variable(name, value)
    return stream


def matches(stream, **match):
    return RouteMatcher(RouteMatch(**match)).matches(stream)


@pytest.mark.parametrize(
    ("kind", "value", "target", "expected"),
    [
        ("prefix", "/", b"/x", True),
        ("prefix", "/a", b"/abc", True),
        ("prefix", "/A", b"/abc", False),
        ("prefix", "/a b", b"/a%20bc", True),
        ("path", "/aBc", b"/AbC?q", True),
        ("path", "/abc", b"/abc/", False),
        ("regex", "b+", b"/abbc", True),
        ("regex", "^b", b"/abbc", False),
        ("regex", "/abbc$", b"/abbc%0A", False),
        ("any", "", b"/x", True),
        ("variables", "", b"/x", True),
        ("prefix", "/admin", b"/x/../admin", True),
        ("prefix", "/", b"host:443", False),
    ],
)
def test_paths(kind, value, target, expected):
    assert matches(request(target), kind=kind, value=value) is expected


@pytest.mark.parametrize(
    ("kind", "value", "on_ab", "on_empty", "on_missing"),
    [
        ("exact", "ab", True, False, False),
        ("exact", "", False, True, False),
        ("regex", "b$", True, False, False),
        ("prefix", "a", True, False, False),
        ("suffix", "b", True, False, False),
        ("present", "", True, True, False),
        ("any", "", True, False, False),
    ],
)
@pytest.mark.parametrize("invert", [False, True])
def test_values(kind, value, on_ab, on_empty, on_missing, invert):
    matcher = ValueMatcher(ValueMatch("x", kind, value, invert))
    assert matcher.test(b"ab") is (on_ab != invert)
    assert matcher.test(b"") is (on_empty != invert)
    assert matcher.test(None) is (on_missing != invert)


def test_headers_and_the_start_line():
    stream = request(b"/p?q", b"POST", b"X-One: 1\r\nX-Two:  two \r\n")
    assert matches(
        stream, headers=[ValueMatch("x-one", value="1"), ValueMatch("x-two", value="two")]
    )
    assert not matches(stream, headers=[ValueMatch("x-one", value="1"), ValueMatch("x-two")])
    for name in ("method", ":method"):
        assert matches(stream, headers=[ValueMatch(name, value="POST")])
        assert not matches(stream, headers=[ValueMatch(name, value="GET")])
    assert matches(stream, headers=[ValueMatch(":authority", value="example.com")])
    assert matches(stream, headers=[ValueMatch(":path", value="/p?q")])
    assert matches(stream, headers=[ValueMatch(":scheme", value="http")])


def test_query_parameters():
    stream = request(b"/p?a=1&b=x%20y&c")
    assert matches(stream, query=[ValueMatch("a", value="1"), ValueMatch("b", value="x y")])
    assert matches(stream, query=[ValueMatch("c", kind="present")])
    assert not matches(stream, query=[ValueMatch("c", kind="any")])
    assert not matches(stream, query=[ValueMatch("d", kind="present")])


def items(text, **values):
    return [ValueMatch(item[0], value="1", any_of=item.endswith("|")) for item in text.split()]


@pytest.mark.parametrize(
    ("chain", "true", "expected"),
    [
        ("a& b&", "ab", True),
        ("a& b&", "a", False),
        ("a| b&", "a", True),
        ("a| b&", "b", True),
        ("a| b&", "", False),
        ("a& b| c&", "ab", True),
        ("a& b| c&", "a", False),
        ("a& b| c&", "c", True),
        ("a& b| c& d&", "c", False),
        ("a& b| c& d&", "cd", True),
        ("a|", "a", True),
        ("a|", "", False),
    ],
)
def test_variables_are_evaluated_from_left_to_right(chain, true, expected):
    stream = request(**dict.fromkeys(true, "1"))
    assert matches(stream, kind="variables", variables=items(chain)) is expected


def test_variables_of_the_request():
    stream = request(b"/p", b"PUT")
    assert matches(stream, variables=[ValueMatch("x-mosn-method", value="PUT")])
    assert matches(stream, variables=[ValueMatch("nobody-knows", value="")])


@pytest.mark.parametrize(
    "match",
    [
        {"kind": "glob"},
        {"kind": "regex", "value": "("},
        {"headers": [ValueMatch("x", "regex", "[")]},
        {"headers": [ValueMatch("x", "like", "a")]},
    ],
)
def test_bad_rules_are_refused(match):
    with pytest.raises(ValueError, match="not a"):
        RouteMatcher(RouteMatch(**match))


@pytest.mark.parametrize(
    ("expression", "yes", "no"),
    [
        (r"^a\z", b"a", b"a\n"),
        (r"^a$", b"a", b"a\n"),
        (r"(?m)^a$", b"b\na\nc", b"ba"),
        (r"^(?<n>x)$", b"x", b"y"),
        (r"^[[:alpha:]_]+$", b"ab_", b"a1"),
        (r"^[]a]+$", b"]a", b"b"),
        (r"^[^]a]$", b"b", b"]"),
        (r"^[$]$", b"$", b"a"),
        (r"^\$\[a$", b"$[a", b"a"),
        (r"(?i)^ABC$", b"abc", b"abd"),
        ("^中$", "中".encode(), "国".encode()),
    ],
)
def test_re2_expressions(expression, yes, no):
    pattern = compile_pattern(expression)
    assert pattern.search(yes)
    assert not pattern.search(no)


@pytest.mark.parametrize(
    ("template", "result"),
    [
        ("/x/$1", b"/x/a"),
        ("${1}x$2", b"axb"),
        ("$1x$2", b"b"),
        ("$$1$name", b"$1b"),
        ("a\\1$9", b"a\\1"),
    ],
)
def test_go_templates(template, result):
    pattern = compile_pattern("^/(a)/(?P<name>b)$")
    assert pattern.sub(go_template(template, pattern), b"/a/b") == result
