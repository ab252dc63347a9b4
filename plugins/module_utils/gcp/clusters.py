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

from ..arguments import ArgumentSpec, Call
from ..engine import Grade, Plan, Step
from ..errors import Refused
from . import cluster_rules
from .client import Client, network_path
from .cluster_prerequisites import Prerequisites
from .container import ContainerResource
from .fields import (
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
from .node_pools import POOL_OPTIONS, labels, max_pods, new_pool
from .pod_ranges import refuse_too_many

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

_ROUTES_OR_ALIASES = "a cluster stays routes-based or VPC-native for good"
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


def _whole(policy: dict[str, t.Any] | None) -> dict[str, t.Any] | None:
    """The IP allocation policy with what it implies: names of secondary ranges, aliases; no aliases, routes."""
    if not policy:
        return policy
    if policy.get("use_ip_aliases") is False:
        return {**policy, "use_routes": True}
    named = policy.get("cluster_secondary_range_name") or policy.get("services_secondary_range_name")
    if named and not policy.get("use_routes"):
        return {**policy, "use_ip_aliases": True}
    return policy


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

    def __init__(self, client: Client, call: Call, params: t.Mapping[str, t.Any]) -> None:
        super().__init__(client, call, {**params, "ip_allocation_policy": _whole(params.get("ip_allocation_policy"))})

    @property
    def wants_routes(self) -> bool:
        """Whether the caller wants a routes-based cluster."""
        return bool(dig(self.params, "ip_allocation_policy.use_routes"))

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

    def validate(self) -> None:
        cluster_rules.validate(self)

    # -- ownership

    def mark(self, body: Json) -> Json:
        body["resourceLabels"] = {**(body.get("resourceLabels") or {}), **_OWN_LABEL}
        return body

    def removal_refusal(self, current: Json) -> Refused | None:
        if self.params.get("deletion_protection", True):
            word = self.word("deletion_protection", "false")
            return self.refused(
                f"deletion_protection is on (the default): say {word} to have it deleted",
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
        after = dict(plan.after or {})
        pools = plan.steps[0].request.body["cluster"].get("nodePools")
        if pools:
            # whole here, since these are made; of a cluster that exists, the names will do
            after["nodePools"] = pools
        return Plan(plan.before, after, (*plan.steps, *_additional_pod_ranges(self, {}, extra)), plan.warnings)

    def creation(self, body: Json) -> Json:
        policy = body.setdefault("ipAllocationPolicy", {})
        extra = policy.get("additionalPodRangesConfig")
        if extra:
            # the create call does not take them; the update call after it does
            del policy["additionalPodRangesConfig"]
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
        prerequisites = Prerequisites(self, after)
        warnings = prerequisites.look(check_mode=check_mode)
        if warnings:
            return warnings
        body = copy.deepcopy({**after, "location": self.params["location"]})
        pods = prerequisites.ranges.get(dig(body, "ipAllocationPolicy.clusterSecondaryRangeName"))
        if pods:
            bury(body, "ipAllocationPolicy.clusterIpv4CidrBlock", pods)
        for pool in after.get("nodePools") or []:
            others = [other for other in after["nodePools"] if other is not pool]
            refuse_too_many(self, body, [(item, int(item["initialNodeCount"])) for item in (pool, *others)])
        return warnings

    def telling(self, differences: list[Refused]) -> list[Refused]:
        if not any(difference.code == "cluster-type-fixed" for difference in differences):
            return differences
        now, then = ("VPC-native", "routes-based") if self.wants_routes else ("routes-based", "VPC-native")
        return [
            self.refused(
                f"it is {now} and cannot become {then} (ip_allocation_policy): {_ROUTES_OR_ALIASES}. Make a new "
                "cluster beside it and move the workloads. Or have it deleted, with all that runs on it, and made "
                f"anew: say {self.word('confirm_replace', self.name)}, with deletion_protection: false.",
                code="cluster-type-fixed",
            )
        ]

    def replacement(self, current: Json, differences: list[Refused], *, check_mode: bool) -> Plan | None:
        if not self.params.get("confirm_replace"):
            return None
        if not self.marked(current):
            raise self.refused("podreach.gke did not create it, so it does not replace it", code="not-ours")
        if self.params.get("deletion_protection", True):
            raise self.refused(
                "confirm_replace is given, but deletion_protection is on (the default): say "
                f"{self.word('deletion_protection', 'false')} too",
                code="deletion-protected",
            )
        creation = self._plan_creation(check_mode=check_mode)
        summary = f"delete cluster {self.name} and make it anew"
        replace = Step("replace", summary, Request("DELETE", self.path), Grade.DESTRUCTIVE)
        return Plan(None, creation.after, (replace, *creation.steps), creation.warnings)
