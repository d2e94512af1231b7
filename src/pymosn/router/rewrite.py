"""What a route makes of a request's host and path before it is forwarded (spec §1.6, §4.7)."""

from typing import Any

from pymosn.protocol.uri import escape, raw_offset, raw_path, unescape
from pymosn.router.pattern import compile_pattern, go_template
from pymosn.snapshot import Forward
from pymosn.stream.stream import Stream


class PathRewrite:
    """Replaces the matched prefix, or what an expression finds, in a request's path.

    The original path goes into ``x-mosn-original-path``.
    """

    _matched: int
    _prefix: "bytes | None"
    _pattern: Any
    _substitution: bytes
    empty: bool

    def __init__(self, action: Forward, matched: int) -> None:
        """``matched``: bytes of the decoded path that the rule names; -1 when it names none."""
        self._matched = matched
        self._prefix = None
        self._pattern = None
        self._substitution = b""
        if action.prefix_rewrite:
            if matched >= 0:
                self._prefix = escape(b"/" + action.prefix_rewrite.encode().lstrip(b"/"))
        elif action.regex_rewrite:
            self._pattern = compile_pattern(action.regex_rewrite)
            self._substitution = go_template(action.regex_substitution, self._pattern)
        self.empty = self._prefix is None and self._pattern is None

    def apply(self, stream: Stream) -> None:
        """Rewrite the request's target."""
        request = stream.request
        target = request.target
        old = raw_path(target)
        if old[:1] != b"/":
            return
        if self._prefix is not None:
            new = self._replace_prefix(old)
        else:
            # Rules see the decoded path, but an encoded slash must stay one.
            text = unescape(old, True)
            changed = self._pattern.sub(self._substitution, text)
            new = old if changed == text else escape(changed)
            if new[:1] != b"/":
                new = b"/" + new
        if new == old:
            return
        request.set(b"x-mosn-original-path", old)
        request.target = new + target[len(old) :]
        request.start = -1

    def _replace_prefix(self, old: bytes) -> bytes:
        rest = old[raw_offset(old, self._matched) :]
        prefix = self._prefix or b""
        if prefix.endswith(b"/") and rest.startswith(b"/"):
            return prefix + rest[1:]
        return prefix + rest


class HostRewrite:
    """Sets the host of a request: a constant, a header's value or the chosen host's name."""

    _host: bytes
    _header: bytes
    per_attempt: bool
    empty: bool

    def __init__(self, action: Forward) -> None:
        self._host = action.host_rewrite.encode()
        self._header = action.auto_host_rewrite_header.lower().encode()
        self.per_attempt = action.auto_host_rewrite and not (self._host or self._header)
        self.empty = not (self._host or self._header or self.per_attempt)

    def host(self, stream: Stream) -> bytes | None:
        """Return the host to send, None to leave it."""
        if self._host:
            return self._host
        if self._header:
            return stream.request.get(self._header) or None
        if self.per_attempt and stream.upstream_host is not None:
            name = stream.upstream_host.hostname
            return (name if isinstance(name, bytes) else name.encode()) or None
        return None


def set_host(stream: Stream, host: bytes) -> None:
    """Make ``host`` the request's host."""
    request = stream.request
    if request.authority != host:
        request.set(b"Host", host)
        request.authority = host
