# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""NetworkPolicy, endpoints and Services, resolved to addresses."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.podreach.gke.tests.lab.podreach_lab.kubernetes import policies, services
from ansible_collections.podreach.gke.tests.lab.podreach_lab.kubernetes.facts import (
    PodPolicy,
    PolicyPeer,
    PolicyRule,
    Port,
    Service,
    ServicePort,
)

Json = dict[str, t.Any]

NAMESPACES: list[Json] = [
    {"metadata": {"name": "default"}},
    {"metadata": {"name": "web", "labels": {"team": "a"}}},
    {"metadata": {"name": "db", "labels": {"team": "b"}}},
]


def pod(name: str, address: str, namespace: str = "default", ready: bool = True, **labels: str) -> Json:
    return {
        "metadata": {"namespace": namespace, "name": name, "uid": f"uid-{name}", "labels": labels},
        "spec": {
            "nodeName": "n1",
            "containers": [{"name": "c", "image": "app", "ports": [{"name": "http", "containerPort": 8080}]}],
        },
        "status": {
            "phase": "Running",
            "podIP": address,
            "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
        },
    }


A = pod("a", "10.4.0.1", app="a")
B = pod("b", "10.4.0.2", app="b")
WEB = pod("w", "10.4.0.3", "web", app="a")
DB = pod("d", "10.4.0.4", "db", app="d")
ALL = [A, B, WEB, DB]


def policy(name: str = "p", namespace: str = "default", **spec: t.Any) -> Json:
    return {"metadata": {"namespace": namespace, "name": name}, "spec": {"podSelector": {}, **spec}}


def resolve(*given: Json, pods: list[Json] | None = None) -> dict[str, PodPolicy]:
    found = policies.resolve(given, ALL if pods is None else pods, NAMESPACES)
    return {item.address: item for item in found}


def peers(*addresses: str) -> tuple[PolicyPeer, ...]:
    return tuple(PolicyPeer(f"{address}/32") for address in addresses)


def test_nobody_is_isolated_without_a_policy() -> None:
    assert resolve() == {}


def test_an_empty_policy_isolates_its_namespace_for_ingress() -> None:
    assert resolve(policy()) == {
        "10.4.0.1": PodPolicy("10.4.0.1", ()),
        "10.4.0.2": PodPolicy("10.4.0.2", ()),
    }


def test_types_default_to_ingress_and_to_egress_where_there_are_rules() -> None:
    anybody = (PolicyRule((), (), anybody=True),)
    only_a = {"matchLabels": {"app": "a"}}
    assert resolve(policy(podSelector=only_a, egress=[{}])) == {"10.4.0.1": PodPolicy("10.4.0.1", (), anybody)}
    assert resolve(policy(podSelector=only_a, egress=[])) == {"10.4.0.1": PodPolicy("10.4.0.1", ())}
    assert resolve(policy(podSelector=only_a, policyTypes=["Egress"])) == {"10.4.0.1": PodPolicy("10.4.0.1", None, ())}


def ingress(*sources: Json, ports: list[Json] | None = None) -> tuple[PolicyRule, ...] | None:
    rule: Json = {"from": list(sources)}
    if ports:
        rule["ports"] = ports
    return resolve(policy(podSelector={"matchLabels": {"app": "a"}}, ingress=[rule]))["10.4.0.1"].ingress


def test_peers() -> None:
    everything: Json = {}
    assert ingress({"podSelector": everything}) == (PolicyRule(peers("10.4.0.1", "10.4.0.2")),)
    assert ingress({"podSelector": {"matchLabels": {"app": "b"}}}) == (PolicyRule(peers("10.4.0.2")),)
    assert ingress({"namespaceSelector": {"matchLabels": {"team": "a"}}}) == (PolicyRule(peers("10.4.0.3")),)
    by_name = {"matchExpressions": [{"key": policies.NAMESPACE_LABEL, "operator": "In", "values": ["db", "web"]}]}
    assert ingress({"namespaceSelector": by_name}) == (PolicyRule(peers("10.4.0.3", "10.4.0.4")),)
    both = {"namespaceSelector": by_name, "podSelector": {"matchLabels": {"app": "a"}}}
    assert ingress(both) == (PolicyRule(peers("10.4.0.3")),)
    assert ingress({"namespaceSelector": everything, "podSelector": {"matchLabels": {"app": "none"}}}) == ()
    block = {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}}
    assert ingress(block, {"ipBlock": {"cidr": "fc00::/7"}}) == (
        PolicyRule((PolicyPeer("10.0.0.0/8", ("10.1.0.0/16",)),)),
    )


def test_a_host_network_pod_is_nobody() -> None:
    host = pod("h", "10.1.0.2", app="a")
    host["spec"]["hostNetwork"] = True
    assert list(resolve(policy(ingress=[{"from": [{"podSelector": {}}]}]), pods=[host, B])) == ["10.4.0.2"]
    assert resolve(policy(ingress=[{"from": [{"podSelector": {}}]}]), pods=[host, B])["10.4.0.2"].ingress == (
        PolicyRule(peers("10.4.0.2")),
    )


def test_ports() -> None:
    source = {"ipBlock": {"cidr": "10.1.0.0/24"}}
    block = (PolicyPeer("10.1.0.0/24"),)
    ports: list[Json] = [{"port": 80}, {"protocol": "UDP", "port": 53, "endPort": 60}, {"protocol": "SCTP"}]
    assert ingress(source, ports=ports) == (PolicyRule(block, (("tcp", 80, 80), ("udp", 53, 60), ("sctp", 1, 65535))),)
    assert ingress(source, ports=[{"port": "http"}]) == (PolicyRule(block, (("tcp", 8080, 8080),)),)
    assert ingress(source, ports=[{"port": "http", "protocol": "UDP"}]) == ()
    assert ingress(source, ports=[{"port": "other"}, {"port": 80}]) == (PolicyRule(block, (("tcp", 80, 80),)),)


def test_a_named_port_of_egress_is_the_destinations() -> None:
    other = pod("o", "10.4.0.9", app="o")
    other["spec"]["containers"][0]["ports"][0]["containerPort"] = 9090
    rule = {"to": [{"podSelector": {}}, {"ipBlock": {"cidr": "10.1.0.0/24"}}], "ports": [{"port": "http"}]}
    found = resolve(policy(policyTypes=["Egress"], egress=[rule]), pods=[A, other])["10.4.0.1"].egress
    assert found == (
        PolicyRule(peers("10.4.0.1"), (("tcp", 8080, 8080),)),
        PolicyRule(peers("10.4.0.9"), (("tcp", 9090, 9090),)),
    )


def test_policies_add_up() -> None:
    closed = policy("a")
    open_ = policy("b", podSelector={"matchLabels": {"app": "a"}}, ingress=[{}])
    found = resolve(open_, closed)
    assert found["10.4.0.1"].ingress == (PolicyRule((), (), anybody=True),)
    assert found["10.4.0.2"].ingress == ()


def test_where_policies_are_enforced() -> None:
    assert policies.enforced({"networkPolicy": {"enabled": True}})
    assert policies.enforced({"networkConfig": {"datapathProvider": "ADVANCED_DATAPATH"}})
    assert not policies.enforced({"networkConfig": {"datapathProvider": "LEGACY_DATAPATH"}})


# ---- services


def service(*ports: Json, **spec: t.Any) -> Json:
    return {
        "metadata": {"namespace": "default", "name": "s", "uid": "uid-s", "labels": {"l": "1"}},
        "spec": {"clusterIP": "10.5.0.9", "ports": list(ports), "selector": {"app": "a"}, **spec},
    }


def through(given: Json, pods: list[Json]) -> Service | None:
    sets = services.endpoints(given, pods)
    return services.service_facts(given, [services.slice_object(given, item, {"n1": "z"}) for item in sets])


def test_endpoints() -> None:
    waiting = pod("c", "10.4.0.8", ready=False, app="a")
    given = service({"name": "web", "port": 80, "targetPort": "http"})
    sets = services.endpoints(given, [waiting, *ALL])
    shown = services.endpoints_object(given, sets)["subsets"]
    assert [item["ip"] for item in shown[0]["addresses"]] == ["10.4.0.1"]
    assert [item["ip"] for item in shown[0]["notReadyAddresses"]] == ["10.4.0.8"]
    assert shown[0]["ports"] == [{"name": "web", "port": 8080, "protocol": "TCP"}]
    assert through(given, [waiting, *ALL]) == Service(
        "default", "s", "10.5.0.9", (ServicePort(Port("tcp", 80), (("10.4.0.1", 8080),)),)
    )


@pytest.mark.parametrize(
    ("port", "expected"),
    [
        ({"port": 80}, 80),
        ({"port": 80, "targetPort": 5000}, 5000),
        ({"port": 80, "targetPort": "5000"}, 5000),
        ({"port": 80, "targetPort": "http"}, 8080),
        ({"port": 80, "targetPort": "none"}, None),
    ],
)
def test_target_port(port: Json, expected: int | None) -> None:
    found = through(service(port), ALL)
    assert found is not None
    assert found.ports[0].endpoints == ((("10.4.0.1", expected),) if expected else ())


def test_publish_not_ready_addresses() -> None:
    waiting = pod("c", "10.4.0.8", ready=False, app="a")
    found = through(service({"port": 80}, publishNotReadyAddresses=True), [waiting])
    assert found is not None
    assert found.ports[0].endpoints == (("10.4.0.8", 80),)


def test_manual_endpoints() -> None:
    given = service({"port": 80}, selector=None)
    subset = {"addresses": [{"ip": "10.9.0.1"}], "notReadyAddresses": [{"ip": "10.9.0.2"}], "ports": [{"port": 81}]}
    slices = services.mirrored_slices(given, {"subsets": [subset]})
    found = services.service_facts(given, slices)
    assert found is not None
    assert found.ports[0].endpoints == (("10.9.0.1", 81),)


def test_no_cluster_address() -> None:
    assert through(service({"port": 80}, clusterIP="None"), ALL) is None
    assert through(service({"port": 80}, type="ExternalName"), ALL) is None


def test_internal() -> None:
    def internal(key: str, value: str, **spec: t.Any) -> bool:
        given = service(type="LoadBalancer", **spec)
        given["metadata"]["annotations"] = {key: value}
        return services.is_internal(given)

    new, old = services.TYPE_KEYS
    assert internal(new, "Internal")
    assert internal(old, "internal")
    assert not internal(new, "INTERNAL")
    assert not internal(new, "External")
    assert not internal("other", "Internal")
    assert internal("other", "x", loadBalancerClass="networking.gke.io/l4-regional-internal")
    assert not internal(new, "Internal", loadBalancerClass="networking.gke.io/l4-regional-external")


def test_listens() -> None:
    def ports(image: str, **container: t.Any) -> set[tuple[str, int]]:
        spec = {"spec": {"containers": [{"name": "c", "image": image, **container}]}}
        return {(port.protocol, port.number) for port in services.listens(spec)}

    assert ports("nginx:1.27") == {("tcp", 80)}
    assert ports("us-docker.pkg.dev/google-samples/containers/gke/hello-app:1.0") == {("tcp", 8080)}
    assert ports("gcr.io/p/hello-app", env=[{"name": "PORT", "value": "9000"}]) == {("tcp", 9000)}
    assert ports("own", ports=[{"containerPort": 53, "protocol": "UDP"}]) == {("udp", 53)}
    assert ports("own") == set()


def test_host_bits_mean_the_range_that_they_are_in() -> None:
    assert policies.canonical(" 10.0.1.7/16 ") == "10.0.0.0/16"
    assert policies.canonical("fd00::1/64") == "fd00::/64"
