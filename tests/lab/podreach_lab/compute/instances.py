# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""compute.instances. Clusters make nodes of their own (container/nodes.py); the same methods read, stop and tag them.

External addresses are accepted and never assigned: the internet is outside the lab. Disks and images are names only.
"""

from __future__ import annotations

import typing as t

from ..clock import compute_time
from ..core import Call, method
from ..faults import ApiFault, bad_fingerprint, invalid, not_found, required
from ..links import region_of_zone, relative, self_link
from ..places import ZONES
from ..state import Body, Resource
from . import allocation, networks, shared_vpc
from .common import aggregated, bodies, delete, insert, listed, need, ready, reference, same_project, zone_scopes

INSTANCE = "compute#instance"
MANAGER = "compute#instanceGroupManager"
MOST_INTERFACES = 8
MACHINE_TYPES: dict[str, tuple[int, int]] = {
    "e2-micro": (2, 1024),
    "e2-small": (2, 2048),
    "e2-medium": (2, 4096),
    "e2-standard-2": (2, 8192),
    "e2-standard-4": (4, 16384),
    "e2-standard-8": (8, 32768),
    "n1-standard-1": (1, 3840),
    "n1-standard-2": (2, 7680),
    "n1-standard-4": (4, 15360),
    "n2-standard-2": (2, 8192),
    "n2-standard-4": (4, 16384),
}
"""Name -> CPUs, MiB: those that are listed. Instances may have others."""


def zone_path(call: Call, what: str) -> str:
    zone = call.params["zone"]
    if zone not in ZONES:
        raise invalid("zone", zone, "Unknown zone.")
    return f"projects/{call.project}/zones/{zone}/{what}"


def target(call: Call) -> Resource:
    return ready(call.get(f"{zone_path(call, 'instances')}/{call.params['instance']}"))


# ---- creating


@method("compute.instances.insert")
def insert_instance(call: Call) -> Body:
    body = call.lab.discovery.writable("compute", "Instance", call.body)
    place = zone_path(call, "instances")
    need(body, "name", "machineType", "disks", "networkInterfaces")
    zone_link = self_link(f"projects/{call.project}/zones/{call.params['zone']}")
    path = f"{place}/{body['name']}"
    fill(call, body, zone_link)
    if call.state.get(path) is None:
        body["networkInterfaces"] = interfaces(call, body["networkInterfaces"])

    def made(instance: Resource) -> None:
        instance.body |= {"status": "RUNNING", "lastStartTimestamp": compute_time(call.state.clock.now())}

    return insert(call, INSTANCE, path, body, made=made)


def fill(call: Call, body: Body, zone_link: str) -> None:
    """What the server makes of a request, but for the interfaces."""
    machine = str(body["machineType"]).rstrip("/").rsplit("/", 1)[-1]
    account = f"{call.state.projects[call.project]}-compute@developer.gserviceaccount.com"
    for item in body.get("serviceAccounts", []):
        item["email"] = account if item.get("email") in (None, "", "default") else item["email"]
    tags, metadata = body.get("tags") or {}, body.get("metadata") or {}
    body |= {
        "zone": zone_link,
        "status": "PROVISIONING",
        "machineType": f"{zone_link}/machineTypes/{machine}",
        "canIpForward": body.get("canIpForward", False),
        "deletionProtection": body.get("deletionProtection", False),
        "startRestricted": False,
        "cpuPlatform": "Intel Broadwell",
        "fingerprint": call.state.new_fingerprint(),
        "labelFingerprint": call.state.new_fingerprint(),
        "tags": {**tags, "fingerprint": call.state.new_fingerprint()},
        "metadata": {**metadata, "kind": "compute#metadata", "fingerprint": call.state.new_fingerprint()},
        "scheduling": {
            "automaticRestart": True,
            "onHostMaintenance": "MIGRATE",
            "preemptible": False,
            "provisioningModel": "STANDARD",
            **(body.get("scheduling") or {}),
        },
        "disks": [disk(item, at, body["name"], zone_link) for at, item in enumerate(body["disks"])],
    }


def disk(item: Body, at: int, name: str, zone_link: str) -> Body:
    """An attached disk; the disk itself is not modelled."""
    source = item.get("source") or f"{zone_link}/disks/{(item.get('initializeParams') or {}).get('diskName') or name}"
    return {
        "kind": "compute#attachedDisk",
        "type": item.get("type", "PERSISTENT"),
        "mode": item.get("mode", "READ_WRITE"),
        "source": source,
        "deviceName": item.get("deviceName", f"persistent-disk-{at}"),
        "index": at,
        "boot": item.get("boot", at == 0),
        "autoDelete": item.get("autoDelete", False),
        "interface": "SCSI",
    }


def interfaces(call: Call, wanted: list[Body]) -> list[Body]:
    """The interfaces of a new instance, with their addresses."""
    if len(wanted) > MOST_INTERFACES:
        raise invalid("resource.networkInterfaces", "", f"An instance has at most {MOST_INTERFACES} interfaces.")
    found: list[Body] = []
    for at, item in enumerate(wanted):
        where = f"resource.networkInterfaces[{at}]"
        card = interface(call, item, where)
        if any(card["network"] == other["network"] for other in found):
            raise invalid(f"{where}.network", card["network"], "Networks must be distinct for network interfaces.")
        found.append({"kind": "compute#networkInterface", "name": f"nic{at}", **card})
    return found


def interface(call: Call, item: Body, where: str) -> Body:
    network, subnetwork = whereabouts(call, item, where)
    space = allocation.of_subnetwork(subnetwork) if subnetwork else allocation.of_legacy(network)
    card: Body = {"network": network.body["selfLink"], "stackType": "IPV4_ONLY"}
    if subnetwork:
        card["subnetwork"] = subnetwork.body["selfLink"]
    if item.get("stackType", "IPV4_ONLY") != "IPV4_ONLY":
        raise ApiFault(501, "The lab does not model IPv6.", "notImplemented")
    if item.get("networkIP"):
        text = named_address(call, item["networkIP"])
        card["networkIP"] = allocation.claim(call.state, space, text, f"{where}.networkIP")
    else:
        address = allocation.free(call.state, space)
        if address is None:
            raise allocation.exhausted(space)
        card["networkIP"] = address
    if item.get("aliasIpRanges"):
        if subnetwork is None:
            raise invalid(f"{where}.aliasIpRanges", "", "Alias IP ranges need a subnetwork.")
        card["aliasIpRanges"] = allocation.claim_aliases(
            call.state, subnetwork, item["aliasIpRanges"], f"{where}.aliasIpRanges", card
        )
    if item.get("accessConfigs"):
        card["accessConfigs"] = [
            {"kind": "compute#accessConfig", "type": "ONE_TO_ONE_NAT", "name": "external-nat", "networkTier": "PREMIUM"}
            | {key: value for key, value in config.items() if key in ("type", "name", "networkTier")}
            for config in item["accessConfigs"]
        ]
    return card | {"fingerprint": call.state.new_fingerprint()}


def named_address(call: Call, text: str) -> str:
    """An address in digits, or that of a reserved one that is named by a URL."""
    if "/" not in text:
        return text
    found = call.state.get(relative(text, call.project))
    return str(found.body["address"]) if found is not None and found.kind == allocation.ADDRESS else text


def whereabouts(call: Call, item: Body, where: str) -> tuple[Resource, Resource | None]:
    """The network of an interface, and its subnetwork (none in a legacy network)."""
    region = region_of_zone(call.params["zone"])
    if item.get("subnetwork"):
        subnetwork = reference(call, item["subnetwork"], f"{where}.subnetwork", "subnetworks")
        shared_vpc.usable_subnetwork(call, subnetwork, f"{where}.subnetwork", item["subnetwork"])
        if subnetwork.path.split("/")[3] != region:
            raise invalid(f"{where}.subnetwork", item["subnetwork"], f"It must be in the instance's region, {region}.")
        network = call.get(relative(subnetwork.body["network"], call.project))
        if item.get("network") and relative(item["network"], call.project) != network.path:
            raise invalid(f"{where}.subnetwork", item["subnetwork"], "It is not in the network of the interface.")
        return network, subnetwork
    wanted = item.get("network") or "global/networks/default"
    network = same_project(call, reference(call, wanted, f"{where}.network", "networks"), f"{where}.network", wanted)
    if networks.is_legacy(network):
        return network, None
    if not networks.is_auto(network):
        raise invalid(where, "", "Subnetwork should be specified for custom subnetmode network")
    path = f"projects/{network.project}/regions/{region}/subnetworks/{network.name}"
    return network, ready(call.get(path))


# ---- changing


@method("compute.instances.delete")
def delete_instance(call: Call) -> Body:
    instance: Resource = call.get(f"{zone_path(call, 'instances')}/{call.params['instance']}")
    if instance.hidden.get("cluster"):
        raise ApiFault(
            501, "The lab does not model the deletion of a cluster's node: resize its pool.", "notImplemented"
        )
    if instance.body.get("deletionProtection"):
        raise invalid(
            "resource.deletionProtection", True, "Resource cannot be deleted if it's protected against deletion."
        )
    answer = delete(call, instance)
    if call.state.get(instance.path) is not None:
        instance.body["status"] = "STOPPING"
        call.state.changed_phase(instance)
    return answer


def change_power(call: Call, kind: str, during: str, after: str, stamp: str) -> Body:
    """Begin starting or stopping; the status is `during` until the operation's end."""
    instance = target(call)
    before = instance.body["status"]
    instance.body["status"] = during
    call.state.changed_phase(instance)

    def finish() -> None:
        instance.body |= {"status": after, stamp: compute_time(call.state.clock.now())}
        call.state.changed_phase(instance)

    def abort() -> None:
        instance.body["status"] = before
        call.state.changed_phase(instance)

    return call.compute_operation(kind, instance.path, instance.body["id"], finish, abort)


@method("compute.instances.start")
def start_instance(call: Call) -> Body:
    if target(call).body["status"] == "RUNNING":
        return changed(call, target(call), "start")
    return change_power(call, "start", "STAGING", "RUNNING", "lastStartTimestamp")


@method("compute.instances.stop")
def stop_instance(call: Call) -> Body:
    if target(call).body["status"] == "TERMINATED":
        return changed(call, target(call), "stop")
    return change_power(call, "stop", "STOPPING", "TERMINATED", "lastStopTimestamp")


@method("compute.instances.reset")
def reset_instance(call: Call) -> Body:
    instance = target(call)
    if instance.body["status"] != "RUNNING":
        raise ApiFault(400, f"The resource '{instance.path}' is not ready", "resourceNotReady")
    instance.hidden.pop("dead", None)
    return changed(call, instance, "reset")


def changed(call: Call, instance: Resource, kind: str) -> Body:
    call.state.changed_phase(instance)
    return call.compute_operation(kind, instance.path, instance.body["id"])


@method("compute.instances.setTags")
def set_tags(call: Call) -> Body:
    instance = target(call)
    if call.body.get("fingerprint") != instance.body["tags"]["fingerprint"]:
        raise bad_fingerprint()
    items = list(dict.fromkeys(call.body.get("items", [])))
    instance.body["tags"] = ({"items": items} if items else {}) | {"fingerprint": call.state.new_fingerprint()}
    return changed(call, instance, "setTags")


@method("compute.instances.setLabels")
def set_labels(call: Call) -> Body:
    instance = target(call)
    if call.body.get("labelFingerprint") != instance.body["labelFingerprint"]:
        raise bad_fingerprint()
    instance.body |= {"labels": call.body.get("labels", {}), "labelFingerprint": call.state.new_fingerprint()}
    return changed(call, instance, "setLabels")


@method("compute.instances.setMetadata")
def set_metadata(call: Call) -> Body:
    instance = target(call)
    if call.body.get("fingerprint") != instance.body.get("metadata", {}).get("fingerprint"):
        raise bad_fingerprint()
    items = call.body.get("items", [])
    instance.body["metadata"] = {"kind": "compute#metadata", "fingerprint": call.state.new_fingerprint()}
    if items:
        instance.body["metadata"]["items"] = items
    return changed(call, instance, "setMetadata")


@method("compute.instances.setServiceAccount")
def set_service_account(call: Call) -> Body:
    instance = target(call)
    if instance.body["status"] != "TERMINATED":
        raise ApiFault(400, "The instance must be stopped before the service account can be changed.", "badRequest")
    email, scopes = call.body.get("email"), call.body.get("scopes", [])
    if email == "default":
        email = f"{call.state.projects[call.project]}-compute@developer.gserviceaccount.com"
    instance.body.pop("serviceAccounts", None)
    if email:
        instance.body["serviceAccounts"] = [{"email": email, "scopes": scopes}]
    return changed(call, instance, "setServiceAccount")


@method("compute.instances.setMachineType")
def set_machine_type(call: Call) -> Body:
    instance = target(call)
    if instance.body["status"] != "TERMINATED":
        raise ApiFault(400, "The instance must be stopped before the machine type can be changed.", "badRequest")
    need(call.body, "machineType", prefix="")
    machine = str(call.body["machineType"]).rstrip("/").rsplit("/", 1)[-1]
    instance.body["machineType"] = f"{instance.body['zone']}/machineTypes/{machine}"
    return changed(call, instance, "setMachineType")


@method("compute.instances.setDeletionProtection")
def set_deletion_protection(call: Call) -> Body:
    instance = ready(call.get(f"{zone_path(call, 'instances')}/{call.params['resource']}"))
    instance.body["deletionProtection"] = call.query.get("deletionProtection", True)
    return changed(call, instance, "setDeletionProtection")


@method("compute.instances.updateNetworkInterface")
def update_interface(call: Call) -> Body:
    instance = target(call)
    name = call.query.get("networkInterface")
    if not name:
        raise required("networkInterface")
    card = next((item for item in instance.body["networkInterfaces"] if item["name"] == name), None)
    if card is None:
        raise invalid("networkInterface", name, "The instance has no such interface.")
    if call.body.get("fingerprint") != card["fingerprint"]:
        raise bad_fingerprint()
    other = [
        key for key in call.body if key not in ("fingerprint", "aliasIpRanges") and call.body[key] != card.get(key)
    ]
    if other:
        raise ApiFault(501, f"The lab does not model changing {other[0]} of an interface.", "notImplemented")
    if "aliasIpRanges" in call.body:
        subnetwork = call.state.get(relative(card["subnetwork"], call.project)) if "subnetwork" in card else None
        wanted = call.body["aliasIpRanges"] or []
        if wanted and subnetwork is None:
            raise invalid("networkInterface.aliasIpRanges", "", "Alias IP ranges need a subnetwork.")
        found: list[Body] = []
        if subnetwork is not None:
            found = allocation.claim_aliases(call.state, subnetwork, wanted, "networkInterface.aliasIpRanges", card)
        card.pop("aliasIpRanges", None)
        if found:
            card["aliasIpRanges"] = found
    card["fingerprint"] = call.state.new_fingerprint()
    return changed(call, instance, "updateNetworkInterface")


# ---- reading


@method("compute.instances.get")
def get_instance(call: Call) -> Body:
    return t.cast(Body, call.get(f"{zone_path(call, 'instances')}/{call.params['instance']}").body)


@method("compute.instances.list")
def list_instances(call: Call) -> Body:
    path = zone_path(call, "instances")
    return listed(call, "compute#instanceList", path, bodies(call.state, path))


@method("compute.instances.aggregatedList")
def aggregated_instances(call: Call) -> Body:
    found = [item.body for item in call.state.of_kind(INSTANCE, call.project)]
    return aggregated(call, "compute#instanceAggregatedList", "instances", found, zone_scopes())


def machine_type(call: Call, name: str) -> Body:
    zone = call.params["zone"]
    cpus, memory = MACHINE_TYPES[name]
    return {
        "kind": "compute#machineType",
        "id": str(1000 + list(MACHINE_TYPES).index(name)),
        "name": name,
        "description": f"{cpus} vCPUs, {memory} MB RAM",
        "guestCpus": cpus,
        "memoryMb": memory,
        "zone": zone,
        "selfLink": self_link(f"projects/{call.project}/zones/{zone}/machineTypes/{name}"),
    }


@method("compute.machineTypes.get")
def get_machine_type(call: Call) -> Body:
    path = f"{zone_path(call, 'machineTypes')}/{call.params['machineType']}"
    if call.params["machineType"] not in MACHINE_TYPES:
        raise not_found(path)
    return machine_type(call, call.params["machineType"])


@method("compute.machineTypes.list")
def list_machine_types(call: Call) -> Body:
    found = [machine_type(call, name) for name in MACHINE_TYPES]
    return listed(call, "compute#machineTypeList", zone_path(call, "machineTypes"), found)
