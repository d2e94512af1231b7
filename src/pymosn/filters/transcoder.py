"""``transcoder``: requests of one protocol go on as those of another (spec §2.4).

MOSN's configuration: either ``type`` names a transcoder for every request, or the first of
``rules`` that matches says which protocol the host speaks, and a transcoder is chosen by the names
of the two.  ``type`` may be ``module:Class``, a subclass of ``pymosn.api.Transcoder``.
"""

from typing import Any, Final

import msgspec

from pymosn.api import ExtensionError, Registry, Request, StreamFilter, Transcoder

_HOOKS: Final = ("on_request", "on_route", "on_host")
"""By MOSN's number of a phase."""


class Matcher(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What a request must be for a rule."""

    matcher_type: str = "simpleMatcher"
    config: dict[str, str] = {}
    """``name`` and ``value`` of a header field; without a name every request matches."""


class RuleInfo(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What becomes of the requests of a rule."""

    upstream_protocol: str = ""
    upstream_sub_protocol: str = ""
    """Of old configurations, whose ``upstream_protocol`` is ``X``."""
    type: str = ""
    """pymosn: the transcoder; empty: found by the two protocols."""
    description: str = ""
    config: dict[str, Any] = {}
    """The transcoder's own."""

    def protocol(self) -> str:
        """Return what the hosts speak."""
        return self.upstream_sub_protocol or self.upstream_protocol


class RuleConfig(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One rule; ``macther_config`` is how MOSN spelled it once."""

    rule_info: RuleInfo
    matcher_config: Matcher = Matcher()
    macther_config: Matcher | None = None


class Phase(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """When the rules are looked at: 0 before routing, 1 after it, 2 with the host chosen."""

    receiver_phase: int = 1


class TranscoderConfig(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The configuration of the filter."""

    type: str = ""
    rules: list[RuleConfig] = []
    trans: Phase = Phase()
    config: dict[str, Any] = {}
    """pymosn: the configuration of the transcoder ``type``."""

    def __post_init__(self) -> None:
        if not 0 <= self.trans.receiver_phase < len(_HOOKS):
            raise ValueError("receiver_phase is 0, 1 or 2")
        for rule in self.rules:
            matcher = rule.macther_config or rule.matcher_config
            if matcher.matcher_type != "simpleMatcher":
                raise ValueError(f"there is no matcher {matcher.matcher_type!r}")
            if matcher.config.keys() - {"name", "value"}:
                raise ValueError("a simpleMatcher has a name and a value")
            if not rule.rule_info.type and not rule.rule_info.protocol():
                raise ValueError("a rule needs an upstream_protocol or a type")
        if not self.type and not self.rules:
            raise ValueError("it needs a type or rules")


class Rule:
    """A rule at work."""

    def __init__(self, matcher: Matcher, info: RuleInfo, registry: Registry) -> None:
        self._name = matcher.config.get("name", "").lower().encode()
        self._value = matcher.config.get("value", "").encode()
        self.protocol = info.protocol()
        self._found: dict[str, Transcoder] = {}
        if info.type:
            self._only: Transcoder | None = _made(info.type, info.config, registry)
            self.protocol = self.protocol or self._only.upstream_protocol
            return
        self._only = None
        ending = f"_{self.protocol}"
        for name in registry.names("transcoders"):
            if name.endswith(ending):
                source = name.removesuffix(ending)
                self._found[source] = _made(name, info.config, registry)
        if not self._found:
            raise ValueError(f"nothing can be turned into {self.protocol}")

    def matches(self, request: Request) -> bool:
        """Say whether the rule is for this request."""
        return not self._name or request.stream.request.get(self._name) == self._value

    def transcoder(self, source: str) -> Transcoder | None:
        """Return what turns requests of the protocol ``source`` into the host's."""
        return self._only or self._found.get(source)

    def transcoders(self) -> list[Transcoder]:
        """Return all that may be used."""
        return [self._only] if self._only is not None else list(self._found.values())


class ProtocolTranscoder(StreamFilter):
    """The filter."""

    Config = TranscoderConfig

    def __init__(self, config: TranscoderConfig) -> None:
        super().__init__(config)
        self._rules: list[Rule] = []
        setattr(self, _HOOKS[config.trans.receiver_phase], self._choose)

    def provision(self, registry: Registry) -> None:
        config = self.config
        if config.type:
            info = RuleInfo(type=config.type, config=config.config)
            self._rules.append(Rule(Matcher(), info, registry))
        else:
            self._rules += [
                Rule(rule.macther_config or rule.matcher_config, rule.rule_info, registry)
                for rule in config.rules
            ]
        self.upstream_protocols = [rule.protocol for rule in self._rules if rule.protocol]

    def _choose(self, request: Request) -> None:
        """Use the first rule that is for this request."""
        stream = request.stream
        for rule in self._rules:
            if not rule.matches(request):
                continue
            transcoder = rule.transcoder(stream.connection.protocol)
            if transcoder is None or not transcoder.accepts(request):
                return
            if not transcoder.whole:
                request.convert(None, rule.protocol)
            elif stream.call is None and stream.request.upgrade is None:
                request.convert(transcoder, rule.protocol)
            return


def _made(name: str, config: dict[str, Any], registry: Registry) -> Transcoder:
    """Return the transcoder ``name``, with its configuration checked."""
    kind = registry.get("transcoders", name)
    if not (isinstance(kind, type) and issubclass(kind, Transcoder)):
        raise ExtensionError(f"{name} is no pymosn.api.Transcoder")
    try:
        return kind(kind.checked(config))
    except ValueError as error:
        raise ValueError(f"transcoder {name}: {error}") from error
