"""Which cluster a TCP connection goes to."""

import pytest

from pymosn.network.address import pack
from pymosn.proxy.tcp_routes import TcpRoutes
from pymosn.snapshot import TcpRoute

ANYWHERE = ["0.0.0.0/0", "::/0"]
ANY_PORT = [(1, 65535)]


def route(cluster="c", source=ANYWHERE, ports=ANY_PORT, destination=ANYWHERE, to=ANY_PORT):
    return TcpRoute(cluster, source, destination, ports, to)


@pytest.mark.parametrize(
    ("rule", "peer", "local", "matches"),
    [
        (route(), "10.1.2.3:1000", "10.0.0.1:80", True),
        (route(), "[2001:db8::1]:1000", "[::1]:80", True),
        (route(source=["10.0.0.0/8"]), "10.255.0.1:1", "127.0.0.1:80", True),
        (route(source=["10.0.0.0/8"]), "11.0.0.1:1", "127.0.0.1:80", False),
        (route(source=["192.168.0.0/16", "10.0.0.0/8"]), "10.0.0.1:1", "127.0.0.1:80", True),
        (route(source=["10.1.2.3/8"]), "10.9.9.9:1", "127.0.0.1:80", True),
        (route(source=["10.1.2.3/32"]), "10.1.2.4:1", "127.0.0.1:80", False),
        (route(source=["2001:db8::/32"]), "[2001:db8:1::1]:1", "[::1]:80", True),
        (route(source=["2001:db8::/32"]), "10.0.0.1:1", "127.0.0.1:80", False),
        (route(source=["0.0.0.0/0"]), "[::1]:1", "[::1]:80", False),
        # An IPv4 client of an IPv6 socket is an IPv4 client.
        (route(source=["10.0.0.0/8"]), "[::ffff:10.0.0.1]:1", "[::1]:80", True),
        (route(ports=[(1000, 2000)]), "10.0.0.1:1000", "127.0.0.1:80", True),
        (route(ports=[(1000, 2000)]), "10.0.0.1:2000", "127.0.0.1:80", True),
        (route(ports=[(1000, 2000)]), "10.0.0.1:2001", "127.0.0.1:80", False),
        (route(ports=[(1, 1), (7, 9)]), "10.0.0.1:8", "127.0.0.1:80", True),
        (route(destination=["127.0.0.0/8"]), "10.0.0.1:1", "127.0.0.9:80", True),
        (route(destination=["127.0.0.0/8"]), "127.0.0.1:1", "10.0.0.1:80", False),
        (route(to=[(80, 80), (443, 443)]), "10.0.0.1:1", "127.0.0.1:443", True),
        (route(to=[(80, 80)]), "10.0.0.1:80", "127.0.0.1:443", False),
        # An empty list matches nothing.
        (route(source=[]), "10.0.0.1:1", "127.0.0.1:80", False),
        (route(destination=[]), "10.0.0.1:1", "127.0.0.1:80", False),
        (route(ports=[]), "10.0.0.1:1", "127.0.0.1:80", False),
        (route(to=[]), "10.0.0.1:1", "127.0.0.1:80", False),
        # A Unix socket has no address that a network could hold.
        (route(), "unix:/run/a.sock", "127.0.0.1:80", False),
    ],
)
def test_match(rule, peer, local, matches):
    found = TcpRoutes([rule]).match(pack(peer)[1], pack(local)[1])
    assert found == ("c" if matches else "")


def test_first_match_wins():
    routes = TcpRoutes(
        [
            route("a", source=["10.0.0.0/8"]),
            route("b", to=[(443, 443)]),
            route("c"),
        ]
    )
    local = pack("127.0.0.1:443")[1]
    assert routes.match(pack("10.0.0.1:1")[1], local) == "a"
    assert routes.match(pack("11.0.0.1:1")[1], local) == "b"
    assert routes.match(pack("11.0.0.1:1")[1], pack("127.0.0.1:80")[1]) == "c"


def test_no_routes():
    assert TcpRoutes([]).match(pack("10.0.0.1:1")[1], pack("127.0.0.1:80")[1]) == ""


def test_refuses_what_is_no_network():
    with pytest.raises(ValueError, match=r"10\.0\.0"):
        TcpRoutes([route(source=["10.0.0.0/33"])])
