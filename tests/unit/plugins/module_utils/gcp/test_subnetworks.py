# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Subnetworks over a scripted wire: which requests, in which order."""

from __future__ import annotations

import pytest

from ansible_collections.podreach.gke.plugins.module_utils.errors import PodreachError
from ansible_collections.podreach.gke.plugins.module_utils.gcp import subnetworks
from ansible_collections.podreach.gke.plugins.module_utils.gcp.task import definition
from ansible_collections.podreach.gke.tests.unit.plugins.module_utils.gcp.wire import (
    Expected,
    Wire,
    absent,
    google_error,
    operation,
)

MODULE = definition(subnetworks.Subnetwork, subnetworks.SPEC)
REGION = "projects/p/regions/asia-northeast1"
PATH = f"{REGION}/subnetworks/s"
PODS = {"rangeName": "pods", "ipCidrRange": "10.1.128.0/19"}
SERVICES = {"rangeName": "svc", "ipCidrRange": "10.1.160.0/22"}
#: What a change of ranges looks at: the network, its other subnetworks, its routers.
SURROUNDINGS = (
    Expected("GET", "projects/p/global/networks/n", {"name": "n", "autoCreateSubnetworks": False}),
    Expected("GET", "projects/p/aggregated/subnetworks", {"items": {}}),
    Expected("GET", "projects/p/aggregated/routers", {"items": {}}),
)


def subnetwork(*ranges: dict[str, str], fingerprint: str = "f1", **more: object) -> dict[str, object]:
    return {
        "name": "s",
        "network": "https://www.googleapis.com/compute/v1/projects/p/global/networks/n",
        "region": f"https://www.googleapis.com/compute/v1/{REGION}",
        "ipCidrRange": "10.1.1.0/24",
        "fingerprint": fingerprint,
        **({"secondaryIpRanges": list(ranges)} if ranges else {}),
        **more,
    }


def wanted(*ranges: dict[str, str], **more: object) -> dict[str, object]:
    return {
        "name": "s",
        "region": "asia-northeast1",
        "network": "n",
        "ip_cidr_range": "10.1.1.0/24",
        "secondary_ip_ranges": [
            {"range_name": item["rangeName"], "ip_cidr_range": item["ipCidrRange"]} for item in ranges
        ],
        **more,
    }


def patch(fingerprint: str, *ranges: dict[str, str]) -> Expected:
    return Expected(
        "PATCH", PATH, operation("patch", PATH), {"fingerprint": fingerprint, "secondaryIpRanges": list(ranges)}
    )


def test_create_reads_creates_and_reads_back() -> None:
    body = {
        "name": "s",
        "description": "[podreach.gke]",
        "network": "projects/p/global/networks/n",
        "ipCidrRange": "10.1.1.0/24",
        "secondaryIpRanges": [PODS],
    }
    wire = Wire(
        Expected("GET", PATH, google_error(404, "notFound"), status=404),
        *SURROUNDINGS,
        Expected("POST", f"{REGION}/subnetworks", operation("insert", PATH), body),
        Expected("GET", PATH, subnetwork(PODS)),
    )
    result = wire.run(MODULE, wanted(PODS))
    assert result["changed"]
    assert [step["action"] for step in result["plan"]] == ["create"]
    assert result["resource"]["secondaryIpRanges"] == [PODS]
    assert len(wire.request_ids) == 1


def test_check_mode_sends_nothing_and_predicts_the_object() -> None:
    wire = Wire(Expected("GET", PATH, google_error(404, "notFound"), status=404), *SURROUNDINGS)
    result = wire.run(MODULE, wanted(PODS), check_mode=True)
    assert result["changed"]
    assert result["diff"]["after"]["secondaryIpRanges"] == [PODS]


def test_unchanged_is_one_request() -> None:
    wire = Wire(Expected("GET", PATH, subnetwork(SERVICES, PODS)))
    assert not wire.run(MODULE, wanted(PODS, SERVICES))["changed"]


def test_a_range_is_added_to_those_that_were_not_mentioned() -> None:
    wire = Wire(
        Expected("GET", PATH, subnetwork(SERVICES)),
        *SURROUNDINGS,
        patch("f1", SERVICES, PODS),
        Expected("GET", PATH, subnetwork(SERVICES, PODS, fingerprint="f2")),
    )
    assert wire.run(MODULE, wanted(PODS))["changed"]


def test_add_and_remove_are_two_requests_each_with_a_fresh_fingerprint() -> None:
    wire = Wire(
        Expected("GET", PATH, subnetwork(SERVICES)),
        *SURROUNDINGS,
        patch("f1"),
        Expected("GET", PATH, subnetwork(fingerprint="f2")),
        *SURROUNDINGS,
        patch("f2", PODS),
        Expected("GET", PATH, subnetwork(PODS, fingerprint="f3")),
    )
    result = wire.run(MODULE, wanted(PODS, purge_secondary_ranges=True, allow_disruption=True))
    assert [step["grade"] for step in result["plan"]] == ["disruptive", "safe"]


def test_a_stale_fingerprint_is_read_again() -> None:
    wire = Wire(
        Expected("GET", PATH, subnetwork()),
        *SURROUNDINGS,
        Expected("PATCH", PATH, google_error(412, "conditionNotMet"), status=412),
        Expected("GET", PATH, subnetwork(SERVICES, fingerprint="f2")),
        *SURROUNDINGS,
        patch("f2", SERVICES, PODS),
        Expected("GET", PATH, subnetwork(SERVICES, PODS, fingerprint="f3")),
    )
    assert wire.run(MODULE, wanted(PODS))["changed"]


def test_removing_needs_the_callers_word() -> None:
    wire = Wire(Expected("GET", PATH, subnetwork(SERVICES)))
    with pytest.raises(PodreachError, match=r"remove secondary ranges svc \(10.1.160.0/22\).*allow_disruption"):
        wire.run(MODULE, wanted(purge_secondary_ranges=True))


def test_a_changed_range_is_refused_by_name() -> None:
    wire = Wire(Expected("GET", PATH, subnetwork(PODS)))
    with pytest.raises(PodreachError, match=r"pods is 10\.1\.128\.0/19 and cannot become 10\.64\.0\.0/19"):
        wire.run(MODULE, wanted({"rangeName": "pods", "ipCidrRange": "10.64.0.0/19"}))


def test_expand() -> None:
    path = f"{PATH}/expandIpCidrRange"
    wire = Wire(
        Expected("GET", PATH, subnetwork()),
        *SURROUNDINGS,
        Expected("POST", path, operation("expandIpCidrRange", PATH), {"ipCidrRange": "10.1.0.0/23"}),
        Expected("GET", PATH, {**subnetwork(fingerprint="f2"), "ipCidrRange": "10.1.0.0/23"}),
    )
    assert wire.run(MODULE, {**wanted(), "ip_cidr_range": "10.1.0.0/23"})["changed"]


def test_shrinking_is_refused_before_any_change() -> None:
    wire = Wire(Expected("GET", PATH, subnetwork()))
    with pytest.raises(PodreachError, match="can only grow"):
        wire.run(MODULE, {**wanted(), "ip_cidr_range": "10.1.1.0/25"})


def test_ownership() -> None:
    params = {"name": "s", "region": "asia-northeast1", "state": "absent"}
    assert Wire(Expected("GET", PATH, subnetwork())).fails(MODULE, params).code == "not-ours"
    wire = Wire(
        Expected("GET", PATH, subnetwork(description="of ours [podreach.gke]")),
        Expected("DELETE", PATH, operation("delete", PATH)),
        absent(PATH),
    )
    assert wire.run(MODULE, params)["changed"]


def test_a_secondary_range_that_vanished_while_we_wrote_is_reported() -> None:
    wire = Wire(
        Expected("GET", PATH, subnetwork(SERVICES)),
        *SURROUNDINGS,
        patch("f1", SERVICES, PODS),
        Expected("GET", PATH, subnetwork(PODS, fingerprint="f2")),
    )
    error = wire.fails(MODULE, wanted(PODS))
    assert error.code == "lost-update"
    assert "secondary_ip_ranges svc" in str(error)
    assert error.changed


def test_stale_fingerprints_are_bounded_and_each_try_reads_again() -> None:
    wire = Wire()
    for number in range(6):
        wire.expected += [Expected("GET", PATH, subnetwork(fingerprint=f"f{number}")), *SURROUNDINGS]
        body = {"fingerprint": f"f{number}", "secondaryIpRanges": [PODS]}
        wire.expected.append(Expected("PATCH", PATH, google_error(412, "conditionNotMet"), body, 412))
    error = wire.fails(MODULE, wanted(PODS))
    assert error.code == "conflict"
    assert len(set(wire.request_ids)) == 6
    assert len(wire.sleeps) == 5


def test_a_subnetwork_stays_in_its_network() -> None:
    error = Wire(Expected("GET", PATH, subnetwork())).fails(MODULE, {**wanted(), "network": "m"})
    assert error.code == "fixed-at-creation"


def test_switching_private_access_off_needs_the_callers_word() -> None:
    now = subnetwork(privateIpGoogleAccess=True)
    error = Wire(Expected("GET", PATH, now)).fails(MODULE, wanted(private_ip_google_access=False))
    assert error.code == "disruption-not-allowed"
