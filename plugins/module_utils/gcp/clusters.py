# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""GKE clusters: https://cloud.google.com/kubernetes-engine/docs/reference/rest/v1/projects.locations.clusters

The update call takes one change at a time. Whether pods get their addresses from alias ranges (VPC-native) or from
routes is fixed for good, as are the ranges: https://cloud.google.com/kubernetes-engine/docs/how-to/alias-ips
"""

from __future__ import annotations

import copy
import typing as t

from .. import addressing
from ..arguments import ArgumentSpec
from ..engine import Grade, Plan, Step
from ..errors import Refused
from .container import ContainerResource
from .node_pools import POOL_OPTIONS, labels, max_pods, new_pool, validate_pool
from .pod_ranges import refuse_too_many
from .resource import (
    Block,
    CreateOnly,
    Default,
    Field,
    Fixed,
    Json,
    Keyed,
    Labels,
    Link,
    Names,
    Number,
    Request,
    Via,
    bury,
    dig,
)
from .subnetworks import network_path

SPEC = ArgumentSpec(
    options={
        "name": {"type": "str", "required": True},
        "location": {"type": "str", "required": True},
        "description": {"type": "str"},
        "network": {"type": "str"},
        "subnetwork": {"type": "str"},
        "cluster_ipv4_cidr": {"type": "str"},
        "ip_allocation_policy": {
            "type": "dict",
            "options": {
                "use_ip_aliases": {"type": "bool"},
                "use_routes": {"type": "bool"},
                "cluster_secondary_range_name": {"type": "str"},
                "services_secondary_range_name": {"type": "str"},
                "cluster_ipv4_cidr_block": {"type": "str"},
                "services_ipv4_cidr_block": {"type": "str"},
                "additional_pod_ranges_config": {
                    "type": "dict",
                    "options": {"pod_range_names": {"type": "list", "elements": "str", "required": True}},
                },
            },
        },
        "purge_additional_pod_ranges": {"type": "bool", "default": False},
        "autopilot": {"type": "dict", "options": {"enabled": {"type": "bool", "required": True}}},
        "network_config": {
            "type": "dict",
            "options": {
                "datapath_provider": {"type": "str", "choices": ["LEGACY_DATAPATH", "ADVANCED_DATAPATH"]},
                "default_snat_status": {
                    "type": "dict",
                    "options": {"disabled": {"type": "bool", "required": True}},
                },
            },
        },
        "private_cluster_config": {
            "type": "dict",
            "options": {
                "enable_private_nodes": {"type": "bool"},
                "enable_private_endpoint": {"type": "bool"},
                "master_ipv4_cidr_block": {"type": "str"},
            },
        },
        "master_authorized_networks_config": {
            "type": "dict",
            "options": {
                "enabled": {"type": "bool", "default": True},
                "cidr_blocks": {
                    "type": "list",
                    "elements": "dict",
                    "options": {"cidr_block": {"type": "str", "required": True}, "display_name": {"type": "str"}},
                },
            },
        },
        "purge_master_authorized_networks": {"type": "bool", "default": False},
        "release_channel": {
            "type": "dict",
            "options": {
                "channel": {
                    "type": "str",
                    "required": True,
                    "choices": ["RAPID", "REGULAR", "STABLE", "EXTENDED", "UNSPECIFIED"],
                }
            },
        },
        "initial_cluster_version": {"type": "str"},
        "default_max_pods_constraint": {
            "type": "dict",
            "options": {"max_pods_per_node": {"type": "int", "required": True}},
        },
        "locations": {"type": "list", "elements": "str"},
        "resource_labels": {"type": "dict"},
        "node_pools": {
            "type": "list",
            "elements": "dict",
            "options": {
                **POOL_OPTIONS,
                "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            },
            "mutually_exclusive": [["node_count", "initial_node_count"]],
        },
        "deletion_protection": {"type": "bool", "default": True},
        "confirm_replace": {"type": "str"},
        "prerequisite_timeout": {"type": "int", "default": 0},
        "timeout": {"type": "int", "default": 1800},
    }
)

_ROUTES_OR_ALIASES = (
    "a cluster stays routes-based or VPC-native for good: make a new cluster beside it and move the workloads, or say "
    "confirm_replace: {name} with deletion_protection: false to have it deleted and made anew"
)
_OWN_LABEL = {"managed-by": "podreach-gke"}


def _update(option: str, grade: Grade, update: t.Callable[[Json, t.Any], Json]) -> Via:
    """A field that one desired… change of the update call mends."""

    def steps(cluster: Cluster, current: Json, wanted: t.Any) -> list[Step]:
        body = {"name": cluster.path, "update": update(current, wanted)}
        request = Request("PUT", cluster.path, body)
        return [Step("update", f"change {option}", request, grade, (option,))]

    return Via(steps)


def _locations(cluster: Cluster, current: Json, wanted: list[str]) -> list[Step]:
    removed = set(current.get("locations") or []) - set(wanted)
    grade = Grade.DISRUPTIVE if removed else Grade.SAFE
    body = {"name": cluster.path, "update": {"desiredLocations": wanted}}
    return [
        Step(
            "update",
            f"change locations to {', '.join(wanted)}",
            Request("PUT", cluster.path, body),
            grade,
            ("locations",),
        )
    ]


def _labels(cluster: Cluster, current: Json, wanted: dict[str, str]) -> list[Step]:
    body = {"labelFingerprint": current.get("labelFingerprint", ""), "resourceLabels": wanted}
    request = Request("POST", f"{cluster.path}:setResourceLabels", body)
    return [Step("update", "change resource_labels", request, fields=("resourceLabels",))]


def _additional_pod_ranges(cluster: Cluster, current: Json, wanted: list[str]) -> list[Step]:
    now = dig(current, "ipAllocationPolicy.additionalPodRangesConfig.podRangeNames") or []
    added, removed = [name for name in wanted if name not in now], [name for name in now if name not in wanted]
    steps = []
    for names, field, verb, grade in (
        (added, "additionalPodRangesConfig", "add", Grade.SAFE),
        (removed, "removedAdditionalPodRangesConfig", "remove", Grade.DISRUPTIVE),
    ):
        if names:
            body = {"name": cluster.path, "update": {field: {"podRangeNames": names}}}
            summary = f"{verb} additional pod ranges {', '.join(names)}"
            steps.append(
                Step("update", summary, Request("PUT", cluster.path, body), grade, ("additionalPodRangesConfig",))
            )
    return steps


class AuthorizedNetworks(Labels):
    """Authorised networks: a switch, and blocks by CIDR."""

    blocks = Keyed("cidrBlock")

    def canonical(self, value: t.Any) -> t.Any:
        value = value or {}
        return bool(value.get("enabled")), self.blocks.canonical(value.get("cidrBlocks"))

    def merged(self, current: t.Any, wanted: t.Any, *, exact: bool) -> t.Any:
        now = (current or {}).get("cidrBlocks")
        merged = {**(current or {}), **wanted}
        if "cidrBlocks" in wanted:
            merged["cidrBlocks"] = self.blocks.merged(now, wanted["cidrBlocks"], exact=exact)
        if not merged.get("enabled"):
            # the API takes blocks only while this is on
            merged.pop("cidrBlocks", None)
        return merged

    def removed(self, current: t.Any, after: t.Any) -> list[str]:
        return self.blocks.removed((current or {}).get("cidrBlocks"), (after or {}).get("cidrBlocks"))


def _authorized_networks(cluster: Cluster, current: Json, wanted: Json) -> list[Step]:
    now = current.get("masterAuthorizedNetworksConfig") or {}
    less = AuthorizedNetworks().removed(now, wanted) or (wanted["enabled"] and not now.get("enabled"))
    body = {"name": cluster.path, "update": {"desiredMasterAuthorizedNetworksConfig": wanted}}
    return [
        Step(
            "update",
            "change master_authorized_networks_config",
            Request("PUT", cluster.path, body),
            Grade.DISRUPTIVE if less else Grade.SAFE,
            ("masterAuthorizedNetworksConfig",),
        )
    ]


class Cluster(ContainerResource):
    kind = "cluster"
    fields = (
        # first, since the differences after these follow from them
        Field("ipAllocationPolicy.useIpAliases", Fixed(_ROUTES_OR_ALIASES, "cluster-type-fixed"), Default(False)),
        Field("ipAllocationPolicy.useRoutes", Fixed(_ROUTES_OR_ALIASES, "cluster-type-fixed"), Default(False)),
        Field("description", kind=Default("")),
        Field("network", Fixed("a cluster stays in its network"), Link()),
        Field("subnetwork", Fixed("a cluster stays in its subnetwork"), Link()),
        Field("clusterIpv4Cidr", kind=Block()),
        Field("ipAllocationPolicy.clusterSecondaryRangeName"),
        Field("ipAllocationPolicy.servicesSecondaryRangeName"),
        Field("ipAllocationPolicy.clusterIpv4CidrBlock", kind=Block()),
        Field("ipAllocationPolicy.servicesIpv4CidrBlock", kind=Block()),
        Field(
            "ipAllocationPolicy.additionalPodRangesConfig.podRangeNames",
            Via(_additional_pod_ranges),
            Names(),
            purge="purge_additional_pod_ranges",
        ),
        Field("autopilot.enabled", Fixed("a cluster stays Standard or Autopilot for good"), Default(False)),
        Field("networkConfig.datapathProvider", kind=Default("LEGACY_DATAPATH")),
        Field(
            "networkConfig.defaultSnatStatus.disabled",
            _update(
                "network_config.default_snat_status",
                Grade.DISRUPTIVE,
                lambda current, wanted: {"desiredDefaultSnatStatus": {"disabled": wanted}},
            ),
            Default(False),
        ),
        Field("privateClusterConfig.enablePrivateNodes", Fixed("make a new node pool or cluster"), Default(False)),
        Field(
            "privateClusterConfig.enablePrivateEndpoint",
            _update(
                "private_cluster_config.enable_private_endpoint",
                Grade.DISRUPTIVE,
                lambda current, wanted: {"desiredEnablePrivateEndpoint": wanted},
            ),
            Default(False),
        ),
        Field("privateClusterConfig.masterIpv4CidrBlock"),
        Field(
            "masterAuthorizedNetworksConfig",
            Via(_authorized_networks),
            AuthorizedNetworks(),
            purge="purge_master_authorized_networks",
        ),
        Field(
            "releaseChannel.channel",
            _update(
                "release_channel",
                Grade.SAFE,
                lambda current, wanted: {"desiredReleaseChannel": {"channel": wanted}},
            ),
            Default("UNSPECIFIED"),
        ),
        Field("initialClusterVersion", CreateOnly()),
        Field(
            "defaultMaxPodsConstraint.maxPodsPerNode",
            Fixed("the default number of pods per node is fixed: give a new node pool its own"),
            Number(),
            encode=max_pods,
        ),
        Field("locations", Via(_locations), Names(), purge="locations"),
        Field("resourceLabels", Via(_labels), Labels(), encode=labels),
    )

    @property
    def collection(self) -> str:
        return f"projects/{self.project}/locations/{self.params['location']}/clusters"

    @property
    def region(self) -> str:
        location: str = self.params["location"]
        return location if location.count("-") == 1 else location.rsplit("-", 1)[0]

    def pools(self) -> list[Json]:
        """The node pools that the create call makes."""
        return [pool for pool in self.params.get("node_pools") or [] if pool["state"] == "present"]

    # -- what can be judged without asking

    def validate(self) -> None:
        self.check_name("name", self.name, 40)
        self.check_name("location", self.params["location"])
        for option in ("network", "subnetwork"):
            if self.params.get(option) is not None:
                self.check_name(option, str(Link().canonical(self.params[option])))
        policy = self.params.get("ip_allocation_policy") or {}
        self._validate_ranges(policy)
        self._validate_pods(policy)
        for number, pool in enumerate(self.pools()):
            self.check_name(f"node_pools[{number}].name", pool["name"], 40)
            validate_pool(self, pool, f"node_pools[{number}].")
        if dig(self.params, "autopilot.enabled") and self.pools():
            self.invalid("node_pools", [pool["name"] for pool in self.pools()], "Autopilot makes its own pools")
        private = self.params.get("private_cluster_config") or {}
        if private.get("enable_private_endpoint") and private.get("enable_private_nodes") is False:
            self.invalid("private_cluster_config.enable_private_endpoint", True, "it needs enable_private_nodes: true")
        disabled = dig(self.params, "network_config.default_snat_status.disabled")
        if disabled and (policy.get("use_routes") or policy.get("use_ip_aliases") is False):
            self.invalid(
                "network_config.default_snat_status.disabled",
                True,
                "only VPC-native clusters can switch default SNAT off",
            )

    def _validate_ranges(self, policy: t.Mapping[str, t.Any]) -> None:
        ranges = {
            "cluster_ipv4_cidr": self.params.get("cluster_ipv4_cidr"),
            "ip_allocation_policy.cluster_ipv4_cidr_block": policy.get("cluster_ipv4_cidr_block"),
            "ip_allocation_policy.services_ipv4_cidr_block": policy.get("services_ipv4_cidr_block"),
            "private_cluster_config.master_ipv4_cidr_block": dig(
                self.params, "private_cluster_config.master_ipv4_cidr_block"
            ),
        }
        for number, item in enumerate(dig(self.params, "master_authorized_networks_config.cidr_blocks") or []):
            ranges[f"master_authorized_networks_config.cidr_blocks[{number}].cidr_block"] = item["cidr_block"]
        exact = []
        for option, cidr in ranges.items():
            if cidr is None:
                continue
            try:
                if (
                    cidr.startswith("/")
                    and option.endswith(("_cidr_block", "cluster_ipv4_cidr"))
                    and "master" not in option
                ):
                    addressing.prefix_length(cidr)
                    continue
                network = addressing.parse(cidr)
            except addressing.AddressingError as error:
                self.invalid(option, cidr, str(error), code=error.code)
                continue
            if "authorized" not in option:
                exact.append(addressing.Range(str(network), option))
            if option.endswith("master_ipv4_cidr_block") and network.prefixlen != 28:
                self.invalid(option, cidr, "the control plane's range is a /28", code="range-mask")
        for one, other in addressing.overlaps(exact):
            self.invalid(other.label, other.cidr, f"overlaps {one.cidr} of {one.label}", code="range-overlap")

    def _validate_pods(self, policy: t.Mapping[str, t.Any]) -> None:
        names = ("cluster_secondary_range_name", "services_secondary_range_name")
        if policy.get("use_routes") and policy.get("use_ip_aliases"):
            self.invalid(
                "ip_allocation_policy.use_routes", True, "a cluster is either routes-based or VPC-native; leave one out"
            )
        if policy.get("use_routes") or policy.get("use_ip_aliases") is False:
            for option in (*names, "additional_pod_ranges_config"):
                if policy.get(option):
                    self.invalid(
                        f"ip_allocation_policy.{option}",
                        policy[option],
                        "a routes-based cluster takes no secondary ranges",
                    )
            for pool in self.pools():
                if pool.get("max_pods_constraint"):
                    self.invalid(
                        f"node_pools: {pool['name']}: max_pods_constraint",
                        pool["max_pods_constraint"]["max_pods_per_node"],
                        "it needs a VPC-native cluster: every node of a routes-based one gets a /24",
                        code="routes-based",
                    )
            if self.params.get("default_max_pods_constraint"):
                self.invalid(
                    "default_max_pods_constraint",
                    self.params["default_max_pods_constraint"]["max_pods_per_node"],
                    "it needs a VPC-native cluster: every node of a routes-based one gets a /24",
                    code="routes-based",
                )
        for option in names:
            if policy.get(option) is not None:
                self.check_name(f"ip_allocation_policy.{option}", policy[option])
        if policy.get(names[0]) and policy.get(names[0]) == policy.get(names[1]):
            self.invalid(f"ip_allocation_policy.{names[1]}", policy[names[1]], "pods and Services need a range each")
        for name, block in (
            ("cluster_secondary_range_name", "cluster_ipv4_cidr_block"),
            ("services_secondary_range_name", "services_ipv4_cidr_block"),
        ):
            if policy.get(name) and policy.get(block):
                self.invalid(
                    f"ip_allocation_policy.{block}", policy[block], f"{name} says the range already; leave one out"
                )
        if self.params.get("cluster_ipv4_cidr") and policy.get("cluster_ipv4_cidr_block"):
            self.invalid(
                "cluster_ipv4_cidr",
                self.params["cluster_ipv4_cidr"],
                "ip_allocation_policy.cluster_ipv4_cidr_block says it already; leave one out",
            )
        pods = dig(self.params, "default_max_pods_constraint.max_pods_per_node")
        if pods is not None:
            validate_pool(self, {"max_pods_constraint": {"max_pods_per_node": pods}}, "default ")

    # -- ownership

    def mark(self, body: Json) -> Json:
        body["resourceLabels"] = {**(body.get("resourceLabels") or {}), **_OWN_LABEL}
        return body

    def removal_refusal(self, current: Json) -> Refused | None:
        if self.params.get("deletion_protection", True):
            return self.refused(
                "deletion_protection is on (the default): say deletion_protection: false to have it deleted",
                code="deletion-protected",
            )
        return None

    # -- planning

    def read(self) -> Json | None:
        current = super().read()
        if current and not dig(current, "ipAllocationPolicy.useIpAliases"):
            # the API need not say useRoutes of a cluster that has no alias ranges
            current = copy.deepcopy(current)
            bury(current, "ipAllocationPolicy.useRoutes", True)
        return current

    def _plan_creation(self, *, check_mode: bool) -> Plan:
        plan = super()._plan_creation(check_mode=check_mode)
        extra = dig(self.params, "ip_allocation_policy.additional_pod_ranges_config.pod_range_names") or []
        return Plan(plan.before, plan.after, (*plan.steps, *_additional_pod_ranges(self, {}, extra)), plan.warnings)

    def creation(self, body: Json) -> Json:
        policy = body.setdefault("ipAllocationPolicy", {})
        extra = policy.get("additionalPodRangesConfig")
        if extra:
            # the create call does not take them; the update call after it does
            del policy["additionalPodRangesConfig"]
        if policy.get("useIpAliases") is False:
            policy["useRoutes"] = True
        if not policy.get("useRoutes"):
            policy.setdefault("useIpAliases", True)
        if policy.get("clusterSecondaryRangeName") or policy.get("servicesSecondaryRangeName"):
            policy["createSubnetwork"] = False
        if self.params.get("network"):
            body["network"] = network_path(self.params["network"], self.project)
        if self.params.get("subnetwork"):
            body["subnetwork"] = self.subnetwork_path()
        if not dig(body, "autopilot.enabled"):
            # a Standard cluster begins with a pool; unless told otherwise it is named as gcloud names it
            body["nodePools"] = [new_pool(pool) for pool in self.pools() or [{"name": "default-pool"}]]
        return body

    def subnetwork_path(self) -> str:
        subnetwork = self.params["subnetwork"]
        if "projects/" in subnetwork:
            return "projects/" + subnetwork.split("projects/", 1)[1]
        name = Link().canonical(subnetwork)
        return f"projects/{self.project}/regions/{self.region}/subnetworks/{name}"

    def creation_request(self, body: Json) -> Request:
        return Request("POST", self.collection, {"parent": self.collection.rsplit("/", 1)[0], "cluster": body})

    def projection(self, data: Json | None) -> Json | None:
        shown = super().projection(data)
        if shown is not None and data is not None and data.get("nodePools"):
            shown["nodePools"] = [pool["name"] for pool in data["nodePools"]]
        return shown

    def precheck(self, current: Json | None, after: Json, *, check_mode: bool) -> list[str]:
        if current is not None:
            return []
        warnings = Prerequisites(self, after).look(check_mode=check_mode)
        for pool in after.get("nodePools") or []:
            others = [other for other in after["nodePools"] if other is not pool]
            body = {**after, "location": self.params["location"]}
            refuse_too_many(self, body, [(item, int(item["initialNodeCount"])) for item in (pool, *others)])
        return warnings

    def steps_of_replacement(self, current: Json, differences: list[Refused]) -> tuple[Step, ...]:
        if not self.params.get("confirm_replace"):
            return ()
        if not self.marked(current):
            raise self.refused("podreach.gke did not create it, so it does not replace it", code="not-ours")
        if self.params.get("deletion_protection", True):
            raise self.refused(
                "confirm_replace is given, but deletion_protection is on (the default): say deletion_protection: "
                "false too",
                code="deletion-protected",
            )
        creation: Plan = self._plan_creation(check_mode=False)
        why = "; ".join(difference.message.split(": ", 1)[-1] for difference in differences)
        request = Request("DELETE", self.path)
        replace = Step("replace", f"delete cluster {self.name} and make it anew ({why})", request, Grade.DESTRUCTIVE)
        return (replace, *creation.steps)


class Prerequisites:
    """What must exist before a cluster can be created: its network, its subnetwork, and the ranges in it."""

    def __init__(self, cluster: Cluster, body: Json) -> None:
        self.cluster = cluster
        self.body = body

    def look(self, *, check_mode: bool) -> list[str]:
        """Wait for them as long as the caller allows (something else may be building them); raise for what is missing.

        In check mode what is missing counts as planned: a warning each.
        """
        cluster = self.cluster
        missing = self.missing()
        if missing and not check_mode and cluster.params.get("prerequisite_timeout"):
            missing = cluster.client.wait_until(
                self.missing, cluster.params["prerequisite_timeout"], f"{cluster.label}: waits for what it needs"
            )
        if missing and check_mode:
            return [f"{cluster.label}: {what}; counted as planned." for what in missing]
        if missing:
            raise cluster.refused(
                "; ".join(missing) + ": create it first, or correct the name", code="missing-prerequisite"
            )
        return []

    def missing(self) -> list[str]:
        """What is not there yet, in words. Raises :class:`Refused` for what is there and can never do."""
        cluster, policy = self.cluster, self.body.get("ipAllocationPolicy") or {}
        if self.body.get("network"):
            network = cluster.look_at(self.body["network"])
            if network is None:
                return [f"network {self.body['network']} does not exist"]
            if network.get("IPv4Range") and not policy.get("useRoutes"):
                raise cluster.refused(
                    f"network {network['name']} is a legacy network, and VPC-native clusters need a subnet-mode one: "
                    "make a "
                    "new network",
                    code="legacy-network",
                )
        if not self.body.get("subnetwork"):
            return []
        subnetwork = cluster.look_at(self.body["subnetwork"])
        if subnetwork is None:
            return [f"subnetwork {self.body['subnetwork']} does not exist"]
        named = [policy.get("clusterSecondaryRangeName"), policy.get("servicesSecondaryRangeName")]
        extra = dig(cluster.params, "ip_allocation_policy.additional_pod_ranges_config.pod_range_names") or []
        ranges = {item["rangeName"]: item["ipCidrRange"] for item in subnetwork.get("secondaryIpRanges") or []}
        missing = [
            f"subnetwork {subnetwork['name']} has no secondary range {name} (it has {', '.join(ranges) or 'none'})"
            for name in (*named, *extra)
            if name and name not in ranges
        ]
        if not missing and named[0]:
            self._refuse_managed(named[0])
        return missing

    def _refuse_managed(self, range_name: str) -> None:
        """Refuse a pod range that GKE made for another cluster; one that a user made may be shared."""
        cluster = self.cluster
        project = self.body["subnetwork"].split("/")[1]
        usable = cluster.client.list_all(
            "container",
            f"projects/{cluster.project}/aggregated/usableSubnetworks",
            key="subnetworks",
            filter=f"networkProjectId={project}",
        )
        for item in usable:
            if item.get("subnetwork") != self.body["subnetwork"]:
                continue
            for extra in item.get("secondaryIpRanges") or []:
                if extra.get("rangeName") == range_name and extra.get("status") in (
                    "IN_USE_MANAGED_POD",
                    "IN_USE_SERVICE",
                ):
                    raise cluster.refused(
                        f"ip_allocation_policy.cluster_secondary_range_name: {range_name} is {extra['status']}: it "
                        "cannot "
                        "hold the pods of another cluster; take a range of your own",
                        code="range-in-use",
                    )
