# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Kubernetes API server fills in where nothing is said.

After https://kubernetes.io/docs/reference/kubernetes-api/ and the SetDefaults functions of each group
(https://github.com/kubernetes/kubernetes/tree/master/pkg/apis).
"""

from __future__ import annotations

import base64
import typing as t

from .schema import quantity
from .store import Write, clone

Json = dict[str, t.Any]

NOT_READY, UNREACHABLE = "node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"
RBAC = "rbac.authorization.k8s.io"


def fill(item: Json, **defaults: t.Any) -> None:
    """Set what is not there."""
    for name, value in defaults.items():
        if item.get(name) is None:
            item[name] = clone(value)


def admit(write: Write) -> None:
    """Admission that fills in."""
    if write.verb == "delete" or write.subresource:
        return
    default = DEFAULTS.get(write.type.key)
    if default is not None:
        default(write.new)
    elif write.type.schema is not None:
        fill_by_schema(write.new, write.type.schema)


def fill_by_schema(value: t.Any, schema: Json) -> None:
    """The defaults of a custom resource's schema."""
    if isinstance(value, dict):
        for name, inside in schema.get("properties", {}).items():
            if "default" in inside and name not in value:
                value[name] = clone(inside["default"])
            if name in value:
                fill_by_schema(value[name], inside)
        more = schema.get("additionalProperties")
        if isinstance(more, dict):
            for item in value.values():
                fill_by_schema(item, more)
    elif isinstance(value, list):
        for item in value:
            fill_by_schema(item, schema.get("items") or {})


# ---- pods


def pull_policy(image: str) -> str:
    """Always for :latest and for no tag."""
    last = image.rpartition("/")[2]
    latest = "@" not in image and (":" not in last or last.endswith(":latest"))
    return "Always" if latest else "IfNotPresent"


def container(item: Json, host_network: bool) -> None:
    fill(
        item,
        imagePullPolicy=pull_policy(item.get("image", "")),
        terminationMessagePath="/dev/termination-log",
        terminationMessagePolicy="File",
        resources={},
    )
    for port in item.get("ports") or ():
        fill(port, protocol="TCP")
        if host_network and "containerPort" in port:
            fill(port, hostPort=port["containerPort"])
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        probe = item.get(name)
        if probe:
            fill(probe, timeoutSeconds=1, periodSeconds=10, successThreshold=1, failureThreshold=3)
            if probe.get("httpGet"):
                fill(probe["httpGet"], scheme="HTTP", path="/")
            if probe.get("grpc"):
                fill(probe["grpc"], service="")
    for variable in item.get("env") or ():
        reference = (variable.get("valueFrom") or {}).get("fieldRef")
        if reference:
            fill(reference, apiVersion="v1")
    limits = item["resources"].get("limits")
    if limits:
        item["resources"]["requests"] = {**limits, **(item["resources"].get("requests") or {})}


def volume(item: Json) -> None:
    if set(item) <= {"name"}:
        item["emptyDir"] = {}
    for name in ("configMap", "secret", "projected", "downwardAPI"):
        if isinstance(item.get(name), dict):
            fill(item[name], defaultMode=420)
    if isinstance(item.get("hostPath"), dict):
        fill(item["hostPath"], type="")
    for source in (item.get("projected") or {}).get("sources") or ():
        if source.get("serviceAccountToken"):
            fill(source["serviceAccountToken"], expirationSeconds=3600)


def pod_spec(spec: Json) -> None:
    fill(
        spec,
        restartPolicy="Always",
        terminationGracePeriodSeconds=30,
        dnsPolicy="ClusterFirst",
        securityContext={},
        schedulerName="default-scheduler",
    )
    account = spec.get("serviceAccountName") or spec.get("serviceAccount")
    if account:
        spec["serviceAccountName"] = spec["serviceAccount"] = account
    for name in ("initContainers", "containers"):
        for item in spec.get(name) or ():
            container(item, bool(spec.get("hostNetwork")))
    for item in spec.get("volumes") or ():
        volume(item)


def quality(spec: Json) -> str:
    """status.qosClass: https://kubernetes.io/docs/concepts/workloads/pods/pod-qos/"""
    every = [item.get("resources") or {} for item in spec.get("containers") or ()]
    if not any(item.get("requests") or item.get("limits") for item in every):
        return "BestEffort"
    for item in every:
        limits, requests = item.get("limits") or {}, item.get("requests") or {}
        if not {"cpu", "memory"} <= set(limits) or any(
            quantity(str(requests.get(name, limits[name]))) != quantity(str(limits[name])) for name in ("cpu", "memory")
        ):
            return "Burstable"
    return "Guaranteed"


def pod(item: Json) -> None:
    spec = item.setdefault("spec", {})
    pod_spec(spec)
    fill(
        spec,
        enableServiceLinks=True,
        serviceAccountName="default",
        serviceAccount="default",
        preemptionPolicy="PreemptLowerPriority",
        priority=0,
    )
    tolerations = spec.setdefault("tolerations", [])
    for key in (NOT_READY, UNREACHABLE):
        covered = any(
            toleration.get("key") in (key, None) and toleration.get("effect") in ("NoExecute", None)
            for toleration in tolerations
        )
        if not covered:
            tolerations.append({"effect": "NoExecute", "key": key, "operator": "Exists", "tolerationSeconds": 300})
    if not tolerations:
        del spec["tolerations"]
    status = item.setdefault("status", {})
    fill(status, phase="Pending", qosClass=quality(spec))


# ---- workloads


def template(item: Json) -> Json:
    spec: Json = item.setdefault("spec", {})
    inside = spec.setdefault("template", {})
    inside.setdefault("metadata", {})
    pod_spec(inside.setdefault("spec", {}))
    return spec


def deployment(item: Json) -> None:
    spec = template(item)
    fill(spec, replicas=1, revisionHistoryLimit=10, progressDeadlineSeconds=600, strategy={})
    fill(spec["strategy"], type="RollingUpdate")
    if spec["strategy"]["type"] == "RollingUpdate":
        fill(spec["strategy"], rollingUpdate={})
        fill(spec["strategy"]["rollingUpdate"], maxUnavailable="25%", maxSurge="25%")


def daemon_set(item: Json) -> None:
    spec = template(item)
    fill(spec, revisionHistoryLimit=10, updateStrategy={})
    fill(spec["updateStrategy"], type="RollingUpdate")
    if spec["updateStrategy"]["type"] == "RollingUpdate":
        fill(spec["updateStrategy"], rollingUpdate={})
        fill(spec["updateStrategy"]["rollingUpdate"], maxUnavailable=1, maxSurge=0)


def replica_set(item: Json) -> None:
    fill(template(item), replicas=1)


def stateful_set(item: Json) -> None:
    spec = template(item)
    fill(
        spec,
        replicas=1,
        revisionHistoryLimit=10,
        podManagementPolicy="OrderedReady",
        updateStrategy={},
        persistentVolumeClaimRetentionPolicy={"whenDeleted": "Retain", "whenScaled": "Retain"},
    )
    fill(spec["updateStrategy"], type="RollingUpdate")
    if spec["updateStrategy"]["type"] == "RollingUpdate":
        fill(spec["updateStrategy"], rollingUpdate={})
        fill(spec["updateStrategy"]["rollingUpdate"], partition=0)


def job(item: Json) -> None:
    spec = template(item)
    fill(spec, backoffLimit=6, completionMode="NonIndexed", suspend=False, podReplacementPolicy="TerminatingOrFailed")
    if spec.get("completions") is None and spec.get("parallelism") is None:
        spec["completions"] = 1
    fill(spec, parallelism=1)
    if not spec.get("manualSelector"):
        uid = item["metadata"]["uid"]
        labels = spec["template"]["metadata"].setdefault("labels", {})
        for prefix in ("batch.kubernetes.io/", ""):
            labels.setdefault(f"{prefix}controller-uid", uid)
            labels.setdefault(f"{prefix}job-name", item["metadata"].get("name", ""))
        fill(spec, selector={"matchLabels": {"batch.kubernetes.io/controller-uid": uid}})


# ---- the rest


def service(item: Json) -> None:
    spec = item.setdefault("spec", {})
    fill(spec, type="ClusterIP", sessionAffinity="None")
    if spec["sessionAffinity"] == "ClientIP":
        fill(spec, sessionAffinityConfig={})
        fill(spec["sessionAffinityConfig"], clientIP={})
        fill(spec["sessionAffinityConfig"]["clientIP"], timeoutSeconds=10800)
    for port in spec.get("ports") or ():
        fill(port, protocol="TCP")
        if port.get("targetPort") in (None, "", 0) and "port" in port:
            port["targetPort"] = port["port"]
    if spec["type"] != "ExternalName":
        fill(spec, internalTrafficPolicy="Cluster")
    if spec["type"] in ("NodePort", "LoadBalancer"):
        fill(spec, externalTrafficPolicy="Cluster")
    if spec["type"] == "LoadBalancer":
        fill(spec, allocateLoadBalancerNodePorts=True)
    fill(item, status={})
    fill(item["status"], loadBalancer={})


def namespace(item: Json) -> None:
    metadata = item["metadata"]
    if metadata.get("name"):
        metadata.setdefault("labels", {})["kubernetes.io/metadata.name"] = metadata["name"]
    fill(item, spec={}, status={})
    fill(item["spec"], finalizers=["kubernetes"])
    fill(item["status"], phase="Active")


def secret(item: Json) -> None:
    fill(item, type="Opaque")
    for name, text in (item.pop("stringData", None) or {}).items():
        item.setdefault("data", {})[name] = base64.b64encode(text.encode()).decode()


def endpoints(item: Json) -> None:
    for subset in item.get("subsets") or ():
        for port in subset.get("ports") or ():
            fill(port, protocol="TCP")


def endpoint_slice(item: Json) -> None:
    for port in item.get("ports") or ():
        fill(port, name="", protocol="TCP")


def network_policy(item: Json) -> None:
    spec = item.setdefault("spec", {})
    if not spec.get("policyTypes"):
        spec["policyTypes"] = ["Ingress"] + (["Egress"] if spec.get("egress") else [])
    for rule in [*(spec.get("ingress") or ()), *(spec.get("egress") or ())]:
        for port in rule.get("ports") or ():
            fill(port, protocol="TCP")


def binding(item: Json) -> None:
    if isinstance(item.get("roleRef"), dict):
        fill(item["roleRef"], apiGroup=RBAC)
    for subject in item.get("subjects") or ():
        if subject.get("kind") in ("User", "Group"):
            fill(subject, apiGroup=RBAC)


def node(item: Json) -> None:
    fill(item, spec={}, status={})


DEFAULTS: dict[str, t.Callable[[Json], None]] = {
    "pods": pod,
    "services": service,
    "namespaces": namespace,
    "nodes": node,
    "secrets": secret,
    "endpoints": endpoints,
    "endpointslices.discovery.k8s.io": endpoint_slice,
    "deployments.apps": deployment,
    "daemonsets.apps": daemon_set,
    "replicasets.apps": replica_set,
    "statefulsets.apps": stateful_set,
    "jobs.batch": job,
    "networkpolicies.networking.k8s.io": network_policy,
    f"rolebindings.{RBAC}": binding,
    f"clusterrolebindings.{RBAC}": binding,
}
