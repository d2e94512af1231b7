"""What filters see of an exchange."""

import pytest

from pymosn.message import RequestHead
from pymosn.proxy.exchange import Request
from pymosn.stream.stream import Stream


def request_for(target):
    head = RequestHead()
    head.target = target
    return Request(Stream(request=head))


def test_a_new_target_is_what_routes_match_and_what_is_sent():
    request = request_for(b"/old?a=b")
    request.target = "/n%65w//x?c=d"
    assert request.path == "/new/x"
    assert request.query == "c=d"
    head = request.stream.request
    assert head.target == b"/n%65w/x?c=d"
    assert head.start == -1


@pytest.mark.parametrize("target", ["", "new", "/a b", "/a\r\nb"])
def test_refuses_what_is_no_target(target):
    request = request_for(b"/old")
    with pytest.raises(ValueError, match="not a request target"):
        request.target = target
    assert request.target == "/old"
