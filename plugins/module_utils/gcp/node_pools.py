# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Node pools: https://cloud.google.com/kubernetes-engine/docs/reference/rest/v1/projects.locations.clusters.nodePools"""

from __future__ import annotations

import typing as t

from .. import addressing
from ..arguments import ArgumentSpec
from ..engine import Grade, Plan, Step
from .container import ContainerResource
from .fields import Block, CreateOnly, Default, Field, Fixed, Json, Kind, Labels, Names, Number, Request, Via, bury, dig
from .pod_ranges import refuse_too_many

#: What a node pool is made of; the cluster module's node_pools take the same.
POOL_OPTIONS: dict[str, t.Any] = {
    "name": {"type": "str", "required": True},
    "initial_node_count": {"type": "int"},
    "node_count": {"type": "int"},
    "autoscaling": {
        "type": "dict",
        "options": {
            "enabled": {"type": "bool", "default": True},
            "min_node_count": {"type": "int"},
            "max_node_count": {"type": "int"},
            "total_min_node_count": {"type": "int"},
            "total_max_node_count": {"type": "int"},
            "location_policy": {"type": "str", "choices": ["BALANCED", "ANY"]},
        },
    },
    "management": {
        "type": "dict",
        "options": {"auto_repair": {"type": "bool"}, "auto_upgrade": {"type": "bool"}},
    },
    "config": {
        "type": "dict",
        "options": {
            "machine_type": {"type": "str"},
            "image_type": {"type": "str"},
            "disk_size_gb": {"type": "int"},
            "disk_type": {"type": "str"},
            "oauth_scopes": {"type": "list", "elements": "str"},
            "service_account": {"type": "str"},
            "labels": {"type": "dict"},
            "tags": {"type": "list", "elements": "str"},
            "spot": {"type": "bool"},
        },
    },
    "network_config": {
        "type": "dict",
        "options": {
            "pod_range": {"type": "str"},
            "create_pod_range": {"type": "bool"},
            "pod_ipv4_cidr_block": {"type": "str"},
            "enable_private_nodes": {"type": "bool"},
        },
    },
    "max_pods_constraint": {
        "type": "dict",
        "options": {"max_pods_per_node": {"type": "int", "required": True}},
    },
    "locations": {"type": "list", "elements": "str"},
    "version": {"type": "str"},
    "upgrade_settings": {
        "type": "dict",
        "options": {"max_surge": {"type": "int"}, "max_unavailable": {"type": "int"}},
    },
}

SPEC = ArgumentSpec(
    options={
        **POOL_OPTIONS,
        "cluster": {"type": "str", "required": True},
        "location": {"type": "str", "required": True},
        "timeout": {"type": "int", "default": 1800},
    },
    mutually_exclusive=(("node_count", "initial_node_count"),),
)

#: A node takes this machine's class of scopes unless told otherwise; gcloud gives its pools the same.
DEFAULT_SCOPES = [
    "https://www.googleapis.com/auth/devstorage.read_only",
    "https://www.googleapis.com/auth/logging.write",
    "https://www.googleapis.com/auth/monitoring",
    "https://www.googleapis.com/auth/service.management.readonly",
    "https://www.googleapis.com/auth/servicecontrol",
    "https://www.googleapis.com/auth/trace.append",
]


def max_pods(value: t.Any) -> t.Any:
    """``maxPodsPerNode`` as the API writes it: an int64, in a string."""
    return None if value is None else str(value)


def labels(value: dict[str, t.Any]) -> dict[str, str]:
    """Labels keep their keys as they are."""
    return {str(key): str(item) for key, item in value.items()}


def _autoscaling(pool: NodePool, current: Json, wanted: Json) -> list[Step]:
    request = Request("POST", f"{pool.path}:setAutoscaling", {"autoscaling": wanted})
    return [Step("update", "change autoscaling", request, fields=("autoscaling",))]


def _management(pool: NodePool, current: Json, wanted: Json) -> list[Step]:
    request = Request("POST", f"{pool.path}:setManagement", {"management": wanted})
    return [Step("update", "change management", request, fields=("management",))]


def _put(option: str, grade: Grade, body: t.Callable[[Json, t.Any], Json]) -> Via:
    """A field that the node pool's update call changes; the nodes are made anew where it is disruptive."""

    def steps(pool: NodePool, current: Json, wanted: t.Any) -> list[Step]:
        request = Request("PUT", pool.path, body(current, wanted))
        return [Step("update", f"change {option} to {wanted}", request, grade, (option,))]

    return Via(steps)


def _locations(pool: NodePool, current: Json, wanted: list[str]) -> list[Step]:
    removed = set(current.get("locations") or []) - set(wanted)
    grade = Grade.DISRUPTIVE if removed else Grade.SAFE
    request = Request("PUT", pool.path, {"locations": wanted})
    return [Step("update", f"change locations to {', '.join(wanted)}", request, grade, ("locations",))]


class Version(Kind):
    """A version of Kubernetes: exact, or the beginning of one (``1.33``), or an alias, which any version fulfils."""

    def same(self, one: t.Any, other: t.Any) -> bool:
        return other in ("latest", "-") or one == other or str(one).startswith((f"{other}.", f"{other}-"))


class MergedObject(Labels):
    """An object of the API of which the caller mentions some fields, sent back whole. Numbers and absent falses
    agree."""

    def canonical(self, value: t.Any) -> t.Any:
        return {key: item for key, item in (value or {}).items() if item not in (None, False, 0, "", [], "0")}


class NodePool(ContainerResource):
    kind = "node_pool"
    fields = (
        Field("initialNodeCount", CreateOnly()),
        Field("autoscaling", Via(_autoscaling), MergedObject()),
        Field("management", Via(_management), MergedObject()),
        # first: it says how the nodes are replaced by what comes after it
        Field(
            "upgradeSettings",
            _put("upgrade_settings", Grade.SAFE, lambda current, wanted: {"upgradeSettings": wanted}),
            MergedObject(),
        ),
        Field(
            "config.machineType",
            _put("config.machine_type", Grade.DISRUPTIVE, lambda current, wanted: {"machineType": wanted}),
        ),
        Field(
            "config.imageType",
            _put(
                "config.image_type",
                Grade.DISRUPTIVE,
                lambda current, wanted: {"imageType": wanted, "nodeVersion": current.get("version", "-")},
            ),
            encode=str.upper,
        ),
        Field("config.diskSizeGb"),
        Field("config.diskType"),
        Field("config.oauthScopes", kind=Names()),
        Field("config.serviceAccount"),
        Field("config.labels", kind=Labels(), encode=labels),
        Field("config.tags", kind=Names()),
        Field("config.spot", kind=Default(False)),
        Field("networkConfig.podRange"),
        Field("networkConfig.createPodRange", CreateOnly()),
        Field("networkConfig.podIpv4CidrBlock", kind=Block()),
        Field("networkConfig.enablePrivateNodes", Fixed("make a new pool"), Default(False)),
        Field(
            "maxPodsConstraint.maxPodsPerNode",
            Fixed("the number of pods per node is fixed at creation: make a new pool and drain this one"),
            Number(),
            encode=max_pods,
        ),
        Field("locations", Via(_locations), Names(), purge="locations"),
        Field(
            "version",
            _put("version", Grade.DISRUPTIVE, lambda current, wanted: {"nodeVersion": wanted}),
            Version(),
        ),
    )

    @property
    def cluster_path(self) -> str:
        return f"projects/{self.project}/locations/{self.params['location']}/clusters/{self.params['cluster']}"

    @property
    def collection(self) -> str:
        return f"{self.cluster_path}/nodePools"

    @property
    def operations_scope(self) -> str:
        return f"projects/{self.project}/locations/{self.params['location']}"

    def validate(self) -> None:
        self.check_name("name", self.name, 40)
        self.check_name("cluster", self.params["cluster"], 40)
        self.check_name("location", self.params["location"])
        validate_pool(self, self.params, "")

    def mark(self, body: Json) -> Json:
        body.setdefault("config", {}).setdefault("resourceLabels", {})["managed-by"] = "podreach-gke"
        return body

    def creation(self, body: Json) -> Json:
        return pool_body(body, self.params)

    def plan(self, current: Json | None, *, check_mode: bool) -> Plan:
        cluster = self.sibling(self.cluster_path)
        named = cluster and any(pool["name"] == self.name for pool in cluster.params.get("node_pools") or [])
        if current is None and named and self.params["state"] == "present":
            # it comes with the cluster's create call
            self.planned = Plan(None, None)
            return self.planned
        return super().plan(current, check_mode=check_mode)

    def creation_request(self, body: Json) -> Request:
        return Request("POST", self.collection, {"parent": self.cluster_path, "nodePool": body})

    def _plan_update(self, current: Json, *, check_mode: bool) -> Plan:
        plan = super()._plan_update(current, check_mode=check_mode)
        wanted = self.params.get("node_count")
        if wanted is None:
            return plan
        now = current_node_count(self, current)
        if now == wanted:
            return plan
        if wanted > now:
            self._refuse_too_many(self.client.get("container", self.cluster_path) or {}, current, wanted)
        request = Request("POST", f"{self.path}:setSize", {"nodeCount": wanted})
        grade = Grade.DISRUPTIVE if wanted < now else Grade.SAFE
        step = Step("update", f"resize from {now} to {wanted} nodes in each zone", request, grade, ("nodeCount",))
        before, after = {**(plan.before or {}), "nodeCount": now}, {**(plan.after or {}), "nodeCount": wanted}
        return Plan(before, after, (*plan.steps, step), plan.warnings)

    def precheck(self, current: Json | None, after: Json, *, check_mode: bool) -> list[str]:
        if current is not None:
            return []
        coming = self.sibling(self.cluster_path)
        if coming and coming.planned and coming.planned.steps[0].action != "update":
            # it is about to be made, and judges its own pools
            return []
        cluster = self.client.get("container", self.cluster_path)
        if cluster is None:
            if check_mode:
                return [f"{self.label}: cluster {self.params['cluster']} does not exist yet; counted as planned."]
            raise self.refused(
                f"cluster {self.cluster_path} does not exist: create it first", code="missing-prerequisite"
            )
        if dig(after, "maxPodsConstraint") and not dig(cluster, "ipAllocationPolicy.useIpAliases"):
            raise self.refused(
                f"max_pods_constraint needs a VPC-native cluster, and {self.params['cluster']} is routes-based: every "
                "node of it gets a /24",
                code="routes-based",
            )
        self._refuse_too_many(cluster, after, int(after.get("initialNodeCount") or 0))
        return []

    def _refuse_too_many(self, cluster: Json, pool: Json, count: int) -> None:
        others = [other for other in cluster.get("nodePools") or [] if other["name"] != self.name]
        refuse_too_many(self, cluster, [(pool, count), *((other, current_node_count(self, other)) for other in others)])


def current_node_count(resource: ContainerResource, pool: Json) -> int:
    """The nodes per zone that a pool has now: its instance groups' size where they can be read, else what it began
    with."""
    for url in pool.get("instanceGroupUrls") or []:
        path = url.split("projects/", 1)[-1]
        group = resource.client.get("compute", f"projects/{path}")
        if group and "targetSize" in group:
            return int(group["targetSize"])
    return int(pool.get("initialNodeCount") or 0)


def pool_body(body: Json, params: t.Mapping[str, t.Any]) -> Json:
    """The body of a pool's create call, with the defaults that gcloud would send."""
    count = params.get("node_count") if params.get("node_count") is not None else params.get("initial_node_count")
    least = dig(params, "autoscaling.min_node_count")
    body["initialNodeCount"] = count if count is not None else max(least or 0, 1)
    body.setdefault("config", {}).setdefault("oauthScopes", list(DEFAULT_SCOPES))
    return body


def new_pool(params: t.Mapping[str, t.Any]) -> Json:
    """A pool of a cluster's create call, from the options of one item of node_pools."""
    body: Json = {"name": params["name"]}
    for item in NodePool.fields:
        value = item.wanted(params)
        if value is not None:
            bury(body, item.path, value)
    body.setdefault("config", {}).setdefault("resourceLabels", {})["managed-by"] = "podreach-gke"
    return pool_body(body, params)


def validate_pool(resource: ContainerResource, params: t.Mapping[str, t.Any], where: str) -> None:
    """Note what can be known to be wrong with a pool's options; ``where`` goes before each option's name."""
    for option in ("node_count", "initial_node_count"):
        count = params.get(option)
        if count is not None and count < 0:
            resource.invalid(where + option, count, "a number of nodes is not negative")
    pods = dig(params, "max_pods_constraint.max_pods_per_node")
    if pods is not None:
        try:
            findings = addressing.check_max_pods(pods)
        except addressing.AddressingError as error:
            resource.invalid(f"{where}max_pods_constraint.max_pods_per_node", pods, str(error), code=error.code)
        else:
            for finding in findings:
                if finding.severity == "error":
                    resource.invalid(
                        f"{where}max_pods_constraint.max_pods_per_node", pods, finding.message, finding.code
                    )
                else:
                    resource.call.warn(f"{resource.label}: {finding.message}")
    scaling = params.get("autoscaling") or {}
    for low, high in (("min_node_count", "max_node_count"), ("total_min_node_count", "total_max_node_count")):
        if scaling.get(low) is not None and scaling.get(high) is not None and scaling[low] > scaling[high]:
            resource.invalid(f"{where}autoscaling.{low}", scaling[low], f"is more than {high}, {scaling[high]}")
    if params.get("node_count") is not None and scaling.get("enabled"):
        resource.invalid(
            where + "node_count", params["node_count"], "autoscaling decides the count; use initial_node_count"
        )
    block = dig(params, "network_config.pod_ipv4_cidr_block")
    if block:
        try:
            if block.startswith("/"):
                addressing.prefix_length(block)
            else:
                addressing.parse(block)
        except addressing.AddressingError as error:
            resource.invalid(f"{where}network_config.pod_ipv4_cidr_block", block, str(error), code=error.code)
