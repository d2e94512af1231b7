"""The routes of one virtual host, arranged so that looking one up does not depend on their number.

The first route that matches wins.  Routes that compare a path or a prefix are found through a
dictionary and a prefix tree; only what no index can decide (regular expressions, header-only
rules) is tried one by one.  What the three yield is merged by the order of the configuration.
"""

from collections.abc import Sequence

from pymosn.protocol.uri import lowered
from pymosn.router.action import RouteEntry
from pymosn.router.match import PATH, PREFIX
from pymosn.stream.stream import Stream


class RouteIndex:
    """Finds the first route that matches.

    ``steps`` counts the tree nodes and routes looked at since the index was made: what a test
    can check where times are noise.
    """

    steps: int
    _paths: "dict[bytes, list[RouteEntry]]"
    _prefixes: "PrefixNode | None"
    _others: "list[RouteEntry]"

    def __init__(self, entries: Sequence[RouteEntry]) -> None:
        """``entries`` in the order of the configuration."""
        self.steps = 0
        self._paths = {}
        self._prefixes = None
        self._others = []
        for order, entry in enumerate(entries):
            entry.order = order
            matcher = entry.matcher
            if matcher.kind == PATH:
                self._paths.setdefault(matcher.expected, []).append(entry)
            elif matcher.kind == PREFIX:
                if self._prefixes is None:
                    self._prefixes = PrefixNode(b"")
                self._prefixes.insert(matcher.expected, entry)
            else:
                self._others.append(entry)

    def match(self, stream: Stream) -> RouteEntry | None:
        """Return the route of the request, None when there is none."""
        best = None
        if self._prefixes is not None:
            best = self._match_prefixes(stream)
        if self._paths:
            same = self._paths.get(lowered(stream.path))
            if same is not None:
                best = self._first(same, stream, best, True)
        if self._others:
            best = self._first(self._others, stream, best, False)
        return best

    def _match_prefixes(self, stream: Stream) -> RouteEntry | None:
        path = stream.path
        raw = path
        size = len(path)
        best = None
        at = 0
        node = self._prefixes
        while node is not None:
            self.steps += 1
            if node.entries is not None:
                best = self._first(node.entries, stream, best, True)
            if at >= size:
                break
            node = node.child(raw[at])
            if node is None:
                break
            label = node.label
            length = len(node.label)
            if size - at < length:
                break
            index = 0
            while index < length and raw[at + index] == label[index]:
                index += 1
            if index < length:
                break
            at += length
        return best

    def _first(
        self, entries: list[RouteEntry], stream: Stream, best: RouteEntry | None, path_fits: bool
    ) -> RouteEntry | None:
        """Return the first of ``entries`` that matches and comes before ``best``, else ``best``."""
        for entry in entries:
            self.steps += 1
            if best is not None and entry.order > best.order:
                return best
            matcher = entry.matcher
            if (path_fits or matcher.matches_path(stream.path)) and matcher.conditions_hold(stream):
                return entry
        return best


class PrefixNode:
    """A node of a compressed tree of prefixes: ``label`` leads to it from its parent.

    ``entries`` are the routes whose prefix ends here, in order, or None.
    """

    label: bytes
    entries: list[RouteEntry] | None
    _firsts: bytes
    _children: "list[PrefixNode]"

    def __init__(self, label: bytes) -> None:
        self.label = label
        self.entries = None
        self._firsts = b""
        self._children = []

    def child(self, first: int) -> "PrefixNode | None":
        """Return the child whose label begins with ``first``."""
        firsts = self._firsts
        size = len(self._firsts)
        index = 0
        while index < size:
            if firsts[index] == first:
                return self._children[index]
            index += 1
        return None

    def insert(self, prefix: bytes, entry: RouteEntry) -> None:
        """Add a route below this node; ``prefix`` is what is left of its prefix."""
        node = self
        while prefix:
            node, prefix = node._descend(prefix)
        if node.entries is None:
            node.entries = []
        node.entries.append(entry)

    def _descend(self, prefix: bytes) -> tuple["PrefixNode", bytes]:
        """Return the child towards ``prefix``, made or split off if need be, and what is left."""
        child = self.child(prefix[0])
        if child is None:
            child = PrefixNode(prefix)
            self._firsts += prefix[:1]
            self._children.append(child)
            return child, b""
        common = 0
        limit = min(len(prefix), len(child.label))
        while common < limit and prefix[common] == child.label[common]:
            common += 1
        if common < len(child.label):
            lower = child
            child = PrefixNode(prefix[:common])
            self._children[self._firsts.index(prefix[:1])] = child
            child._firsts = lower.label[common : common + 1]
            child._children = [lower]
            lower.label = lower.label[common:]
        return child, prefix[common:]
