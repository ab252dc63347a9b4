# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Groups of machines, health checks, backend services and forwarding rules over a scripted wire: what is sent, how
changes are graded, and what is said of a group that does not come to rest."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.podreach.gke.plugins.module_utils.gcp import (
    backend_services,
    forwarding_rules,
    health_checks,
    instance_group_managers,
)
from ansible_collections.podreach.gke.plugins.module_utils.gcp.task import definition
from ansible_collections.podreach.gke.plugins.module_utils.gcp.transport import Answer
from ansible_collections.podreach.gke.tests.unit.plugins.module_utils.gcp.wire import (
    COMPUTE,
    Expected,
    Wire,
    absent,
    google_error,
    operation,
)

Json = dict[str, t.Any]
GROUP = definition(instance_group_managers.InstanceGroupManager, instance_group_managers.SPEC)
CHECK = definition(health_checks.HealthCheck, health_checks.SPEC)
SERVICE = definition(backend_services.BackendService, backend_services.SPEC)
RULE = definition(forwarding_rules.ForwardingRule, forwarding_rules.SPEC)

URL = "https://www.googleapis.com/compute/v1/"
HERE = "projects/p/regions/r1"
GLOBAL = "projects/p/global"
MANAGER = f"{HERE}/instanceGroupManagers/g"
STABLE = {"isStable": True}
NAMED: Json = {"name": "g", "region": "r1"}


def group(**more: t.Any) -> Json:
    """A group of two at rest, ours."""
    return {
        "name": "g",
        "description": "[podreach.gke]",
        "fingerprint": "f",
        "instanceTemplate": f"{URL}{GLOBAL}/instanceTemplates/t1",
        "targetSize": 2,
        "updatePolicy": {"type": "OPPORTUNISTIC"},
        "status": STABLE,
        **more,
    }


def read(path: str, reply: Json) -> Expected:
    return Expected("GET", path, reply)


def sent(method: str, path: str, body: Json | None = None, **more: t.Any) -> Expected:
    return Expected(method, path, operation(), body=body, **more)


# ---- groups of machines


def test_a_template_that_the_group_rolls_out_by_itself_is_disruptive() -> None:
    now, then = (
        group(instanceTemplate=f"{GLOBAL}/instanceTemplates/{name}", updatePolicy={"type": "PROACTIVE"})
        for name in ("t1", "t2")
    )
    template = read(f"{GLOBAL}/instanceTemplates/t2", {"name": "t2"})
    error = Wire(read(MANAGER, now), template).fails(GROUP, {**NAMED, "instance_template": "t2"})
    assert error.code == "disruption-not-allowed"
    warnings: list[str] = []
    result = Wire(
        read(MANAGER, now),
        template,
        sent("POST", f"{MANAGER}/setInstanceTemplate", {"instanceTemplate": f"{GLOBAL}/instanceTemplates/t2"}),
        read(MANAGER, then),
    ).run(GROUP, {**NAMED, "instance_template": "t2", "allow_disruption": True}, warnings=warnings)
    assert [step["grade"] for step in result["plan"]] == ["disruptive"]
    assert warnings == []


def test_a_template_is_found_in_its_place() -> None:
    """A regional template is another one than the global one of the same name."""
    regional = f"{HERE}/instanceTemplates/t1"
    result = Wire(
        read(MANAGER, group()),
        read(regional, {"name": "t1"}),
        sent("POST", f"{MANAGER}/setInstanceTemplate", {"instanceTemplate": regional}),
        read(MANAGER, group(instanceTemplate=URL + regional)),
    ).run(GROUP, {**NAMED, "instance_template": "regions/r1/instanceTemplates/t1"})
    assert result["changed"]


def test_a_group_in_the_middle_of_an_update_keeps_its_versions() -> None:
    versions = [{"instanceTemplate": f"{GLOBAL}/instanceTemplates/{name}"} for name in ("t1", "t2")]
    now = read(MANAGER, group(versions=versions))
    assert Wire(now).fails(GROUP, {**NAMED, "instance_template": "t1"}).code == "several-versions"
    assert not Wire(now).run(GROUP, {**NAMED, "target_size": 2})["changed"]


def test_an_autoscaler_has_the_last_word_about_the_size() -> None:
    now = group(targetSize=5, status={**STABLE, "autoscaler": f"{URL}{HERE}/autoscalers/a"})
    assert not Wire(read(MANAGER, now)).run(GROUP, {**NAMED, "target_size": 2})["changed"]


def test_resized_by_a_call_with_a_query() -> None:
    result = Wire(
        read(MANAGER, group()),
        sent("POST", f"{MANAGER}/resize", query={"size": "3"}),
        read(MANAGER, group(targetSize=3)),
    ).run(GROUP, {**NAMED, "target_size": 3})
    assert result["plan"] == [
        {
            "action": "update",
            "summary": "resize instance_group_manager g from 2 to 3",
            "grade": "safe",
            "fields": ["targetSize"],
        }
    ]


def test_another_delay_keeps_the_health_check() -> None:
    policy = {"healthCheck": f"{URL}{GLOBAL}/healthChecks/h", "initialDelaySec": 60}
    patch = {"fingerprint": "f", "autoHealingPolicies": [{**policy, "initialDelaySec": 90}]}
    result = Wire(
        read(MANAGER, group(autoHealingPolicies=[policy])),
        read(f"{GLOBAL}/healthChecks/h", {"name": "h"}),
        sent("PATCH", MANAGER, patch),
        read(MANAGER, group(autoHealingPolicies=patch["autoHealingPolicies"])),
    ).run(GROUP, {**NAMED, "auto_healing_policies": [{"initial_delay_sec": 90}]})
    assert [step["grade"] for step in result["plan"]] == ["safe"]


def test_an_empty_list_ends_the_healing() -> None:
    policy = {"healthCheck": f"{URL}{GLOBAL}/healthChecks/h"}
    result = Wire(
        read(MANAGER, group(autoHealingPolicies=[policy])),
        sent("PATCH", MANAGER, {"fingerprint": "f", "autoHealingPolicies": []}),
        read(MANAGER, group()),
    ).run(GROUP, {**NAMED, "auto_healing_policies": []})
    assert [step["grade"] for step in result["plan"]] == ["safe"]
    assert not Wire(read(MANAGER, group())).run(GROUP, {**NAMED, "auto_healing_policies": []})["changed"]


def restless(**actions: int) -> Json:
    return group(status={"isStable": False}, currentActions={"none": 1, **actions})


def test_waits_until_the_group_has_come_to_rest() -> None:
    wire = Wire(read(MANAGER, restless(creating=1)), read(MANAGER, restless(verifying=1)), read(MANAGER, group()))
    result = wire.run(GROUP, NAMED)
    assert result["resource"]["status"] == STABLE
    assert not result["changed"]
    assert len(wire.sleeps) == 1


@pytest.mark.parametrize("more", [{"wait_stable": 0}, {"wait": False}])
def test_need_not_wait(more: Json) -> None:
    result = Wire(read(MANAGER, restless(creating=1))).run(GROUP, {**NAMED, **more})
    assert result["resource"]["status"] == {"isStable": False}


class Stuck(Wire):
    """A group that does not come to rest, however often it is asked."""

    def __init__(self, group: Json, *errors: Json) -> None:
        super().__init__()
        self.answers = {MANAGER: group, f"{MANAGER}/listErrors": {"items": list(errors)}}

    def __call__(self, method: str, url: str, body: Json | None) -> Answer:
        assert method == "GET"
        return Answer(200, {}, self.answers[url.removeprefix(COMPUTE).split("?")[0]])


def test_says_what_the_group_says_the_latest_first_and_each_once() -> None:
    errors = [
        {"timestamp": f"2026-11-23T10:00:0{at}Z", "error": {"code": code, "message": "No room.\nTry later."}}
        for at, code in enumerate(["OLD", "D", "C", "B", "B"])
    ]
    wire = Stuck(restless(creating=1), *errors)
    error = wire.fails(GROUP, {**NAMED, "wait_stable": 30})
    assert error.code == "group-not-stable"
    assert "after 30 s (wait_stable) it is not stable: creating 1." in str(error)
    assert str(error).endswith("".join(f" It says {code}: No room. Try later." for code in "BCD"))
    assert 30 <= wire.time < 31


def test_tells_whom_the_firewall_must_admit() -> None:
    error = Stuck(restless(verifying=1)).fails(GROUP, {**NAMED, "wait_stable": 5})
    assert "35.191.0.0/16 and 130.211.0.0/22" in str(error)
    assert "It says" not in str(error)


# ---- health checks

PROBE = f"{HERE}/healthChecks/h"
ASKED: Json = {"name": "h", "region": "r1"}


def check(**more: t.Any) -> Json:
    return {"name": "h", "description": "[podreach.gke]", "type": "TCP", "tcpHealthCheck": {"port": 80}, **more}


@pytest.mark.parametrize(
    "options, patch, grade",
    [
        ({"healthy_threshold": 1}, {"healthyThreshold": 1}, "safe"),
        ({"unhealthy_threshold": 3, "timeout_sec": 5}, {"unhealthyThreshold": 3}, "safe"),
        ({"unhealthy_threshold": 1}, {"unhealthyThreshold": 1}, "disruptive"),
        ({"timeout_sec": 4}, {"timeoutSec": 4}, "disruptive"),
        ({"check_interval_sec": 9, "timeout_sec": 9}, {"checkIntervalSec": 9, "timeoutSec": 9}, "safe"),
        ({"tcp_health_check": {"port": 81}}, {"tcpHealthCheck": {"port": 81}}, "disruptive"),
        ({"description": "x"}, {"description": "x [podreach.gke]"}, "safe"),
    ],
)
def test_a_check_that_gives_up_sooner_is_disruptive(options: Json, patch: Json, grade: str) -> None:
    result = Wire(
        read(PROBE, check()),
        sent("PATCH", PROBE, patch),
        read(PROBE, check(**patch)),
    ).run(CHECK, {**ASKED, **options, "allow_disruption": True})
    assert [step["grade"] for step in result["plan"]] == [grade]


@pytest.mark.parametrize(
    "options, body",
    [
        ({"type": "TCP"}, {"type": "TCP", "tcpHealthCheck": {"port": 80}}),
        (
            {"http_health_check": {"request_path": "/x"}},
            {"type": "HTTP", "httpHealthCheck": {"port": 80, "requestPath": "/x"}},
        ),
    ],
)
@pytest.mark.parametrize("region", ["r1", None])
def test_a_check_is_made_with_the_block_of_its_type(options: Json, body: Json, region: str | None) -> None:
    where = f"{HERE if region else GLOBAL}/healthChecks"
    body = {"name": "h", **body, "description": "[podreach.gke]"}
    Wire(
        absent(f"{where}/h"),
        sent("POST", where, body),
        read(f"{where}/h", body),
    ).run(CHECK, {"name": "h", "region": region, **options})


# ---- backend services

BACKENDS = f"{HERE}/backendServices/b"
OURS: Json = {"name": "b", "region": "r1"}


def service(*groups: str, **more: t.Any) -> Json:
    """Ours, with these groups of the region, as the API shows it."""
    return {
        "name": "b",
        "description": "[podreach.gke]",
        "fingerprint": "f",
        "loadBalancingScheme": "INTERNAL",
        "protocol": "TCP",
        "healthChecks": [f"{URL}{HERE}/healthChecks/h"],
        "backends": [
            {"group": f"{URL}{HERE}/instanceGroups/{name}", "balancingMode": "CONNECTION", "maxConnections": 7}
            for name in groups
        ],
        **more,
    }


def test_a_group_more_keeps_the_others_as_they_are() -> None:
    more = {"group": f"{URL}projects/p/zones/r1-a/instanceGroups/z", "balancingMode": "CONNECTION"}
    backends = [*service("a")["backends"], more]
    result = Wire(
        read(BACKENDS, service("a")),
        read("projects/p/zones/r1-a/instanceGroups/z", {"name": "z"}),
        sent("PATCH", BACKENDS, {"fingerprint": "f", "backends": backends}),
        read(BACKENDS, service(backends=backends)),
    ).run(SERVICE, {**OURS, "backends": [{"group": "zones/r1-a/instanceGroupManagers/z"}]})
    assert [step["grade"] for step in result["plan"]] == ["safe"]


def test_a_group_that_somebody_else_adds_meanwhile_stays() -> None:
    added = service("a", "c")["backends"][1]
    del added["maxConnections"]
    known = read(f"{HERE}/instanceGroups/c", {"name": "c"})
    after = [*service("a", "b")["backends"], added]
    stale = google_error(412, "conditionNotMet", "Invalid fingerprint.")
    Wire(
        read(BACKENDS, service("a")),
        known,
        Expected("PATCH", BACKENDS, stale, status=412, body={"fingerprint": "f", "backends": [after[0], added]}),
        read(BACKENDS, service("a", "b", fingerprint="f2")),
        known,
        sent("PATCH", BACKENDS, {"fingerprint": "f2", "backends": after}),
        read(BACKENDS, service(backends=after)),
    ).run(SERVICE, {**OURS, "backends": [{"group": "c"}]})


@pytest.mark.parametrize(
    "options",
    [
        {"backends": [{"group": "a"}]},
        {"backends": [{"group": f"{URL}{HERE}/instanceGroupManagers/a", "failover": False}]},
        {"backends": []},
        {"health_checks": ["h"]},
        {"health_checks": [f"https://compute.googleapis.com/compute/v1/{HERE}/healthChecks/h"]},
        {"session_affinity": "NONE", "connection_draining": {"draining_timeout_sec": 0}},
    ],
)
def test_what_means_the_same_is_no_change(options: Json) -> None:
    assert not Wire(read(BACKENDS, service("a", "b"))).run(SERVICE, {**OURS, **options})["changed"]


def test_a_global_check_is_another_one_than_the_regional_of_its_name() -> None:
    found = read(f"{GLOBAL}/healthChecks/h", {"name": "h"})
    params = {**OURS, "health_checks": ["global/healthChecks/h"]}
    assert Wire(read(BACKENDS, service()), found).fails(SERVICE, params).code == "disruption-not-allowed"


def test_fewer_groups_only_when_both_words_are_said() -> None:
    left = service("a")
    Wire(
        read(BACKENDS, service("a", "b")),
        sent("PATCH", BACKENDS, {"fingerprint": "f", "backends": left["backends"]}),
        read(BACKENDS, left),
    ).run(SERVICE, {**OURS, "backends": [{"group": "a"}], "purge_backends": True, "allow_disruption": True})


def test_a_service_of_another_kind_of_load_balancer_is_left_alone() -> None:
    now = read(BACKENDS, service(loadBalancingScheme="EXTERNAL_MANAGED", description="theirs"))
    assert '"EXTERNAL_MANAGED" and cannot become "INTERNAL"' in str(Wire(now).fails(SERVICE, OURS))


# ---- forwarding rules

FORWARDING = f"{HERE}/forwardingRules/f"
ADDRESS = f"{HERE}/addresses/a"
RULED: Json = {"name": "f", "region": "r1"}


def rule(**more: t.Any) -> Json:
    return {
        "name": "f",
        "description": "[podreach.gke]",
        "fingerprint": "f",
        "loadBalancingScheme": "INTERNAL",
        "IPAddress": "10.1.0.77",
        "IPProtocol": "TCP",
        "ports": ["80"],
        "backendService": f"{URL}{BACKENDS}",
        "subnetwork": f"{URL}{HERE}/subnetworks/s",
        **more,
    }


@pytest.mark.parametrize("given", ["a", "regions/r1/addresses/a", f"{URL}{ADDRESS}"])
def test_a_reserved_address_is_known_by_its_number(given: str) -> None:
    address = read(ADDRESS, {"name": "a", "address": "10.1.0.77"})
    assert not Wire(read(FORWARDING, rule()), address).run(RULE, {**RULED, "ip_address": given})["changed"]
    other = read(ADDRESS, {"name": "a", "address": "10.1.0.78"})
    error = Wire(read(FORWARDING, rule()), other).fails(RULE, {**RULED, "ip_address": given})
    assert '"10.1.0.77" and cannot become "10.1.0.78"' in str(error)


def test_closed_to_other_regions_only_when_allowed() -> None:
    now, then = rule(allowGlobalAccess=True), rule()
    params = {**RULED, "allow_global_access": False}
    assert Wire(read(FORWARDING, now)).fails(RULE, params).code == "disruption-not-allowed"
    Wire(
        read(FORWARDING, now),
        sent("PATCH", FORWARDING, {"fingerprint": "f", "allowGlobalAccess": False}),
        read(FORWARDING, then),
    ).run(RULE, {**params, "allow_disruption": True})
    assert not Wire(read(FORWARDING, then)).run(RULE, params)["changed"]


def test_made_with_full_paths() -> None:
    body = {
        "name": "f",
        "description": "[podreach.gke]",
        "loadBalancingScheme": "INTERNAL",
        "IPAddress": ADDRESS,
        "IPProtocol": "TCP",
        "allPorts": True,
        "backendService": BACKENDS,
        "subnetwork": "projects/host/regions/r1/subnetworks/s",
    }
    Wire(
        absent(FORWARDING),
        read(BACKENDS, service()),
        read(ADDRESS, {"name": "a", "address": "10.1.0.77"}),
        read("projects/host/regions/r1/subnetworks/s", {"ipCidrRange": "10.1.0.0/24"}),
        sent("POST", f"{HERE}/forwardingRules", body),
        read(FORWARDING, {**body, "IPAddress": "10.1.0.77"}),
        read(ADDRESS, {"name": "a", "address": "10.1.0.77"}),
    ).run(
        RULE,
        {
            **RULED,
            "ip_address": "a",
            "all_ports": True,
            "backend_service": "b",
            "subnetwork": "projects/host/regions/r1/subnetworks/s",
        },
    )


def test_a_network_that_makes_its_subnetworks_will_do() -> None:
    wire = Wire(
        absent(FORWARDING),
        read(BACKENDS, service()),
        read(f"{GLOBAL}/networks/n", {"name": "n", "autoCreateSubnetworks": True}),
        sent("POST", f"{HERE}/forwardingRules"),
        read(FORWARDING, rule(network=f"{URL}{GLOBAL}/networks/n")),
    )
    assert wire.run(RULE, {**RULED, "ports": [80], "backend_service": "b", "network": "n"})["changed"]
