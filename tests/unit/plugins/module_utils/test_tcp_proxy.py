# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a TCP proxy may be asked: defaults, every refusal, and which sockets meet."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.podreach.gke.plugins.module_utils.tcp_proxy import CHECKERS, PRIVATE, Socket, plan

Json = dict[str, t.Any]
UPSTREAM: Json = {"host": "10.2.0.1", "port": 80}
WEB: Json = {"name": "web", "port": 8080, "upstreams": [UPSTREAM]}


def test_defaults() -> None:
    found = plan([WEB], {"port": "8081"})
    assert found["problems"] == []
    assert found["listeners"] == [
        {
            "name": "web",
            "protocol": "tcp",
            "address": "0.0.0.0",
            "port": 8080,
            "upstreams": [{**UPSTREAM, "weight": 1, "max_fails": 1, "fail_timeout": "10s", "backup": False}],
            "allow": list(PRIVATE),
            "connect_timeout": "5s",
            "idle_timeout": "10m",
            "proxy_protocol": False,
        }
    ]
    assert found["health"]["allow"] == [*CHECKERS, *PRIVATE]
    assert [item["kernel"] for item in found["sockets"]] == ["tcp:00000000:1F90", "tcp:00000000:1F91"]


def test_what_is_said_counts() -> None:
    more = {"host": "db.example.com", "port": "5432", "weight": 3, "max_fails": 0, "fail_timeout": "1m", "backup": True}
    given = {**WEB, "address": "10.1.0.9", "protocol": "udp", "upstreams": [UPSTREAM, more], "allow": ["nobody"]}
    found = plan([given])
    assert found["problems"] == []
    (listener,) = found["listeners"]
    assert listener["upstreams"][1] == {**more, "port": 5432}
    assert listener["allow"] == []
    assert listener["idle_timeout"] == "1m"
    assert found["sockets"][0]["kernel"] == "udp:0900010A:1F90"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"prot": 1}, "unknown: prot; there are name, protocol,"),
        ({"name": "Web"}, "name: 'Web' will not do"),
        ({"name": "a b;"}, "name: 'a b;' will not do"),
        ({"port": None}, "port: it is needed"),
        ({"port": 0}, "port: 0 will not do; give a whole number from 1 to 65535"),
        ({"port": True}, "port: True will not do"),
        ({"protocol": "sctp"}, "protocol: 'sctp' is none of tcp, udp"),
        ({"address": "::"}, "address: '::' is no IPv4 address of this host"),
        ({"allow": []}, "allow: an empty list would let nobody connect. Leave it out for the default (10.0.0.0/8, "),
        ({"allow": "10.0.0.0/8"}, "allow: '10.0.0.0/8' is no list of ranges"),
        ({"allow": ["10.1.0.1/16"]}, "allow[0]: '10.1.0.1/16' has bits of the host set; write 10.1.0.0/16"),
        ({"allow": ["10.0.0.0/8", "nobody"]}, "allow[1]: 'nobody' is no range of IPv4"),
        ({"connect_timeout": "soon"}, "connect_timeout: 'soon' is no time"),
        ({"idle_timeout": "0"}, "idle_timeout: '0' is no time"),
        ({"proxy_protocol": "perhaps"}, "proxy_protocol: 'perhaps' is neither true nor false"),
        ({"proxy_protocol": True, "protocol": "udp"}, "proxy_protocol: it is of TCP only"),
        ({"upstreams": []}, "upstreams: at least one is needed"),
        ({"upstreams": [{**UPSTREAM, "wait": 1}]}, "upstreams[0].unknown: wait; there are host, port,"),
        ({"upstreams": ["10.2.0.1:80"]}, "upstreams[0].'10.2.0.1:80' is no mapping"),
        ({"upstreams": [{"host": "a;b", "port": 1}]}, "upstreams[0].host: 'a;b' is neither an IPv4 address nor a name"),
        ({"upstreams": [UPSTREAM, {**UPSTREAM}]}, "upstreams[1]: 10.2.0.1:80 is there twice"),
        ({"upstreams": [{**UPSTREAM, "backup": True}]}, "upstreams: all of them are backup"),
        ({"upstreams": [{"host": "127.0.0.1", "port": 8080}]}, "127.0.0.1:8080 is this listener itself"),
        ({"upstreams": [{"host": "10.1.0.9", "port": 8080}]}, "10.1.0.9:8080 is this listener itself"),
        (
            {"address": "10.9.9.9", "upstreams": [{"host": "10.9.9.9", "port": 8080}]},
            "upstreams[0]: 10.9.9.9:8080 is this listener itself; it would connect to itself without end",
        ),
    ],
)
def test_refusals(change: Json, said: str) -> None:
    found = plan([{**WEB, **change}], own_addresses=["10.1.0.9"])
    (problem,) = found["problems"]
    assert problem.startswith(f"tcp_proxy_listeners[0] ({change.get('name', 'web')}): ")
    assert said in problem


@pytest.mark.parametrize("given", [None, [], {}, "web"])
def test_no_listeners(given: t.Any) -> None:
    assert plan(given)["problems"] == ["tcp_proxy_listeners: at least one listener is needed"]


def test_all_at_once() -> None:
    twice = {**WEB, "address": "10.1.0.9"}
    udp = {**WEB, "name": "dns", "protocol": "udp"}
    found = plan([WEB, twice, udp, {**WEB, "name": "other", "port": -1}, 7], {"port": 8080, "kind": "ftp"})
    assert found["problems"] == [
        "tcp_proxy_listeners[3] (other): port: -1 will not do; give a whole number from 1 to 65535",
        "tcp_proxy_listeners[4]: 7 is no mapping; give one with name, protocol, address, port, upstreams, allow, "
        "connect_timeout, idle_timeout, proxy_protocol",
        "tcp_proxy_health: kind: 'ftp' is none of http, tcp",
        "tcp_proxy_listeners[1] (web): tcp port 8080 at 10.1.0.9 is taken by tcp_proxy_listeners[0] (web) at 0.0.0.0",
        "tcp_proxy_listeners[1] (web): name: 'web' is that of tcp_proxy_listeners[0] (web)",
    ]
    (problem,) = plan([WEB], {"port": 8080})["problems"]
    assert problem.startswith("tcp_proxy_health: tcp port 8080 at 0.0.0.0 is taken by tcp_proxy_listeners[0] (web)")


def test_an_upstream_of_the_same_port_elsewhere_is_no_loop() -> None:
    other = {**WEB, "address": "10.1.0.9", "upstreams": [{"host": "127.0.0.1", "port": 8080}]}
    assert plan([other], own_addresses=["10.1.0.9"])["problems"] == []


def test_sockets() -> None:
    everywhere, here = Socket("tcp", "0.0.0.0", 80), Socket("tcp", "10.1.0.9", 80)
    assert everywhere.meets(here)
    assert here.meets(everywhere)
    assert not here.meets(Socket("tcp", "10.1.0.8", 80))
    assert not here.meets(Socket("udp", "10.1.0.9", 80))
    assert everywhere.reached_by("localhost", [])
    assert not here.reached_by("localhost", [])
