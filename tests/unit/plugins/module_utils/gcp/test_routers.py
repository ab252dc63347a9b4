# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cloud Routers over a scripted wire: what is advertised, what is kept, and what another writer may lose."""

from __future__ import annotations

import copy
import os
import re
import tempfile
import threading
import typing as t
from pathlib import Path

import pytest

from ansible_collections.podreach.gke.plugins.module_utils.arguments import Call
from ansible_collections.podreach.gke.plugins.module_utils.engine import Consent, converge
from ansible_collections.podreach.gke.plugins.module_utils.gcp import routers
from ansible_collections.podreach.gke.plugins.module_utils.gcp.fields import snake
from ansible_collections.podreach.gke.plugins.module_utils.gcp.task import definition
from ansible_collections.podreach.gke.plugins.module_utils.gcp.transport import Answer
from ansible_collections.podreach.gke.tests.unit.plugins.module_utils.gcp.wire import (
    LAST_PAUSE,
    Expected,
    Wire,
    absent,
    operation,
)

MODULE = definition(routers.Router, routers.SPEC)
REGION = "projects/p/regions/asia-northeast1"
COLLECTION = f"{REGION}/routers"
PATH = f"{COLLECTION}/r"
NETWORK = Expected("GET", "projects/p/global/networks/n", {"name": "n"})
NO_ROUTERS = Expected("GET", "projects/p/aggregated/routers", {"items": {}})
NO_TUNNELS = Expected("GET", "projects/p/aggregated/vpnTunnels", {"items": {}})
PODS = {"range": "172.16.0.0/16", "description": "pods"}
FOREIGN = {"range": "192.168.0.0/16", "description": "of somebody else"}


@pytest.fixture(autouse=True)
def _locks_of_the_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def router(
    *ranges: dict[str, str], groups: tuple[str, ...] = (), mode: str = "DEFAULT", **more: t.Any
) -> dict[str, t.Any]:
    bgp: dict[str, t.Any] = {"asn": 65010, "advertiseMode": mode, "keepaliveInterval": 20}
    if mode == "CUSTOM":
        bgp |= {"advertisedGroups": list(groups), "advertisedIpRanges": list(ranges)}
    return {
        "name": "r",
        "description": "[podreach.gke]",
        "network": "https://www.googleapis.com/compute/v1/projects/p/global/networks/n",
        "region": f"https://www.googleapis.com/compute/v1/{REGION}",
        "bgp": bgp,
        **more,
    }


def custom(*ranges: dict[str, str], groups: tuple[str, ...] = ("ALL_SUBNETS",)) -> dict[str, t.Any]:
    return router(*ranges, groups=groups, mode="CUSTOM")


def wanted(**bgp: t.Any) -> dict[str, t.Any]:
    return {"name": "r", "region": "asia-northeast1", "network": "n", "bgp": bgp}


ADVERTISED = {
    "advertise_mode": "CUSTOM",
    "advertised_groups": ["ALL_SUBNETS"],
    "advertised_ip_ranges": [{"range": "172.16.0.0/16", "description": "pods"}],
}


def change(before: dict[str, t.Any], patch: dict[str, t.Any], after: dict[str, t.Any]) -> Wire:
    """The requests of one change: read, look, lock and read and look again, patch, verify."""
    return Wire(
        Expected("GET", PATH, before),
        NO_ROUTERS,
        Expected("GET", PATH, copy.deepcopy(before)),
        NO_ROUTERS,
        Expected("PATCH", PATH, operation("patch", PATH), patch),
        Expected("GET", PATH, after),
    )


def test_create_is_locked_too() -> None:
    body = {
        "name": "r",
        "description": "[podreach.gke]",
        "network": "projects/p/global/networks/n",
        "bgp": {"asn": 65010},
    }
    wire = Wire(
        *(absent(PATH), NETWORK),
        *(absent(PATH), NETWORK),
        Expected("POST", COLLECTION, operation("insert", PATH), body),
        Expected("GET", PATH, router()),
    )
    assert wire.run(MODULE, wanted(asn=65010))["changed"]


def test_unchanged_is_one_request_and_no_lock(tmp_path: Path) -> None:
    assert not Wire(Expected("GET", PATH, custom(PODS, FOREIGN))).run(MODULE, wanted(asn=65010, **ADVERTISED))[
        "changed"
    ]
    assert list(tmp_path.iterdir()) == []


def test_check_mode_takes_no_lock(tmp_path: Path) -> None:
    wire = Wire(Expected("GET", PATH, router()), NO_ROUTERS)
    result = wire.run(MODULE, wanted(**ADVERTISED), check_mode=True)
    assert result["diff"]["after"]["bgp"]["advertisedIpRanges"] == [PODS]
    assert list(tmp_path.iterdir()) == []


def test_custom_advertisement_sends_only_what_changes() -> None:
    patch = {"bgp": {"advertiseMode": "CUSTOM", "advertisedGroups": ["ALL_SUBNETS"], "advertisedIpRanges": [PODS]}}
    result = change(router(), patch, custom(PODS)).run(MODULE, wanted(asn=65010, **ADVERTISED))
    assert [step["grade"] for step in result["plan"]] == ["safe"]


def test_a_list_is_sent_alone_and_keeps_what_others_put_there() -> None:
    wire = change(custom(FOREIGN), {"bgp": {"advertisedIpRanges": [FOREIGN, PODS]}}, custom(FOREIGN, PODS))
    result = wire.run(MODULE, wanted(**ADVERTISED))
    assert result["plan"][0]["fields"] == ["bgp.advertisedIpRanges"]


def test_the_description_of_a_range_is_kept_if_it_is_not_said() -> None:
    wire = Wire(Expected("GET", PATH, custom(PODS)))
    ranges = [{"range": "172.16.0.0/16"}]
    assert not wire.run(MODULE, wanted(**{**ADVERTISED, "advertised_ip_ranges": ranges}))["changed"]


def test_purging_withdraws_and_needs_the_callers_word() -> None:
    params = {**wanted(**ADVERTISED), "purge_advertisement": True}
    wire = Wire(Expected("GET", PATH, custom(FOREIGN, PODS)), NO_ROUTERS)
    assert wire.fails(MODULE, params).code == "disruption-not-allowed"
    wire = change(custom(FOREIGN, PODS), {"bgp": {"advertisedIpRanges": [PODS]}}, custom(PODS))
    assert wire.run(MODULE, {**params, "allow_disruption": True})["plan"][0]["grade"] == "disruptive"


def test_custom_without_the_subnetworks_is_refused() -> None:
    params = wanted(advertise_mode="CUSTOM", advertised_ip_ranges=[PODS])
    error = Wire(Expected("GET", PATH, router())).fails(MODULE, params)
    assert error.code == "withdraws-subnets"
    assert "confirm_withdraw_subnets: r" in str(error)
    error = Wire(absent(PATH)).fails(MODULE, params)
    assert error.code == "withdraws-subnets"
    error = Wire(Expected("GET", PATH, router())).fails(MODULE, params, check_mode=True)
    assert error.code == "withdraws-subnets"
    error = Wire(Expected("GET", PATH, router())).fails(MODULE, {**params, "confirm_withdraw_subnets": "other"})
    assert error.code == "withdraws-subnets"


def test_custom_without_the_subnetworks_needs_the_routers_name_and_is_graded_for_what_it_is() -> None:
    params = {**wanted(advertise_mode="CUSTOM", advertised_ip_ranges=[PODS]), "confirm_withdraw_subnets": "r"}
    patch = {"bgp": {"advertiseMode": "CUSTOM", "advertisedIpRanges": [PODS]}}
    error = Wire(Expected("GET", PATH, router()), NO_ROUTERS).fails(MODULE, params)
    assert error.code == "disruption-not-allowed"
    result = change(router(), patch, custom(PODS, groups=())).run(MODULE, {**params, "allow_disruption": True})
    assert result["plan"][0]["grade"] == "disruptive"


def test_purging_the_subnetworks_from_the_groups_is_refused_too() -> None:
    params = {**wanted(advertise_mode="CUSTOM", advertised_groups=[]), "purge_advertisement": True}
    error = Wire(Expected("GET", PATH, custom(PODS))).fails(MODULE, {**params, "allow_disruption": True})
    assert error.code == "withdraws-subnets"


def test_a_router_that_advertises_no_subnetworks_already_may_be_changed() -> None:
    more = {"range": "10.9.0.0/16"}
    wire = change(custom(PODS, groups=()), {"bgp": {"advertisedIpRanges": [PODS, more]}}, custom(PODS, more, groups=()))
    assert wire.run(MODULE, wanted(advertise_mode="CUSTOM", advertised_ip_ranges=[more]))["changed"]


def test_back_to_default_clears_the_lists() -> None:
    params = wanted(advertise_mode="DEFAULT")
    assert Wire(Expected("GET", PATH, custom(PODS)), NO_ROUTERS).fails(MODULE, params).code == "disruption-not-allowed"
    patch = {"bgp": {"advertiseMode": "DEFAULT", "advertisedGroups": [], "advertisedIpRanges": []}}
    result = change(custom(PODS), patch, router()).run(MODULE, {**params, "allow_disruption": True})
    assert result["plan"][0]["grade"] == "disruptive"
    assert result["diff"]["after"]["bgp"] == {"asn": 65010, "advertiseMode": "DEFAULT", "keepaliveInterval": 20}


def test_an_entry_that_vanished_while_we_wrote_is_reported() -> None:
    # our patch held both; another writer's list arrived after it
    wire = change(custom(FOREIGN), {"bgp": {"advertisedIpRanges": [FOREIGN, PODS]}}, custom(PODS))
    error = wire.fails(MODULE, wanted(**ADVERTISED))
    assert error.code == "lost-update"
    assert "bgp.advertised_ip_ranges 192.168.0.0/16" in str(error)
    assert error.changed


@pytest.mark.parametrize("held", ["interfaces", "nats"])
def test_a_peer_that_vanished_while_we_wrote_is_reported(held: str) -> None:
    before = custom(FOREIGN) | {held: [{"name": "to-aws-1"}, {"name": "to-aws-2"}]}
    after = custom(FOREIGN, PODS) | {held: [{"name": "to-aws-2"}]}
    error = change(before, {"bgp": {"advertisedIpRanges": [FOREIGN, PODS]}}, after).fails(MODULE, wanted(**ADVERTISED))
    assert error.code == "lost-update"
    assert f"{snake(held)} to-aws-1" in str(error)


def test_a_change_that_another_writer_undid_is_reported() -> None:
    wire = change(custom(FOREIGN), {"bgp": {"advertisedIpRanges": [FOREIGN, PODS]}}, custom(FOREIGN))
    for _time in range(3):
        wire.expected += [NO_ROUTERS, Expected("GET", PATH, custom(FOREIGN))]
    wire.expected.append(NO_ROUTERS)
    assert wire.fails(MODULE, wanted(**ADVERTISED)).code == "not-in-force"
    assert len([pause for pause in wire.sleeps if pause]) == 3


def test_the_router_is_read_again_under_the_lock() -> None:
    # another run of ours put its range there while this one waited for the lock
    wire = Wire(
        Expected("GET", PATH, custom()),
        NO_ROUTERS,
        Expected("GET", PATH, custom(FOREIGN)),
        NO_ROUTERS,
        Expected("PATCH", PATH, operation("patch", PATH), {"bgp": {"advertisedIpRanges": [FOREIGN, PODS]}}),
        Expected("GET", PATH, custom(FOREIGN, PODS)),
    )
    assert wire.run(MODULE, wanted(**ADVERTISED))["changed"]


def test_two_writers_of_one_router_come_one_after_the_other() -> None:
    estate, guard, inside = custom(), threading.Lock(), [0, 0]

    class Shared(Wire):
        """One router for all; a patch replaces the list, as Google's does. Waiting takes a little real time."""

        def sleep(self, seconds: float) -> None:
            threading.Event().wait(0.005)
            super().sleep(0.005)

        def __call__(self, method: str, url: str, body: dict[str, t.Any] | None) -> t.Any:
            if "aggregated" in url:
                return routers_answer({"items": {}})
            if method == "PATCH":
                with guard:
                    inside[0] += 1
                    inside[1] = max(inside[1], inside[0])
                threading.Event().wait(0.02)
                assert body
                estate["bgp"]["advertisedIpRanges"] = body["bgp"]["advertisedIpRanges"]
                with guard:
                    inside[0] -= 1
                return routers_answer(operation("patch", PATH))
            return routers_answer(copy.deepcopy(estate))

    def routers_answer(body: dict[str, t.Any]) -> t.Any:
        return Answer(200, {}, body)

    def write(number: int) -> None:
        ranges = [{"range": f"10.{number}.0.0/16"}]
        client = Shared().client()
        params = {
            **wanted(advertise_mode="CUSTOM", advertised_groups=["ALL_SUBNETS"], advertised_ip_ranges=ranges),
            "state": "present",
            "advertised_prefix_limit": 100,
            "timeout": 600,
        }
        resource = routers.Router(client, Call(params={}), params)
        converge([resource], Consent(), check_mode=False)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(estate["bgp"]["advertisedIpRanges"]) == 8, "no writer undid another"
    assert inside[1] == 1


def test_the_lock_is_not_waited_for_beyond_the_timeout() -> None:
    holder = routers.Router(
        Wire().client(), Call(params={}), {**wanted(), "state": "present", "advertised_prefix_limit": 100, "timeout": 1}
    )
    lines: list[str] = []
    lock = holder.exclusive()
    assert lock
    with lock:
        wire = Wire(Expected("GET", PATH, custom()), NO_ROUTERS)
        error = wire.fails(MODULE, {**wanted(**ADVERTISED), "timeout": 60}, lines=lines)
    assert error.code == "timeout"
    assert "another task on this machine has been changing it for 60 s" in str(error)
    assert wire.time == pytest.approx(60, abs=LAST_PAUSE)
    assert len(lines) == 2


def test_a_lock_directory_that_is_a_link_is_not_used(tmp_path: Path) -> None:
    (tmp_path / f"podreach-{os.getuid()}").symlink_to(tmp_path)
    error = Wire(absent(PATH), NETWORK).fails(MODULE, wanted(asn=65010))
    assert error.code == "lock"


def test_the_keepalive_interval_restarts_sessions() -> None:
    assert not Wire(Expected("GET", PATH, router())).run(MODULE, wanted(keepalive_interval=20))["changed"]
    error = Wire(Expected("GET", PATH, router()), NO_ROUTERS).fails(MODULE, wanted(keepalive_interval=30))
    assert error.code == "disruption-not-allowed"


@pytest.mark.parametrize(
    ("params", "option"),
    [
        ({"bgp": {"asn": 65011}}, "bgp.asn is 65010 and cannot become 65011"),
        ({"network": "m"}, 'network is ".*/n" and cannot become "m"'),
        ({"description": "x"}, "description is "),
    ],
)
def test_what_is_fixed_is_refused_by_name(params: dict[str, t.Any], option: str) -> None:
    error = Wire(Expected("GET", PATH, router())).fails(MODULE, {"name": "r", "region": "asia-northeast1", **params})
    assert re.search(option, str(error))
    assert error.code == "fixed-at-creation"


@pytest.mark.parametrize(
    ("bgp", "problem"),
    [
        ({"asn": 15169}, "bgp.asn: 15169: a private ASN"),
        ({"asn": 65535}, "64512-65534 or 4200000000-4294967294"),
        ({"keepalive_interval": 19}, "20 to 60 seconds"),
        ({"advertised_groups": ["ALL_SUBNETS"]}, "only advertise_mode: CUSTOM takes it"),
        ({"advertised_ip_ranges": [{"range": "10.0.0.0/8"}]}, "only advertise_mode: CUSTOM takes it"),
        (
            {"advertise_mode": "CUSTOM", "advertised_ip_ranges": [{"range": "10.0.0.1/8"}]},
            "advertised_ip_ranges[0].range",
        ),
        (
            {"advertise_mode": "CUSTOM", "advertised_ip_ranges": [{"range": "10.0.0.0/8"}, {"range": "10.0.0.0/8"}]},
            "this range is given twice",
        ),
    ],
)
def test_what_is_wrong_is_refused_without_any_request(bgp: dict[str, t.Any], problem: str) -> None:
    assert problem in str(Wire().fails(MODULE, wanted(**bgp)))


def test_a_creation_needs_the_network() -> None:
    error = Wire(absent(PATH)).fails(MODULE, {"name": "r", "region": "asia-northeast1"})
    assert "these options are missing: network" in str(error)


def test_what_is_not_ours_is_not_deleted() -> None:
    params = {"name": "r", "region": "asia-northeast1", "state": "absent"}
    assert Wire(Expected("GET", PATH, router(description=""))).fails(MODULE, params).code == "not-ours"


def test_deleting_what_is_ours_holds_the_lock() -> None:
    wire = Wire(
        *(Expected("GET", PATH, router()), NO_TUNNELS),
        *(Expected("GET", PATH, router()), NO_TUNNELS),
        Expected("DELETE", PATH, operation("delete", PATH)),
        absent(PATH),
    )
    assert wire.run(MODULE, {"name": "r", "region": "asia-northeast1", "state": "absent"})["changed"]
