import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pymosn.message import RequestHead
from pymosn.protocol.uri import escape, parameter, raw_offset, raw_path, unescape
from pymosn.router.path import normalise, read_target
from pymosn.stream.stream import Stream

RESERVED = b"!*'();:@&=+$,/?#[]%"


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        (b"/", b"/", b""),
        (b"/abc", b"/abc", b""),
        (b"/aa%20bb", b"/aa bb", b""),
        (b"/aa%20bb%26cc", b"/aa bb&cc", b""),
        (b"/abc+def", b"/abc+def", b""),
        (b"/10%25", b"/10%", b""),
        (b"/1%41", b"/1A", b""),
        (b"/%4a", b"/J", b""),
        (b"/%6F", b"/o", b""),
        (b"/" + b"".join(b"%%%02X" % byte for byte in RESERVED), b"/" + RESERVED, b""),
        (b"/home/;some/sample", b"/home/;some/sample", b""),
        (b"/aa?bb=cc", b"/aa", b"bb=cc"),
        (b"/?", b"/", b""),
        (b"/?foo=bar?", b"/", b"foo=bar?"),
        (b"/?q=go+language", b"/", b"q=go+language"),
        (b"/?q=go%20language", b"/", b"q=go%20language"),
        (b"/?q=!*'();:@&=+$,/?[]%25", b"/", b"q=!*'();:@&=+$,/?[]%25"),
        (b"/?a=//../b", b"/", b"a=//../b"),
        (b"/%zz%4", b"/%zz%4", b""),
    ],
)
def test_paths_are_decoded_and_forwarded_as_they_came(target, path, query):
    assert normalise(target) == (path, query, target)


@pytest.mark.parametrize(
    ("target", "path", "forward"),
    [
        (b"//", b"/", b"/"),
        (b"//a///b?x=//", b"/a/b", b"/a/b?x=//"),
        (b"/a/./b", b"/a/b", b"/a/b"),
        (b"/a/.", b"/a/", b"/a/"),
        (b"/a/b/..", b"/a/", b"/a/"),
        (b"/a/b/../c", b"/a/c", b"/a/c"),
        (b"/..", b"/", b"/"),
        (b"/../../etc/passwd", b"/etc/passwd", b"/etc/passwd"),
        (b"/a/%2e%2e/b", b"/b", b"/b"),
        (b"/a/.%2E/b%20c", b"/b c", b"/b%20c"),
        (b"/a%2f..%2fb", b"/b", b"/b"),
        (b"/x/../a%2Fb", b"/a/b", b"/a%2Fb"),
        (b"/a/%2Fb", b"/a/b", b"/a/b"),
        (b"/a%2F%2Fb", b"/a/b", b"/a%2Fb"),
        (b"?a", b"/", b"/?a"),
    ],
)
def test_empty_and_dot_segments_go(target, path, forward):
    assert normalise(target)[0] == path
    assert normalise(target)[2] == forward


@pytest.mark.parametrize("target", [b"/.well-known/x", b"/...", b"/a..b/", b"/a.", b"/;/.x"])
def test_dots_inside_names_stay(target):
    assert normalise(target) == (target, b"", target)


def test_an_encoded_slash_is_forwarded_encoded():
    assert normalise(b"/a%2Fb%2fc?q") == (b"/a/b/c", b"q", b"/a%2Fb%2fc?q")


def test_targets_without_a_path():
    assert normalise(b"*") == (b"/*", b"", b"*")
    assert normalise(b"example.com:443") == (b"", b"", b"example.com:443")
    assert normalise(b"") == (b"", b"", b"")


pieces = st.sampled_from(
    [
        b"/",
        b"//",
        b".",
        b"..",
        b"%2e",
        b"%2F",
        b"%2f",
        b"a",
        b"%41",
        b"%",
        b"%25",
        b"%252e",
        b"?",
        b"\xe4",
    ]
)
targets = st.lists(pieces, max_size=12).map(lambda parts: b"/" + b"".join(parts))


@given(targets)
@example(b"/%2e%2e%2f%2e%2e")
def test_normalising_is_idempotent_and_leaves_no_dot_segments(target):
    path, query, forward = normalise(target)
    assert path.startswith(b"/")
    for bad in (b"/../", b"/./", b"//"):
        assert bad not in path
    assert not path.endswith((b"/..", b"/."))
    assert normalise(forward) == (path, query, forward)
    assert query == target.partition(b"?")[2]


@given(targets)
def test_a_stream_gets_the_same(target):
    request = RequestHead(b"", 0, 0)
    request.target = target
    stream = Stream(request=request)
    read_target(stream)
    assert (stream.path, stream.query, request.target) == normalise(target)
    assert (request.start == -1) == (request.target != target)


@given(targets)
def test_offsets_of_the_raw_path_follow_the_decoded_one(target):
    path, _, forward = normalise(target)
    raw = raw_path(forward)
    for count in range(len(path) + 1):
        assert unescape(raw[: raw_offset(raw, count)], False) == path[:count]


@given(st.binary())
def test_escaping_gives_what_a_target_may_hold_and_keeps_its_meaning(path):
    escaped = escape(path)
    assert set(escaped) <= set(range(0x21, 0x7F))
    assert b"?" not in escaped
    assert b"#" not in escaped
    assert escape(escaped) == escaped


@given(st.binary())
def test_partial_decoding_keeps_slashes_and_percent_signs(raw):
    kept = unescape(raw, True)
    assert unescape(escape(kept), False) == unescape(kept, False)


@pytest.mark.parametrize(
    ("query", "value"),
    [
        (b"", None),
        (b"b=1", None),
        (b"a=1&a=2", b"1"),
        (b"b&a", b""),
        (b"x=a&a=b+c%20d", b"b c d"),
        (b"%61=1", b"1"),
        (b"aa=1", None),
    ],
)
def test_query_parameters(query, value):
    assert parameter(query, b"a") == value
