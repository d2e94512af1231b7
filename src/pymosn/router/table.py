"""stub"""
from pymosn.router.action import RouteEntry
class RouteTable:
    def __init__(self, router):
        r = router.virtual_hosts[0].routes[0]
        e = RouteEntry(); e._cluster = r.action.clusters[0].name; e.timeout = r.action.timeout
        self.e = e
    def match(self, stream): return self.e
