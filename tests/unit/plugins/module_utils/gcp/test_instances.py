# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Instances and their templates over a scripted wire: what is sent, what changes how, and what is refused."""

from __future__ import annotations

import copy
import typing as t

import pytest

from ansible_collections.podreach.gke.plugins.module_utils.gcp import instance_templates, instances
from ansible_collections.podreach.gke.plugins.module_utils.gcp.task import definition, public
from ansible_collections.podreach.gke.tests.unit.plugins.module_utils.gcp.wire import (
    Expected,
    Wire,
    absent,
    google_error,
    operation,
)

Json = dict[str, t.Any]
URL = "https://www.googleapis.com/compute/v1/"
INSTANCE = definition(instances.Instance, instances.SPEC)
TEMPLATE = definition(instance_templates.InstanceTemplate, instance_templates.SPEC)
ZONE = "projects/p/zones/r-a"
PATH = f"{ZONE}/instances/i"
TEMPLATES = "projects/p/global/instanceTemplates"
SUBNETWORK = "projects/p/regions/r/subnetworks/s"
HOST = "projects/host/regions/r/subnetworks/s"
NAMED: Json = {"name": "i", "zone": "r-a"}
WANTED: Json = {
    **NAMED,
    "machine_type": "e2-small",
    "boot_disk": {"image": "img"},
    "network_interfaces": [{"subnetwork": "s"}],
}
FAMILY = "projects/debian-cloud/global/images/family/debian-12"


def machine(**more: t.Any) -> Json:
    return {
        "kind": "compute#instance",
        "name": "i",
        "description": "[podreach.gke]",
        "status": "RUNNING",
        "machineType": f"{URL}{ZONE}/machineTypes/e2-small",
        "networkInterfaces": [
            {
                "name": "nic0",
                "network": f"{URL}projects/p/global/networks/n",
                "subnetwork": f"{URL}{SUBNETWORK}",
                "networkIP": "10.1.0.20",
            }
        ],
        "tags": {"items": ["a", "b"], "fingerprint": "ft"},
        "labels": {"x": "y"},
        "labelFingerprint": "fl",
        "metadata": {"items": [{"key": "startup-script", "value": "#!/bin/sh\n"}], "fingerprint": "fm"},
        "serviceAccounts": [{"email": "1-compute@developer.gserviceaccount.com", "scopes": ["s1", "s2"]}],
        **more,
    }


def template(**more: t.Any) -> Json:
    properties = {
        "machineType": "e2-small",
        "disks": [{"boot": True, "autoDelete": True, "index": 0, "initializeParams": {"sourceImage": URL + FAMILY}}],
        "networkInterfaces": [{"name": "nic0", "subnetwork": f"{URL}{SUBNETWORK}"}],
        "tags": {"items": ["a"]},
        **more,
    }
    return {"name": "it", "description": "[podreach.gke]", "properties": properties}


def changed(method: str, body: Json | None, query: Json | None = None, now: Json | None = None, **params: t.Any) -> str:
    """Run a change that is one call of its own; asserts what is sent, returns the grade."""
    before = now or machine()
    after = copy.deepcopy(before)
    for key, value in (body or {}).items():
        if key in ("items", "fingerprint"):
            after["tags" if method == "setTags" else "metadata"][key] = value
        elif key in ("labels", "machineType"):
            after[key] = value
    if method == "setServiceAccount":
        after["serviceAccounts"] = [body]
    if query:
        after["deletionProtection"] = query["deletionProtection"] == "true"
    wire = Wire(
        Expected("GET", PATH, before),
        Expected("POST", f"{PATH}/{method}", operation(method, PATH), body, query=query or {}),
        Expected("GET", PATH, after),
    )
    result = wire.run(INSTANCE, {**NAMED, "allow_disruption": True, **params})
    assert result["changed"]
    return str(result["plan"][0]["grade"])


def refused(now: Json | None, *more: Expected, module: t.Any = INSTANCE, **params: t.Any) -> tuple[str, str]:
    """The code and the message of a call that is refused."""
    path = PATH if module is INSTANCE else f"{TEMPLATES}/it"
    first = absent(path) if now is None else Expected("GET", path, now)
    name = NAMED if module is INSTANCE else {"name": "it"}
    error = Wire(first, *more).fails(module, {**name, **params})
    return error.code, str(error)


def unchanged(module: t.Any, path: str, now: Json, **params: t.Any) -> None:
    assert not Wire(Expected("GET", path, now)).run(module, params)["changed"]


# -- creation


def test_create() -> None:
    body = {
        "name": "i",
        "description": "a proxy [podreach.gke]",
        "machineType": "zones/r-a/machineTypes/e2-small",
        "disks": [
            {
                "boot": True,
                "autoDelete": True,
                "initializeParams": {
                    "sourceImage": FAMILY,
                    "diskSizeGb": "20",
                    "diskType": f"{ZONE}/diskTypes/pd-ssd",
                },
            }
        ],
        "networkInterfaces": [
            {"subnetwork": SUBNETWORK, "networkIP": "10.1.0.20"},
            {
                "network": "projects/p/global/networks/m",
                "accessConfigs": [{"type": "ONE_TO_ONE_NAT", "name": "External NAT"}],
            },
        ],
        "canIpForward": True,
        "tags": {"items": ["a"]},
        "labels": {"number": "1"},
        "metadata": {"items": [{"key": "enable-oslogin", "value": "TRUE"}]},
        "serviceAccounts": [{"email": "x@p", "scopes": ["https://www.googleapis.com/auth/cloud-platform"]}],
        "deletionProtection": True,
    }
    wire = Wire(
        absent(PATH),
        Expected("GET", SUBNETWORK, {"ipCidrRange": "10.1.0.0/24"}),
        Expected("GET", "projects/p/global/networks/m", {"name": "m"}),
        Expected("POST", f"{ZONE}/instances", operation("insert", PATH), body),
        Expected("GET", PATH, {**machine(), **body, "disks": [{"boot": True}]}),
    )
    params = {
        **WANTED,
        "description": "a proxy",
        "boot_disk": {"image": FAMILY, "size_gb": 20, "type": "pd-ssd"},
        "network_interfaces": [
            {"subnetwork": "s", "network_ip": "10.1.0.20", "external_address": False},
            {"network": "m", "external_address": True},
        ],
        "can_ip_forward": True,
        "tags": ["a"],
        "labels": {"number": 1},
        "metadata": {"enable-oslogin": True},
        "service_account": {"email": "x@p"},
        "deletion_protection": True,
    }
    assert wire.run(INSTANCE, params)["changed"]


def test_a_reserved_address_by_name() -> None:
    address = "projects/p/regions/r/addresses/proxy"
    reserved = Expected("GET", address, {"address": "10.1.0.20", "addressType": "INTERNAL"})
    params = {**WANTED, "network_interfaces": [{"subnetwork": "s", "network_ip": "proxy"}]}
    assert not Wire(Expected("GET", PATH, machine()), reserved).run(INSTANCE, params)["changed"]
    external = Expected("GET", address, {"address": "203.0.113.1", "addressType": "EXTERNAL"})
    assert "external" in refused(None, external, **params)[1]
    assert refused(None, absent(address), **params)[0] == "missing-prerequisite"
    subnetwork = Expected("GET", SUBNETWORK, {"ipCidrRange": "10.1.0.0/24"})
    planned = Wire(absent(PATH), absent(address), subnetwork).run(INSTANCE, params, check_mode=True)
    assert planned["resource"]["networkInterfaces"] == [{"subnetwork": SUBNETWORK, "networkIP": address}]


def test_a_shared_vpc_hosts_subnetwork_that_may_be_used_but_not_read() -> None:
    forbidden = Expected("GET", HOST, google_error(403, "forbidden"), status=403)
    params = {**WANTED, "network_interfaces": [{"subnetwork": HOST, "network_ip": "10.9.0.9"}]}
    made = Wire(absent(PATH), forbidden).run(INSTANCE, params, check_mode=True)
    assert made["resource"]["networkInterfaces"] == [{"subnetwork": HOST, "networkIP": "10.9.0.9"}]
    own = Expected("GET", SUBNETWORK, google_error(403, "forbidden"), status=403)
    assert refused(None, own, **WANTED)[0] == "forbidden"


def test_a_subnetwork_that_is_not_there_yet() -> None:
    warnings: list[str] = []
    planned = Wire(absent(PATH), absent(SUBNETWORK)).run(INSTANCE, WANTED, check_mode=True, warnings=warnings)
    assert planned["changed"]
    assert "counted as planned" in warnings[0]
    assert refused(None, absent(SUBNETWORK), **WANTED)[0] == "missing-prerequisite"


@pytest.mark.parametrize(("address", "code"), [("10.2.0.9", "address-outside"), ("10.1.0.1", "address-reserved")])
def test_an_address_that_it_cannot_have(address: str, code: str) -> None:
    params = {**WANTED, "network_interfaces": [{"subnetwork": "s", "network_ip": address}]}
    assert refused(None, Expected("GET", SUBNETWORK, {"ipCidrRange": "10.1.0.0/24"}), **params)[0] == code


def test_what_creation_needs() -> None:
    code, message = refused(None, machine_type="e2-small")
    assert code == "invalid-input"
    assert "boot_disk, network_interfaces" in message


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"zone": "Tokyo"}, ["zone", "'Tokyo'"]),
        ({"network_interfaces": []}, ["network_interfaces", "at least one"]),
        ({"network_interfaces": [{"external_address": True}]}, ["network_interfaces[0]", "subnetwork"]),
        ({"network_interfaces": [{"subnetwork": "S"}]}, ["network_interfaces[0].subnetwork", "'S'"]),
        ({"network_interfaces": [{"subnetwork": "s", "network_ip": "10.1.0"}]}, ["network_ip", "'10.1.0'"]),
        ({"boot_disk": {"image": "i", "size_gb": 5}}, ["boot_disk.size_gb", "5", "10 GB"]),
        ({"tags": ["web", "No"]}, ["tags[1]", "'No'"]),
        ({"metadata": {"a b": "c"}}, ["metadata", "'a b'"]),
        ({"metadata": {"a": {"b": "c"}}}, ["metadata.a", "to_json"]),
        ({"machine_type": ""}, ["machine_type"]),
    ],
)
def test_what_is_wrong_without_asking(params: Json, words: list[str]) -> None:
    error = Wire().fails(INSTANCE, {**NAMED, **params})
    assert [word for word in words if word not in str(error)] == []


# -- changes while it runs


def test_tags() -> None:
    assert changed("setTags", {"items": ["a", "b", "c"], "fingerprint": "ft"}, tags=["b", "c"]) == "safe"
    assert changed("setTags", {"items": ["b"], "fingerprint": "ft"}, tags=["b"], purge_tags=True) == "disruptive"
    bare = machine(tags={"fingerprint": "ft"})
    assert changed("setTags", {"items": ["b"], "fingerprint": "ft"}, now=bare, tags=["b"]) == "safe"
    unchanged(INSTANCE, PATH, machine(), **NAMED, tags=["b"])


def test_labels() -> None:
    body = {"labels": {"x": "y", "n": "1"}, "labelFingerprint": "fl"}
    assert changed("setLabels", body, labels={"n": 1}) == "safe"
    assert changed("setLabels", {**body, "labels": {"n": "1"}}, labels={"n": 1}, purge_labels=True) == "safe"


def test_metadata() -> None:
    old, new = ({"key": "startup-script", "value": text} for text in ("#!/bin/sh\n", "#!/bin/sh\nexit\n"))
    more = {"key": "m", "value": "7"}
    given = {"startup-script": new["value"]}
    assert changed("setMetadata", {"items": [new], "fingerprint": "fm"}, metadata=given) == "safe"
    assert changed("setMetadata", {"items": [old, more], "fingerprint": "fm"}, metadata={"m": 7}) == "safe"
    body = {"items": [more], "fingerprint": "fm"}
    assert changed("setMetadata", body, metadata={"m": 7}, purge_metadata=True) == "safe"
    unchanged(INSTANCE, PATH, machine(), **NAMED, metadata={"startup-script": old["value"]})


def test_protection() -> None:
    assert changed("setDeletionProtection", None, {"deletionProtection": "true"}, deletion_protection=True) == "safe"
    now = machine(deletionProtection=True)
    query = {"deletionProtection": "false"}
    assert changed("setDeletionProtection", None, query, now=now, deletion_protection=False) == "safe"


# -- only while it is stopped


@pytest.mark.parametrize(
    ("params", "method", "body"),
    [
        ({"machine_type": "e2-micro"}, "setMachineType", {"machineType": "zones/r-a/machineTypes/e2-micro"}),
        (
            {"service_account": {"email": "default", "scopes": ["s1"]}},
            "setServiceAccount",
            {"email": "1-compute@developer.gserviceaccount.com", "scopes": ["s1"]},
        ),
        ({"service_account": {"email": "a@b"}}, "setServiceAccount", {"email": "a@b", "scopes": ["s1", "s2"]}),
    ],
)
def test_what_changes_only_while_it_is_stopped(params: Json, method: str, body: Json) -> None:
    code, message = refused(machine(), **params)
    assert code == "must-be-stopped"
    assert "gcloud compute instances stop i --zone r-a --project p" in message
    changed(method, body, now=machine(status="TERMINATED"), **params)


def test_what_means_the_same() -> None:
    unchanged(INSTANCE, PATH, machine(), **NAMED, service_account={"email": "default"})
    unchanged(
        INSTANCE,
        PATH,
        machine(),
        **NAMED,
        machine_type="e2-small",
        service_account={"email": "default", "scopes": ["s2", "s1"]},
        boot_disk={"image": "whatever it was"},
        network_interfaces=[{"network": "n", "subnetwork": SUBNETWORK, "external_address": False}],
        can_ip_forward=False,
        deletion_protection=False,
    )


@pytest.mark.parametrize(
    "params",
    [
        {"can_ip_forward": True},
        {"description": "another"},
        {"network_interfaces": [{"subnetwork": "other"}]},
        {"network_interfaces": [{"subnetwork": HOST}]},
        {"network_interfaces": [{"subnetwork": "s", "network_ip": "10.1.0.21"}]},
        {"network_interfaces": [{"subnetwork": "s", "external_address": True}]},
        {"network_interfaces": [{"subnetwork": "s"}, {"subnetwork": "t"}]},
    ],
)
def test_what_is_fixed(params: Json) -> None:
    code, message = refused(machine(), **params)
    assert code == "fixed-at-creation"
    assert "make another one" in message


# -- deletion


def test_delete() -> None:
    gone = Expected("DELETE", PATH, operation("delete", PATH))
    assert Wire(Expected("GET", PATH, machine()), gone, absent(PATH)).run(INSTANCE, {**NAMED, "state": "absent"})
    assert refused(machine(description="by hand"), state="absent")[0] == "not-ours"
    code, message = refused(machine(deletionProtection=True), state="absent")
    assert code == "deletion-protected"
    assert "deletion_protection: false" in message


def test_delete_what_is_protected() -> None:
    query = {"deletionProtection": "false"}
    wire = Wire(
        Expected("GET", PATH, machine(deletionProtection=True)),
        Expected("POST", f"{PATH}/setDeletionProtection", operation("update", PATH), query=query),
        Expected("GET", PATH, machine()),
        Expected("DELETE", PATH, operation("delete", PATH)),
        absent(PATH),
    )
    result = wire.run(INSTANCE, {**NAMED, "state": "absent", "deletion_protection": False})
    assert [step["grade"] for step in result["plan"]] == ["safe", "destructive"]


# -- templates


def test_create_template() -> None:
    body = {
        "name": "it",
        "description": "[podreach.gke]",
        "properties": {
            "machineType": "e2-small",
            "disks": [
                {
                    "boot": True,
                    "autoDelete": True,
                    "initializeParams": {"sourceImage": FAMILY, "diskType": "pd-ssd"},
                }
            ],
            "networkInterfaces": [{"subnetwork": SUBNETWORK}, {"subnetwork": HOST}],
            "tags": {"items": ["a"]},
        },
    }
    wire = Wire(
        absent(f"{TEMPLATES}/it"),
        Expected("GET", SUBNETWORK, {"ipCidrRange": "10.1.0.0/24"}),
        Expected("GET", HOST, google_error(403, "forbidden"), status=403),
        Expected("POST", TEMPLATES, operation("insert", f"{TEMPLATES}/it"), body),
        Expected("GET", f"{TEMPLATES}/it", body),
    )
    params = {
        "name": "it",
        "region": "r",
        "machine_type": "e2-small",
        "boot_disk": {"image": FAMILY, "type": "pd-ssd"},
        "network_interfaces": [{"subnetwork": "s"}, {"subnetwork": HOST}],
        "tags": ["a"],
    }
    assert wire.run(TEMPLATE, params)["changed"]


def test_a_template_never_changes() -> None:
    path = f"{TEMPLATES}/it"
    same = {"tags": ["a"], "boot_disk": {"image": FAMILY}, "network_interfaces": [{"subnetwork": SUBNETWORK}]}
    unchanged(TEMPLATE, path, template(), name="it", **same)
    for params in (
        {"tags": ["b"]},
        {"machine_type": "e2-micro"},
        {"boot_disk": {"image": "projects/debian-cloud/global/images/debian-12"}},
        {"boot_disk": {"image": "projects/other/global/images/family/debian-12"}},
        {"boot_disk": {"image": FAMILY, "size_gb": 20}},
        {"metadata": {"a": "b"}},
        {"network_interfaces": [{"subnetwork": HOST}]},
        {"service_account": {"email": "default"}},
    ):
        code, message = refused(template(), module=TEMPLATE, **params)
        assert code == "fixed-at-creation", params
        assert "Make one under another name" in message


def test_a_template_that_a_group_takes_stays() -> None:
    group = {
        "selfLink": f"{URL}projects/p/regions/r/instanceGroupManagers/g",
        "versions": [{"instanceTemplate": f"{URL}{TEMPLATES}/it"}],
    }
    groups = "projects/p/aggregated/instanceGroupManagers"
    answer = {"items": {"regions/r": {"instanceGroupManagers": [group, {"selfLink": "x"}]}}}
    code, message = refused(template(), Expected("GET", groups, answer), module=TEMPLATE, state="absent")
    assert code == "in-use"
    assert "projects/p/regions/r/instanceGroupManagers/g" in message
    wire = Wire(
        Expected("GET", f"{TEMPLATES}/it", template()),
        Expected("GET", groups, google_error(403, "forbidden"), status=403),
        Expected("DELETE", f"{TEMPLATES}/it", operation("delete")),
        absent(f"{TEMPLATES}/it"),
    )
    assert wire.run(TEMPLATE, {"name": "it", "state": "absent"})["changed"]


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"network_interfaces": [{"subnetwork": "s"}]}, ["network_interfaces[0].subnetwork", "region"]),
        ({"machine_type": "zones/r-a/machineTypes/e2-small"}, ["machine_type", "bare name"]),
        ({"boot_disk": {"image": "i", "type": "zones/r-a/diskTypes/pd-ssd"}}, ["boot_disk.type", "bare name"]),
        ({"region": "R"}, ["region", "'R'"]),
    ],
)
def test_what_is_wrong_with_a_template_without_asking(params: Json, words: list[str]) -> None:
    error = Wire().fails(TEMPLATE, {"name": "it", **params})
    assert [word for word in words if word not in str(error)] == []


# -- what nobody sees


def test_what_lets_a_node_join_its_cluster_is_not_shown() -> None:
    """Neither of the node, nor of its template, nor in the diff of a change."""
    items = [{"key": "kube-env", "value": "KUBELET_KEY: hidden"}, {"key": "role", "value": "node"}]
    shown = [{"key": "kube-env", "value": "(not shown)"}, {"key": "role", "value": "node"}]
    node = machine(metadata={"items": items, "fingerprint": "fm"})
    assert public(node) == {**node, "metadata": {"items": shown, "fingerprint": "fm"}}
    assert "hidden" not in str(public(template(metadata={"items": items})))
    result = Wire(Expected("GET", PATH, node)).run(INSTANCE, {**NAMED, "metadata": {"a": "b"}}, check_mode=True)
    assert result["changed"]
    assert "hidden" not in str(result)
    assert result["diff"]["after"]["metadata"]["items"] == [*shown, {"key": "a", "value": "b"}]
