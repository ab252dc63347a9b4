# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ip-masq-agent's configuration as Go reads it, and which chain governs a node."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.podreach.gke.tests.lab.podreach_lab.kubernetes import golang, masquerade
from ansible_collections.podreach.gke.tests.lab.podreach_lab.kubernetes.masquerade import (
    LINK_LOCAL,
    PRIVATE,
    RESERVED,
    Config,
    Flags,
    Rejected,
)

PLAIN = Flags()


def rejected(text: str, flags: Flags = PLAIN) -> str:
    with pytest.raises(Rejected) as caught:
        masquerade.read(text, flags)
    return str(caught.value)


# The table of cmd/ip-masq-agent/ip-masq-agent_test.go, with --enable-ipv6.
UPSTREAM: list[tuple[str, dict[str, t.Any]]] = [
    (
        "nonMasqueradeCIDRs:\n  - 172.16.0.0/12\n  - 10.0.0.0/8\ncidrLimit: 64\nmasqLinkLocal: true\n"
        "resyncInterval: 5s\n",
        {"cidrs": ("172.16.0.0/12", "10.0.0.0/8"), "link_local": True, "resync": 5},
    ),
    ("nonMasqueradeCIDRs:\n  - 192.168.0.0/16\n", {"cidrs": ("192.168.0.0/16",)}),
    ("masqLinkLocal: true\n", {"link_local": True}),
    ("resyncInterval: 5m\n", {"resync": 300}),
    (
        '{"nonMasqueradeCIDRs": ["172.16.0.0/12", "10.0.0.0/8"], "masqLinkLocal": true, "resyncInterval": "5s"}',
        {"cidrs": ("172.16.0.0/12", "10.0.0.0/8"), "link_local": True, "resync": 5},
    ),
    ('{"resyncInterval": "\\u0035\\u006d"}', {"resync": 300}),
    ('\n{"nonMasqueradeCIDRs": ["10.0.0.0/8", "fc00::/7"]}', {"cidrs": ("10.0.0.0/8", "fc00::/7")}),
]


@pytest.mark.parametrize(("text", "expected"), UPSTREAM)
def test_what_upstream_tests(text: str, expected: dict[str, t.Any]) -> None:
    flags = Flags(ipv6=True)
    assert masquerade.read(text, flags) == Config(**{"cidrs": PRIVATE} | expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("# only a comment\n", {}),
        ("nonMasqueradeCIDR: [10.32.0.0/14]\n", {}),
        ("nonmasqueradecidrs: [10.32.0.0/14]\nMASQLINKLOCAL: yes\n", {"cidrs": ("10.32.0.0/14",), "link_local": True}),
        ("nonMasqueradeCIDRs:\nresyncInterval: 60s\n", {"cidrs": ()}),
        ("nonMasqueradeCIDRs: []\n", {"cidrs": ()}),
        ("nonMasqueradeCIDRs: [~, 10.1.0.0/16]\n", {"cidrs": ("10.0.0.0/8", "10.1.0.0/16")}),
        ("masqLinkLocal:\ncidrLimit:\nmasqLinkLocalIPv6: y\n", {"link_local_ipv6": True}),
        ("cidrLimit: 0x40\n", {}),
        ("cidrLimit: 64.0\n", {}),
        ("cidrLimit: 1_0\n", {"cidr_limit": 10}),
        ("resyncInterval: 1h2m3.5s\n", {"resync": 3723.5}),
        ("resyncInterval: -1s\n", {"resync": -1}),
        ('resyncInterval: "0"\n', {"resync": 0}),
        ("masqLinkLocal: true\n---\nmasqLinkLocal: false\n", {"link_local": True}),
        ('{"cidrLimit": 1, "CIDRLIMIT": 70}', {"cidr_limit": 70}),
    ],
)
def test_accepted(text: str, expected: dict[str, t.Any]) -> None:
    assert masquerade.read(text, PLAIN) == Config(**{"cidrs": PRIVATE} | expected)


FIELD = "json: cannot unmarshal {} into Go struct field MasqConfig.{} of type {}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("*", "yaml: did not find expected alphabetic or numeric character"),
        ("{*", "invalid character '*' looking for beginning of object key string"),
        ('{"a": 1 "b": 2}', "invalid character '\"' after object key:value pair"),
        ('{"a": [1 2]}', "invalid character '2' after array element"),
        ('{"a": 1', "unexpected end of JSON input"),
        ("a: b: c\n", "yaml: mapping values are not allowed in this context"),
        ("- 10.0.0.0/8\n", "json: cannot unmarshal array into Go value of type main.MasqConfig"),
        ("10.0.0.0/8\n", "json: cannot unmarshal string into Go value of type main.MasqConfig"),
        ("resyncInterval: 60\n", FIELD.format("number", "resyncInterval", "string")),
        ("resyncInterval:\n", 'time: invalid duration ""'),
        ('resyncInterval: "60"\n', 'time: missing unit in duration "60"'),
        ("resyncInterval: 60x\n", 'time: unknown unit "x" in duration "60x"'),
        ("resyncInterval: 1:00\n", 'time: unknown unit ":" in duration "1:00"'),
        ("resyncInterval: soon\n", 'time: invalid duration "soon"'),
        ("nonMasqueradeCIDRs: 10.0.0.0/8\n", FIELD.format("string", "nonMasqueradeCIDRs", "[]string")),
        ("nonMasqueradeCIDRs: [10]\n", FIELD.format("number", "nonMasqueradeCIDRs", "string")),
        ('masqLinkLocal: "true"\n', FIELD.format("string", "masqLinkLocal", "bool")),
        ("cidrLimit: 6.5\n", FIELD.format("number 6.5", "cidrLimit", "int")),
        ("nonMasqueradeCIDRs: [abcdefg]\n", 'CIDR "abcdefg" could not be parsed, invalid CIDR address: abcdefg'),
        ("nonMasqueradeCIDRs: [10.0.1.7]\n", 'CIDR "10.0.1.7" could not be parsed, invalid CIDR address: 10.0.1.7'),
        (
            "nonMasqueradeCIDRs: [10.0.0.0/8, 10.256.0.0/16]\n",
            'CIDR "10.256.0.0/16" could not be parsed, invalid CIDR address: 10.256.0.0/16',
        ),
        (
            "nonMasqueradeCIDRs: [10.0.0.1/8]\n",
            'CIDR "10.0.0.1/8" is not aligned to a CIDR block, ip: "10.0.0.1" network: "10.0.0.0/8"',
        ),
        (
            "nonMasqueradeCIDRs: ['fc00::/7']\n",
            "ipv6 is not enabled, but ipv6 cidr fc00::/7 provided. Enable ipv6 using --enable-ipv6 agent flag",
        ),
    ],
)
def test_refused(text: str, message: str) -> None:
    assert rejected(text) == message


def listing(count: int) -> str:
    return "nonMasqueradeCIDRs:\n" + "".join(f"  - 10.{number}.0.0/16\n" for number in range(count))


def test_limit() -> None:
    assert len(masquerade.read(listing(64), PLAIN).cidrs) == 64
    assert rejected(listing(65)) == (
        "the daemon can only accept up to 64 CIDRs (excluding link-local), but got 65 CIDRs (excluding link local)"
    )
    assert len(masquerade.read(listing(65) + "cidrLimit: 65\n", PLAIN).cidrs) == 65


# ---- flags


def test_flags() -> None:
    assert masquerade.flags_of([]) == Flags("IP-MASQ-AGENT")
    assert masquerade.flags_of(["--masq-chain=IP-MASQ", "--nomasq-all-reserved-ranges"]) == Flags("IP-MASQ", True)
    assert masquerade.flags_of(["-masq-chain", "X", "--enable-ipv6=true", "-v=2"]) == Flags("X", False, True, 2)
    assert masquerade.flags_of(["--nomasq-all-reserved-ranges=0", "rest", "--enable-ipv6"]) == Flags()
    with pytest.raises(Rejected, match="flag provided but not defined: -masq"):
        masquerade.flags_of(["--masq=IP-MASQ"])
    with pytest.raises(Rejected, match='invalid boolean value "perhaps" for -enable-ipv6: parse error'):
        masquerade.flags_of(["--enable-ipv6=perhaps"])


def test_the_flag_for_reserved_ranges_is_only_a_default() -> None:
    flags = Flags(all_reserved=True)
    assert masquerade.read("masqLinkLocal: true", flags).cidrs == PRIVATE + RESERVED
    assert masquerade.read("nonMasqueradeCIDRs: [10.32.0.0/14]", flags).cidrs == ("10.32.0.0/14",)


# ---- chains


def test_agent_chain() -> None:
    flags = Flags("IP-MASQ", ipv6=True)
    chain = masquerade.agent_chain(masquerade.read("nonMasqueradeCIDRs: [10.1.0.0/16, 'fc00::/7']", flags), flags)
    assert (chain.name, chain.keep, chain.pods_only) == ("IP-MASQ", (LINK_LOCAL, "10.1.0.0/16"), False)
    assert masquerade.agent_chain(masquerade.read("masqLinkLocal: true", PLAIN), PLAIN).keep == PRIVATE
    assert masquerade.agent_chain(masquerade.read("nonMasqueradeCIDRs:", PLAIN), PLAIN).keep == (LINK_LOCAL,)


def test_chains_without_an_agent() -> None:
    assert masquerade.node_chain().keep == (LINK_LOCAL, *PRIVATE, *RESERVED)
    assert masquerade.windows_chain(["10.32.0.0/14", "10.1.0.0/24", "10.1.0.0/24"]).keep == (
        "10.32.0.0/14",
        "10.1.0.0/24",
    )


def test_policies() -> None:
    own = ["10.1.0.0/24", "10.32.0.0/17"]
    default = masquerade.default_policy()
    assert masquerade.policy_chain([default], own).keep == (LINK_LOCAL, *own, *PRIVATE, *RESERVED)
    default["spec"]["destinations"] = [{"cidr": "192.168.0.0/16"}, {"cidr": "nonsense"}]
    assert masquerade.policy_chain([default], own).keep == (LINK_LOCAL, *own, "192.168.0.0/16")
    default["spec"]["action"] = "SNAT"
    assert masquerade.policy_chain([default, {"metadata": {"name": "x"}}], own).keep == (LINK_LOCAL, *own)


@pytest.mark.parametrize(
    ("cluster", "expected"),
    [
        ({"clusterIpv4Cidr": "10.32.0.0/14"}, False),
        ({"clusterIpv4Cidr": "172.16.0.0/16"}, True),
        ({"clusterIpv4Cidr": "10.32.0.0/14", "networkPolicy": {"enabled": True}}, True),
        ({"clusterIpv4Cidr": "10.32.0.0/14", "workloadIdentityConfig": {"workloadPool": "p.svc.id.goog"}}, True),
        (
            {
                "clusterIpv4Cidr": "10.32.0.0/14",
                "workloadIdentityConfig": {"workloadPool": "p.svc.id.goog"},
                "networkConfig": {"defaultSnatStatus": {"disabled": True}},
            },
            False,
        ),
        ({"clusterIpv4Cidr": "172.16.0.0/16", "autopilot": {"enabled": True}}, False),
    ],
)
def test_deployed(cluster: dict[str, t.Any], expected: bool) -> None:
    assert masquerade.deployed(cluster) is expected


# ---- the pod


def agent(**source: t.Any) -> dict[str, t.Any]:
    return {
        "hostNetwork": True,
        "containers": [
            {
                "name": "ip-masq-agent",
                "image": "registry.k8s.io/networking/ip-masq-agent:v2.8.0",
                "securityContext": {"capabilities": {"add": ["NET_ADMIN", "NET_RAW"]}},
                "volumeMounts": [{"name": "config", "mountPath": "/etc/config"}],
            }
        ],
        "volumes": [{"name": "config", "configMap": {"name": "ip-masq-agent", "optional": True, **source}}],
    }


ITEMS = [{"key": "config", "path": "ip-masq-agent"}]


def file_of(spec: dict[str, t.Any], **data: str) -> str | None:
    def find(name: str) -> dict[str, t.Any] | None:
        return {"data": data} if data and name == "ip-masq-agent" else None

    return masquerade.config_file(spec, spec["containers"][0], find)


def test_config_file() -> None:
    assert file_of(agent(items=ITEMS), config="x") == "x"
    assert file_of(agent(items=ITEMS), **{"ip-masq-agent": "x"}) is None
    assert file_of(agent(items=ITEMS)) is None
    assert file_of(agent(), **{"ip-masq-agent": "x"}) == "x"
    assert file_of(agent(), config="x") is None
    assert file_of(agent(name="other", items=ITEMS), config="x") is None
    bare = agent(items=ITEMS)
    bare["containers"][0]["volumeMounts"] = [{"name": "config", "mountPath": "/etc/other"}]
    assert file_of(bare, config="x") is None
    one = agent()
    one["containers"][0]["volumeMounts"] = [
        {"name": "config", "mountPath": "/etc/config/ip-masq-agent", "subPath": "config"}
    ]
    assert file_of(one, config="x") == "x"


def test_a_volume_that_is_not_optional() -> None:
    with pytest.raises(masquerade.Unmountable, match='configmap "ip-masq-agent" not found'):
        file_of(agent(optional=False))
    with pytest.raises(masquerade.Unmountable, match="references non-existent config key: config"):
        file_of(agent(optional=False, items=ITEMS), other="x")


def test_who_is_an_agent() -> None:
    for image in ("gke.gcr.io/ip-masq-agent:v2.9.3-gke.5@sha256:c75a", "ip-masq-agent", "host:5000/a/ip-masq-agent:1"):
        assert masquerade.is_agent({"image": image})
    assert not masquerade.is_agent({"image": "nginx"})
    spec = agent()
    assert masquerade.may_write(spec, spec["containers"][0])
    assert not masquerade.may_write(spec | {"hostNetwork": False}, spec["containers"][0])
    assert not masquerade.may_write(spec, {"name": "x"})
    assert masquerade.arguments_of({"command": ["/ip-masq-agent", "--v=2"], "args": ["--masq-chain=A"]}) == [
        "--v=2",
        "--masq-chain=A",
    ]


def test_durations() -> None:
    for text, seconds in [("1.5h", 5400), ("100ms", 0.1), (".5s", 0.5), ("+2m", 120), ("1µs", 1e-6)]:
        assert golang.duration(text) == pytest.approx(seconds)
    for seconds, text in [(60, "1m0s"), (5, "5s"), (3723.5, "1h2m3.5s"), (0, "0s"), (3600, "1h0m0s"), (0.1, "100ms")]:
        assert masquerade.go_duration(seconds) == text


def test_as_json() -> None:
    assert masquerade.as_json(masquerade.read("nonMasqueradeCIDRs:", PLAIN)) == (
        '{"nonMasqueradeCIDRs":null,"cidrLimit":64,"masqLinkLocal":false,"masqLinkLocalIPv6":false,'
        '"resyncInterval":"1m0s"}'
    )
