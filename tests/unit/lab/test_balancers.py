# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal load balancers: whose Service it is, what is made of it, who of the nodes is well."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.podreach.gke.tests.lab.podreach_lab.compute import effective, health
from ansible_collections.podreach.gke.tests.lab.podreach_lab.dataplane import balancing, routing, view
from ansible_collections.podreach.gke.tests.lab.podreach_lab.dataplane.compile import compile_plan
from ansible_collections.podreach.gke.tests.lab.podreach_lab.kubernetes import balancer_resources, balancers
from ansible_collections.podreach.gke.tests.lab.podreach_lab.state import Resource
from ansible_collections.podreach.gke.tests.unit.lab.cloud import REGION, Cloud, Refused
from ansible_collections.podreach.gke.tests.unit.lab.test_addresses import behind
from ansible_collections.podreach.gke.tests.unit.lab.test_controllers import (
    Kube,
    balancer,
    compute,
    estate,
    service_of,
    workload,
)

Json = dict[str, t.Any]
SUBSETTING: Json = {"networkConfig": {"enableL4ilbSubsetting": True}}
TYPE = "networking.gke.io/load-balancer-type"
RULE, BACKEND, CHECK = "compute#forwardingRule", "compute#backendService", "compute#healthCheck"
GROUP, ENDPOINTS = "compute#instanceGroup", "compute#networkEndpointGroup"
MADE = (RULE, BACKEND, CHECK, GROUP, ENDPOINTS)


@pytest.fixture
def kube(cloud: Cloud) -> Kube:
    return estate(cloud)


@pytest.fixture
def subsetting(cloud: Cloud) -> Kube:
    return estate(cloud, **SUBSETTING)


def made(kube: Kube) -> dict[str, list[str]]:
    """Names of what there is, by kind."""
    return {kind: [item.name for item in compute(kube, kind)] for kind in MADE if compute(kube, kind)}


def firewalls(kube: Kube) -> set[str]:
    return {item.name for item in compute(kube, "compute#firewall") if item.name.startswith("k8s")}


def states(kube: Kube, at: int = 0) -> dict[str, bool]:
    """Health by node, of one backend service."""
    found = balancing.balancers_of(kube.cloud.lab.state)[at]
    judge = health.Health(kube.cloud.lab.state)
    service = compute(kube, BACKEND)[at]
    return {item.instance.name: item.healthy for item in judge.backends(service, found.network, found.address)}


def nodes(kube: Kube) -> list[Resource]:
    return sorted(compute(kube, "compute#instance"), key=lambda item: item.name)


def pod_on(kube: Kube, node: str, name: str, app: str = "web") -> None:
    container = {"name": "c", "image": "app", "ports": [{"containerPort": 5000}]}
    spec = {"nodeName": node, "containers": [container]}
    kube.create("pods", name, metadata={"labels": {"app": app}}, spec=spec)


def conforms(kube: Kube) -> None:
    """All that was made is as Google's document has it."""
    discovery = kube.cloud.lab.discovery
    for kind in MADE:
        for item in compute(kube, kind):
            found = discovery.find("compute", "GET", item.path)
            assert found is not None
            discovery.response(found[0], item.body)


# ---- whose it is


@pytest.mark.parametrize(
    ("annotations", "version", "finalizer"),
    [
        ({TYPE: "Internal"}, 1, 1),
        ({TYPE: "internal"}, 1, 1),
        ({"cloud.google.com/load-balancer-type": "Internal"}, 1, 1),
        ({"cloud.google.com/load-balancer-type": "internal"}, 2, 2),
        ({TYPE: "External", "cloud.google.com/load-balancer-type": "Internal"}, 1, 0),
        ({TYPE: "Internal", "cloud.google.com/load-balancer-type": "External"}, 2, 2),
    ],
)
def test_annotations(cloud: Cloud, annotations: Json, version: int, finalizer: int) -> None:
    kube = estate(cloud, **(SUBSETTING if version == 2 else {}))
    spec = {"type": "LoadBalancer", "selector": {"app": "web"}, "ports": [{"port": 80}]}
    kube.create("services", "web", metadata={"annotations": annotations}, spec=spec)
    have = kube.store.get("services", "default", "web")["metadata"].get("finalizers", [])
    assert [item for item in have if "l4-ilb" in item] == ([balancers.FINALIZERS[finalizer]] if finalizer else [])
    assert bool(service_of(kube).load_balancer) is bool(finalizer)


@pytest.mark.parametrize(
    ("name", "subset", "version"),
    [
        ("l4-regional-internal", True, 2),
        ("l4-regional-internal", False, 0),
        ("l4-regional-internal-legacy", False, 1),
        ("l4-regional-internal-legacy", True, 1),
        ("example", True, 0),
    ],
)
def test_classes(cloud: Cloud, name: str, subset: bool, version: int) -> None:
    kube = estate(cloud, **(SUBSETTING if subset else {}))
    name = f"networking.gke.io/{name}" if name.startswith("l4") else "example.com/mine"
    spec = {"type": "LoadBalancer", "loadBalancerClass": name, "ports": [{"port": 80}]}
    kube.create("services", "web", spec=spec)
    have = kube.store.get("services", "default", "web")["metadata"].get("finalizers", [])
    assert have == ([balancers.FINALIZERS[version]] if version else [])
    assert not kube.events("SyncLoadBalancerFailed")


def test_a_service_stays_with_its_controller(cloud: Cloud) -> None:
    kube = estate(cloud)
    balancer(kube, "old")
    cluster = cloud.lab.state.get(kube.path)
    assert cluster is not None
    cluster.body["networkConfig"]["enableL4ilbSubsetting"] = True
    cloud.lab.state.changed(cluster)
    kube.settle()
    balancer(kube, "new")
    assert len(made(kube)[GROUP]) == len(made(kube)[ENDPOINTS]) == 1
    kube.change("services", "old", lambda new: new["spec"].update(sessionAffinity="ClientIP"))
    assert {item.body["sessionAffinity"] for item in compute(kube, BACKEND)} == {"CLIENT_IP", "NONE"}
    assert len(made(kube)[GROUP]) == 1
    for name in ("old", "new"):
        kube.delete("services", name)
    assert made(kube) == {}
    assert firewalls(kube) == set()


def test_subsetting_by_version() -> None:
    assert balancers.has_subsetting({"currentMasterVersion": "1.36.0-gke.1"})
    assert not balancers.has_subsetting({"currentMasterVersion": "1.35.3-gke.1041000"})


# ---- what is made


def test_what_the_service_controller_makes(kube: Kube) -> None:
    service = balancer(kube)
    conforms(kube)
    name = "a" + service["metadata"]["uid"].replace("-", "")[:31]
    assert made(kube)[RULE] == made(kube)[BACKEND] == [name]
    [check], [group] = compute(kube, CHECK), compute(kube, GROUP)
    assert (check.body["httpHealthCheck"]["port"], check.body["unhealthyThreshold"]) == (10256, 3)
    assert group.hidden["members"] == [item.path for item in nodes(kube)]
    assert firewalls(kube) == {f"k8s-fw-{name}", f"{check.name}-hc"}
    kube.cloud.compute("PATCH", f"global/healthChecks/{check.name}", {"checkIntervalSec": 20, "healthyThreshold": 5})
    balancer(kube, "other")
    assert (check.body["checkIntervalSec"], check.body["healthyThreshold"]) == (20, 5)
    assert len(made(kube)[BACKEND]) == 2
    assert len(made(kube)[CHECK]) == len(made(kube)[GROUP]) == 1
    kube.delete("services", "web")
    assert len(made(kube)[CHECK]) == len(made(kube)[GROUP]) == 1
    kube.delete("services", "other")
    assert made(kube) == {}


def test_what_the_l4_controller_makes(subsetting: Kube) -> None:
    kube = subsetting
    balancer(kube)
    conforms(kube)
    service = kube.store.get("services", "default", "web")
    told = service["metadata"]["annotations"]
    [backend] = made(kube)[BACKEND]
    assert backend.startswith("k8s2-")
    assert backend.split("-")[2:4] == ["default", "web"]
    assert told["service.kubernetes.io/backend-service"] == backend == made(kube)[ENDPOINTS][0]
    assert told["service.kubernetes.io/tcp-forwarding-rule"] == made(kube)[RULE][0] == f"k8s2-tcp-{backend[5:]}"
    assert firewalls(kube) == {backend, told["service.kubernetes.io/firewall-rule-for-hc"]}
    assert kube.events("SyncLoadBalancerSuccessful") == ["Successfully ensured load balancer resources"]
    ports = [{"name": "a", "port": 80, "protocol": "UDP"}]
    kube.change("services", "web", lambda new: new["spec"].update(ports=ports))
    assert made(kube)[RULE] == [f"k8s2-udp-{backend[5:]}"]
    assert kube.store.get("services", "default", "web")["metadata"]["annotations"].keys() >= {
        "service.kubernetes.io/udp-forwarding-rule"
    }
    kube.change("services", "web", lambda new: new["metadata"]["annotations"].pop(TYPE))
    assert kube.events("Type") == ["Type : LoadBalancer, LBType : Internal -> Type : LoadBalancer, LBType : "]
    assert made(kube) == {}
    after = kube.store.get("services", "default", "web")["metadata"]
    assert not [key for key in after.get("annotations", {}) if key.startswith("service.kubernetes.io/")]
    assert "finalizers" not in after


def test_long_names_are_cut() -> None:
    assert balancer_resources.trimmed(39, "default", "web") == "default-web"
    cut = balancer_resources.trimmed(39, "n" * 60, "s" * 20)
    assert len(cut) <= 40
    assert cut.startswith("nn")
    assert cut.endswith("s")


def test_groups_follow_the_nodes(kube: Kube) -> None:
    balancer(kube)
    first, _second = nodes(kube)
    kube.cloud.lab.state.remove(first.path)
    kube.settle()
    [group] = compute(kube, GROUP)
    assert group.hidden["members"] == [item.path for item in nodes(kube)]
    kube.store.change(
        "nodes",
        "",
        nodes(kube)[0].name,
        lambda new: new["metadata"]["labels"].update({balancers.EXCLUDED: ""}),
    )
    kube.settle()
    assert made(kube).get(GROUP) is None


def test_only_some_nodes_of_many() -> None:
    service: Json = {"metadata": {"uid": "u"}, "spec": {}}
    many = [f"n{at}" for at in range(40)]
    chosen = balancer_resources.subset(service, many)
    assert len(chosen) == 25
    assert chosen == balancer_resources.subset(service, many[::-1])


def test_several_services_on_one_address(subsetting: Kube) -> None:
    kube = subsetting
    body = {
        "name": "vip",
        "addressType": "INTERNAL",
        "purpose": "SHARED_LOADBALANCER_VIP",
        "subnetwork": f"regions/{REGION}/subnetworks/s1",
        "address": "10.1.0.60",
    }
    kube.cloud.compute("POST", f"regions/{REGION}/addresses", body)
    named = {"networking.gke.io/load-balancer-ip-addresses": "vip"}
    balancer(kube, "web", named)
    balancer(kube, "other", named, ports=[{"port": 443}])
    assert {service_of(kube, name).load_balancer for name in ("web", "other")} == {"10.1.0.60"}
    balancer(kube, "third", named)
    assert service_of(kube, "third").load_balancer == ""
    assert "would result in a conflict" in kube.events("SyncLoadBalancerFailed")[0]
    kube.delete("services", "web")
    assert service_of(kube, "third").load_balancer == "10.1.0.60"
    assert len(kube.cloud.compute("GET", f"regions/{REGION}/addresses/vip")["users"]) == 2


# ---- who is well


def test_health(kube: Kube) -> None:
    balancer(kube)
    state = kube.cloud.lab.state
    first, second = nodes(kube)
    assert states(kube) == {first.name: True, second.name: True}
    first.hidden["dead"] = True
    state.changed_phase(first)
    assert states(kube) == {first.name: False, second.name: True}
    [found] = balancing.balancers_of(state)
    assert (found.active, len(found.backends)) == ((second.path,), 2)
    for item in compute(kube, "compute#firewall"):
        if item.name.endswith("-node-hc"):
            state.remove(item.path)
    assert states(kube) == {first.name: False, second.name: False}
    [found] = balancing.balancers_of(state)
    assert len(found.active) == 2  # the last resort


@pytest.mark.parametrize("subset", [False, True])
def test_health_by_the_policy_local(cloud: Cloud, subset: bool) -> None:
    kube = estate(cloud, **(SUBSETTING if subset else {}))
    first, second = nodes(kube)
    service = balancer(kube, externalTrafficPolicy="Local")
    port = service["spec"]["healthCheckNodePort"]
    assert 30000 <= port < 32768
    assert compute(kube, CHECK)[0].body["httpHealthCheck"]["port"] == port
    pod_on(kube, second.name, "p")
    assert states(kube) == ({} if subset else {first.name: False}) | {second.name: True}
    [found] = balancing.balancers_of(kube.cloud.lab.state)
    assert found.active == (second.path,)
    kube.change("services", "web", lambda new: new["spec"].update(externalTrafficPolicy="Cluster"))
    assert set(states(kube).values()) == {True}
    assert compute(kube, CHECK)[0].body["httpHealthCheck"]["port"] == 10256
    assert "healthCheckNodePort" not in kube.store.get("services", "default", "web")["spec"]


def test_a_silent_node(slow: Cloud) -> None:
    kube = estate(slow)
    kube.create("deployments.apps", "web", spec=workload("web", replicas=2))
    balancer(kube, ports=[{"port": 80, "targetPort": 80}])
    state = kube.cloud.lab.state
    first, second = nodes(kube)
    count = len(service_of(kube).ports[0].endpoints)
    first.hidden["dead"] = True
    state.changed_phase(first)
    kube.wait(39)
    assert len(service_of(kube).ports[0].endpoints) == count == 2
    kube.wait(1)
    assert len(service_of(kube).ports[0].endpoints) == 1
    assert kube.events("NodeNotReady")
    ready = {
        item["metadata"]["name"]: item["status"]["conditions"][-1]["status"] for item in kube.store.stored("nodes")
    }
    assert ready == {first.name: "Unknown", second.name: "True"}
    del first.hidden["dead"]
    state.changed_phase(first)
    kube.settle()
    assert len(service_of(kube).ports[0].endpoints) == 2
    first.hidden["dead"] = True
    state.changed_phase(first)
    kube.wait(30)
    del first.hidden["dead"]
    state.changed_phase(first)
    kube.wait(30)
    assert len(service_of(kube).ports[0].endpoints) == 2


def rule(action: str, source: str, **fields: t.Any) -> effective.FilterRule:
    what = (effective.Layer4("tcp", ((10256, 10256),)),)
    return effective.FilterRule("r", "INGRESS", 1000, action, what, (source,), **fields)


@pytest.mark.parametrize(
    ("rules", "admitted"),
    [
        ([rule("allow", "130.211.0.0/22")], True),
        ([rule("allow", "0.0.0.0/0")], True),
        ([rule("allow", "130.211.0.0/23")], False),
        ([rule("deny", "130.211.3.0/24"), rule("allow", "0.0.0.0/0")], False),
        ([rule("allow", "0.0.0.0/0", dest_ranges=("10.1.0.9/32",))], False),
        ([rule("goto_next", "0.0.0.0/0"), rule("allow", "0.0.0.0/0")], False),
        ([], False),
    ],
)
def test_admitted_checks(rules: list[effective.FilterRule], admitted: bool) -> None:
    layers = [effective.Layer("vpc", "", rules), effective.Layer("implied", "", effective.IMPLIED_RULES)]
    assert health.admits(layers, "130.211.0.0/22", "10.1.0.5", 10256) is admitted


def test_failover() -> None:
    item = Resource("compute#instance", "projects/p/zones/z/instances/i", {})
    well, ill = health.Backend(item, "g", healthy=True), health.Backend(item, "g", healthy=False)
    spare, ill_spare = health.Backend(item, "s", True, True), health.Backend(item, "s", False, True)

    def active(*backends: health.Backend, **policy: t.Any) -> list[health.Backend]:
        return health.active(Resource(BACKEND, "b", {"failoverPolicy": policy}), backends)

    assert active(well, ill, spare) == [well]
    assert active(ill, spare) == [spare]
    assert active(ill, ill_spare) == [ill]
    assert active(ill, ill_spare, dropTrafficIfUnhealthy=True) == []
    assert active(well, ill, spare, failoverRatio=0.6) == [spare]
    assert active() == []


# ---- packets


def test_ports_that_no_rule_forwards(kube: Kube) -> None:
    balancer(kube)
    compiled = compile_plan(kube.cloud.lab.state, {kube.path: kube.facts})
    told = {drop.detail for drop in compiled.drops.values() if drop.reason == "not-forwarded"}
    address = service_of(kube).load_balancer
    assert told == {f"the load balancer {address} forwards tcp 80 only"}


@pytest.mark.parametrize(("everywhere", "home"), [(False, False), (True, False), (False, True)])
def test_from_tunnels_of_a_region(everywhere: bool, home: bool) -> None:
    """What comes out of a Cloud Router's tunnels is like a machine of the router's region."""
    region = REGION if home else "us-central1"
    path = "projects/p/global/networks/n"
    network = view.Network(path, 1460, (view.Range("10.1.0.0/24"),), ())
    card = view.Card(0, path, REGION, "10.1.0.2", (), "mcard")
    node = view.Machine("node", f"{REGION}-a", (card,), frozenset(), frozenset(), forwards=False, runs=True)
    found = balancing.Balancer("10.1.0.50", path, REGION, everywhere, "tcp", (80,), ("node",), ("node",))
    beyond = routing.Beyond(routers={f"projects/p/regions/{region}/routers/r": region})
    built = routing.Router(network, [(node, card)], [], [found], [], beyond).build()
    where = (routing.table_number("subnets", region), "10.1.0.50/32")
    if everywhere or home:
        assert built.by_range[where].hops == (("mcard", 1),)
    else:
        assert built.why[where][0] == "other-region"


# ---- by hand


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"loadBalancingScheme": "EXTERNAL"}, 501),
        ({"protocol": "HTTP"}, 400),
        ({"healthChecks": []}, 400),
        ({"healthChecks": ["global/healthChecks/none"]}, 400),
        ({"backends": [{"group": "zones/asia-northeast1-a/instanceGroups/none"}]}, 400),
        ({"nonsense": 1}, 400),
    ],
)
def test_bad_backend_services(cloud: Cloud, fields: Json, code: int) -> None:
    cloud.estate()
    with pytest.raises(Refused) as refused:
        behind(cloud, **fields)
    assert refused.value.code == code


@pytest.mark.parametrize(
    "fields",
    [
        {"type": "HTTP", "tcpHealthCheck": {"port": 1}},
        {"type": "TCP", "timeoutSec": 9, "checkIntervalSec": 5},
        {"name": None},
    ],
)
def test_bad_health_checks(cloud: Cloud, fields: Json) -> None:
    with pytest.raises(Refused) as refused:
        cloud.compute("POST", "global/healthChecks", {"name": "h", **fields})
    assert refused.value.code == 400


def test_changing_a_backend_service(cloud: Cloud) -> None:
    cloud.estate()
    service = behind(cloud)
    path = f"regions/{REGION}/backendServices/b"
    with pytest.raises(Refused, match="fingerprint"):
        cloud.compute("PATCH", path, {"timeoutSec": 7, "fingerprint": "AAAAAAAAAAA="})
    cloud.compute("PATCH", path, {"timeoutSec": 7, "fingerprint": service["fingerprint"]})
    assert cloud.compute("GET", path)["timeoutSec"] == 7
    with pytest.raises(Refused, match="immutable"):
        cloud.compute("PATCH", path, {"loadBalancingScheme": "EXTERNAL"})
    cloud.compute("PUT", path, {"name": "b", "healthChecks": service["healthChecks"]})
    assert cloud.compute("GET", path)["timeoutSec"] == 30
    with pytest.raises(Refused, match="no such backend"):
        cloud.compute("POST", f"{path}/getHealth", {"group": "zones/asia-northeast1-a/instanceGroups/none"})
