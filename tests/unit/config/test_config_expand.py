"""The canonical form, secrets, and the editor schema."""

import json
from pathlib import Path

from msgspec import structs

from pymosn.config.expand import REDACTED, expand, expand_text, redact
from pymosn.config.load import parse_config
from pymosn.config.model import MosnConfig
from pymosn.config.reference import reference_page
from pymosn.config.schema import editor_schema, field_docs, structs_of
from pymosn.config.short_model import ShortConfig

MOSN = {
    "close_graceful": True,
    "servers": [
        {
            "default_log_level": "verbose",
            "listeners": [
                {
                    "address": ":8080",
                    "network": "TCP",
                    "access_logs": [{}],
                    "filter_chains": [
                        {
                            "tls_context": {"private_key": "key.pem"},
                            "filters": [
                                {
                                    "type": "proxy",
                                    "config": {
                                        "downstream_protocol": "http1, bolt",
                                        "extend_config": {
                                            "max_header_size": 100,
                                            "enable_bolt_goaway": True,
                                        },
                                    },
                                }
                            ],
                        }
                    ],
                }
            ],
            "routers": [
                {
                    "virtual_hosts": [
                        {
                            "routers": [
                                {
                                    "route": {
                                        "retry_policy": {
                                            "retry_on": "5xx",
                                            "per_try_timeout": "90s",
                                        }
                                    }
                                }
                            ]
                        }
                    ]
                }
            ],
        }
    ],
    "cluster_manager": {"clusters": [{"lb_type": "?", "hosts": [{"weight": 999}]}]},
    "extends": [{"type": "x", "config": {"password": "p", "list": [{"Secret": "s"}]}}],
}


def test_defaults_are_filled_in() -> None:
    got = expand(parse_config(json.dumps(MOSN)).config)
    server = got["servers"][0]
    listener = server["listeners"][0]
    assert (got["disable_upgrade"], got["close_graceful"]) == (True, False)
    assert (server["default_log_level"], server["graceful_timeout"]) == ("INFO", "30s")
    assert (listener["name"], listener["network"]) == (":8080", "tcp")
    assert listener["connection_idle_timeout"] == "1m30s"
    assert listener["access_logs"][0]["log_format"].startswith("%start_time%")
    proxy = listener["filter_chains"][0]["filters"][0]["config"]
    assert proxy["downstream_protocol"] == "Http1,bolt"
    assert proxy["extend_config"]["Http1"]["max_header_size"] == 100
    assert proxy["extend_config"]["bolt"] == {"enable_bolt_goaway": True}
    assert "max_header_size" not in proxy["extend_config"]
    route = server["routers"][0]["virtual_hosts"][0]["routers"][0]["route"]
    assert route["timeout"] == "1m0s"
    assert route["retry_policy"]["retry_on"] is True
    assert route["retry_policy"]["conditions"] == ["5xx"]
    assert route["retry_policy"]["retry_timeout"] == "1m30s"
    cluster = got["cluster_manager"]["clusters"][0]
    assert (cluster["lb_type"], cluster["hosts"][0]["weight"]) == ("LB_ROUNDROBIN", 128)


def test_round_trip() -> None:
    text = expand_text(parse_config(json.dumps(MOSN)).config)
    assert expand_text(parse_config(text).config) == text


def test_expanding_leaves_the_model_as_it_is() -> None:
    config = parse_config(json.dumps(MOSN)).config
    expand(config)
    assert config == parse_config(json.dumps(MOSN)).config


def test_secrets() -> None:
    got = redact(expand(parse_config(json.dumps(MOSN)).config))
    chain = got["servers"][0]["listeners"][0]["filter_chains"][0]
    assert chain["tls_context"]["private_key"] == REDACTED
    assert got["extends"][0]["config"] == {"password": REDACTED, "list": [{"Secret": REDACTED}]}
    assert redact({"private_key": ""}) == {"private_key": ""}


def test_every_field_is_documented() -> None:
    for root in (MosnConfig, ShortConfig):
        for cls in structs_of(root):
            names = {field.name for field in structs.fields(cls)}
            assert names == set(field_docs(cls)), cls.__name__
            assert cls.__doc__


def test_schema_of_mosn_form() -> None:
    schema = editor_schema()
    json.dumps(schema)
    definitions = schema["$defs"]
    assert schema["$ref"] == "#/$defs/MosnConfig"
    listener = definitions["Listener"]["properties"]
    assert listener["filter_chains"] == {
        "type": "array",
        "items": {"$ref": "#/$defs/FilterChain"},
        "description": "Exactly one.",
    }
    assert listener["backlog"]["default"] == 1024
    assert definitions["Metadata"]["properties"]["filter_metadata"]["$ref"] == "#/$defs/LbMetadata"
    assert list(definitions["LbMetadata"]["properties"]) == ["mosn.lb"]
    assert definitions["NetworkFilter"]["allOf"][0]["then"]["properties"]["config"] == {
        "$ref": "#/$defs/ProxyConfig"
    }
    assert definitions["StreamRoute"]["properties"]["SourcePort"]["type"] == "string"


def test_schema_of_short_form() -> None:
    schema = editor_schema(short=True)
    assert schema["$defs"]["ShortRedirect"]["required"] == ["to"]
    targets = schema["$defs"]["ShortRoute"]["properties"]["to"]["anyOf"]
    assert {target["type"] for target in targets} == {"string", "array", "object"}


def test_references_of_the_schemas_lead_somewhere() -> None:
    for short in (False, True):
        schema = editor_schema(short=short)
        text = json.dumps(schema)
        names = {part.split('"')[0] for part in text.split('"#/$defs/')[1:]}
        assert names <= set(schema["$defs"])


def test_the_reference_is_current() -> None:
    text = (Path(__file__).parents[3] / "docs" / "configuration-reference.md").read_text()
    assert text == reference_page(), "write it anew with python -m pymosn.config.reference"
