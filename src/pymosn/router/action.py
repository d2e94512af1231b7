"""stub"""
class RouteEntry:
    def __init__(self): self.kind=0
    def cluster(self, stream): return self._cluster
