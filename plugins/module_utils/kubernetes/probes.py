# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A connectivity check from a pod: one of the caller's, or an own one that lives as long as the check.

An own pod meets the restricted Pod Security Standard. Ping gets along without any capability by the sysctl
net.ipv4.ping_group_range, which that standard admits and every kubelet takes for safe.

In the node's network, that sysctl would be the node's, and a kubelet refuses it; so ping runs as root there, with
NET_RAW as its one capability. Namespaces that enforce baseline or restricted admit no such pod at all.
Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/ and
https://kubernetes.io/docs/tasks/administer-cluster/sysctl-cluster/
"""

from __future__ import annotations

import contextlib
import datetime
import email.utils
import re
import secrets
import typing as t
from urllib.parse import urlsplit

from ..arguments import ArgumentSpec, Call, Definition, failure
from ..errors import ApiError, InvalidInput, PodreachError, Refused, Timeout, raise_all
from ..gcp.task import rehearse
from . import makers, probe_commands, streams
from .access import ACCESS_SPEC
from .client import FIELD_MANAGER, MANAGED_BY, OWNER, Json, Kube
from .pods import trouble
from .service_changes import NAMESPACE_NAME

#: Docker Hub's image by Google's mirror, which nodes without a way to the internet reach as well
IMAGE = "mirror.gcr.io/library/busybox:1.37"
COMPONENT = "app.kubernetes.io/component"
PROBE = "pod-probe"
#: an annotation of own pods, see makers.py
MAKER = "podreach.gke/maker"
CONTAINER = "probe"
#: Seconds that an own pod lives longer than its check may take; then the kubelet stops it, whatever became of us.
AFTERLIFE = 60
#: Nobody in particular: any user but root will do.
USER = 65532

#: Reasons that say that nothing came back.
SILENT = frozenset({"no-reply", "timed-out", "no-route", "unresolved"})
#: What is not asked of the answer that tells the caller.
ANY_ANSWER: Json = {"status": None, "body": None}
SEEN = {"pod": "its own address", "node": "its node", "other": "neither its own nor its node's"}

SPEC = ACCESS_SPEC.merge(
    ArgumentSpec(
        options={
            "kind": {"type": "str", "choices": ["icmp", "tcp", "http", "dns"], "required": True},
            "target": {"type": "str"},
            "port": {"type": "int"},
            "url": {"type": "str"},
            "status": {"type": "list", "elements": "int"},
            "body": {"type": "str"},
            "count": {"type": "int", "default": 3},
            "min_received": {"type": "int", "default": 1},
            "probe_timeout": {"type": "int", "default": 5},
            "expect": {"type": "str", "choices": ["reachable", "unreachable", "any"], "default": "reachable"},
            "namespace": {"type": "str", "default": "default"},
            "pod": {"type": "str"},
            "container": {"type": "str"},
            "image": {"type": "str", "default": IMAGE},
            "labels": {"type": "dict"},
            "node_selector": {"type": "dict"},
            "host_network": {"type": "bool", "default": False},
            "source_url": {"type": "str"},
            "timeout": {"type": "int", "default": 120},
        },
        required_if=(
            ("kind", "icmp", ("target",)),
            ("kind", "tcp", ("target", "port")),
            ("kind", "http", ("url",)),
            ("kind", "dns", ("target",)),
        ),
    )
)


def complaints(params: Json) -> list[str]:
    """What can be known to be wrong with the options without asking anybody."""
    found = []
    for option in ("target", "url", "source_url"):
        value = params.get(option)
        if value is not None and (not value.strip() or re.search(r"[\s\x00]", value) or value.startswith("-")):
            found.append(f"{option}: {value!r} is no target")
    for option in ("url", "source_url"):
        url = params.get(option)
        if url and not _is_url(url):
            found.append(f"{option}: {url!r} is no URL: write it like http://10.0.0.2/health")
    if params.get("source_url") and params["kind"] == "dns":
        found.append("source_url: to look a name up reaches no target: leave it out, or choose another kind")
    if params.get("port") is not None and not 1 <= params["port"] <= 65535:
        found.append(f"port: {params['port']} is not between 1 and 65535")
    for option, least in (("count", 1), ("probe_timeout", 1), ("timeout", 1), ("min_received", 1)):
        if params[option] < least:
            found.append(f"{option}: {params[option]} is less than {least}")
    if params["min_received"] > params["count"]:
        found.append(f"min_received: {params['min_received']} is more than count, {params['count']}")
    if not NAMESPACE_NAME.fullmatch(params["namespace"]):
        found.append(f"namespace: {params['namespace']!r} is no name of a namespace")
    if params.get("pod") is not None and not re.fullmatch(r"[a-z0-9](?:[-.a-z0-9]{0,251}[a-z0-9])?", params["pod"]):
        found.append(f"pod: {params['pod']!r} is no name of a pod")
    if params["host_network"] and params.get("pod") is not None:
        found.append(
            f"host_network: it is for a pod that is made, and pod names {params['pod']!r}: leave one of them out"
        )
    for option in ("labels", "node_selector"):
        for key, value in (params.get(option) or {}).items():
            if isinstance(value, (dict, list)) or value is None:
                found.append(f"{option}: {key!r}: {value!r} is no text")
    for key in (MANAGED_BY, COMPONENT):
        if key in (params.get("labels") or {}):
            found.append(f"labels: {key!r} is set by this module: leave it out")
    if params.get("body"):
        try:
            re.compile(params["body"])
        except re.error as error:
            found.append(f"body: {params['body']!r} is no regular expression: {error}")
    return found


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def own_pod(params: Json, name: str) -> Json:
    """The pod that is made for one check. Without ``labels``, nothing but ours select it."""
    spec: Json = {
        "activeDeadlineSeconds": params["timeout"] + AFTERLIFE,
        "automountServiceAccountToken": False,
        "containers": [
            {
                "name": CONTAINER,
                "image": params["image"],
                "command": ["sleep", str(params["timeout"] + AFTERLIFE)],
                "resources": {
                    "requests": {"cpu": "10m", "memory": "16Mi"},
                    "limits": {"cpu": "100m", "memory": "64Mi"},
                },
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "capabilities": {"drop": ["ALL"]},
                    "readOnlyRootFilesystem": True,
                },
            }
        ],
        "enableServiceLinks": False,
        "restartPolicy": "Never",
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "terminationGracePeriodSeconds": 0,
    }
    if params["host_network"]:
        spec["hostNetwork"] = True
        if params["kind"] == "icmp":
            spec["securityContext"] |= {"runAsNonRoot": False, "runAsUser": 0, "runAsGroup": 0}
            spec["containers"][0]["securityContext"]["capabilities"]["add"] = ["NET_RAW"]
    elif params["kind"] == "icmp":
        spec["securityContext"]["sysctls"] = [{"name": "net.ipv4.ping_group_range", "value": "0 2147483647"}]
    if params.get("node_selector"):
        spec["nodeSelector"] = {key: str(value) for key, value in params["node_selector"].items()}
    labels = {key: str(value) for key, value in (params.get("labels") or {}).items()}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": params["namespace"],
            "labels": {**labels, MANAGED_BY: OWNER, COMPONENT: PROBE},
            "annotations": {MAKER: makers.this_process()},
        },
        "spec": spec,
    }


def is_leftover(pod: Json, now: datetime.datetime) -> bool:
    """Whether a probe's pod has outlived its check: nobody waits for it any more."""
    if (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
        return True
    if makers.has_ended((pod["metadata"].get("annotations") or {}).get(MAKER, "")):
        return True
    made = datetime.datetime.fromisoformat(pod["metadata"]["creationTimestamp"].replace("Z", "+00:00"))
    life = (pod.get("spec") or {}).get("activeDeadlineSeconds") or 0
    return now > made + datetime.timedelta(seconds=life)


def runs(pod: Json, container: str) -> bool:
    """Whether a container of a pod runs."""
    status = pod.get("status") or {}
    return status.get("phase") == "Running" and any(
        item["name"] == container and (item.get("state") or {}).get("running") is not None
        for item in status.get("containerStatuses") or []
    )


class Checked(t.NamedTuple):
    """What a check found. ``source`` is the address that the target saw, where that was asked and told."""

    pod: Json
    verdict: probe_commands.Verdict
    source: str | None = None


class Prober:
    """One check from one pod."""

    def __init__(self, kube: Kube, call: Call) -> None:
        self.kube = kube
        self.call = call
        self.params = call.params
        self.namespace: str = call.params["namespace"]
        self.collection = f"/api/v1/namespaces/{self.namespace}/pods"

    def run(self) -> Checked:
        """The pod that it was made from, what came out, and whom the target saw."""
        if self.params.get("pod"):
            pod = self.existing(self.params["pod"])
            container = self.params.get("container") or default_container(pod)
            if not runs(pod, container):
                known = [item["name"] for item in pod["spec"]["containers"]]
                why = trouble(pod)[0] if container in known else f"its containers are {', '.join(known)}"
                raise PodreachError(
                    f"{self.label(self.params['pod'])}: its container {container} does not run: {why}",
                    code="not-running",
                    resource=self.label(self.params["pod"]),
                )
            return self.checked(pod, container)
        self.remove_leftovers()
        name = f"podreach-probe-{secrets.token_hex(5)}"
        try:
            self.make(name)
            return self.checked(self.await_running(name), CONTAINER)
        finally:
            self.remove(name)

    def label(self, name: str) -> str:
        return f"Pod {self.namespace}/{name}"

    def existing(self, name: str) -> Json:
        pod = self.kube.get(f"{self.collection}/{name}", self.label(name))
        if pod is None:
            raise PodreachError(
                f"{self.label(name)} does not exist. Correct pod or namespace, or leave pod out to use one of "
                "podreach.gke's own.",
                code="notFound",
                resource=self.label(name),
            )
        return pod

    def checked(self, pod: Json, container: str) -> Checked:
        verdict = self.check(self.params, pod, container)
        if not self.params.get("source_url"):
            return Checked(pod, verdict)
        return Checked(pod, verdict, self.source(verdict, pod, container))

    def check(self, params: Json, pod: Json, container: str) -> probe_commands.Verdict:
        name = pod["metadata"]["name"]
        # one more than the program itself gives up after
        longest = params["probe_timeout"] + (params["count"] if params["kind"] == "icmp" else 0) + 10
        until = min(self.kube.deadline, self.kube.clock.now() + longest)
        done = streams.run(self.kube, self.namespace, name, container, probe_commands.command(params), until)
        return probe_commands.judge(params, done, self.label(name))

    def source(self, verdict: probe_commands.Verdict, pod: Json, container: str) -> str | None:
        """The address of the caller that ``source_url`` tells. None, with a warning, where it tells none."""
        url = self.params["source_url"]
        if verdict.reason in SILENT:
            return None
        try:
            if self.params["kind"] != "http" or self.params["url"] != url:
                verdict = self.check({**self.params, "kind": "http", "url": url, **ANY_ANSWER}, pod, container)
        except PodreachError as error:
            self.call.warn(f"source_url: nobody knows as whom the pod is seen: {error}")
            return None
        found = probe_commands.caller(verdict.measured.get("body") or "")
        if found is None:
            why = "tells no address, or several" if verdict.reachable else f"did not come ({verdict.reason})"
            self.call.warn(f"source_url: nobody knows as whom the pod is seen: the answer of {shown_url(url)} {why}")
        return found

    # -- an own pod

    def make(self, name: str) -> None:
        body = own_pod(self.params, name)
        try:
            self.kube.request(
                "POST", self.collection, self.label(name), query={"fieldManager": FIELD_MANAGER}, body=body
            )
        except ApiError as error:
            if self.params["host_network"] and error.status == 403 and "PodSecurity" in str(error):
                raise Refused(
                    f"host_network: the namespace {self.namespace} admits no pod in its node's network: it enforces "
                    "the Pod Security Standard baseline or restricted. Name a namespace that enforces privileged "
                    f"(label pod-security.kubernetes.io/enforce), or leave host_network out. {error}",
                    code="pod-security",
                    resource=self.label(name),
                ) from error
            raise

    def await_running(self, name: str) -> Json:
        path, seen = f"{self.collection}/{name}", {}

        def running() -> Json | None:
            pod = self.kube.get(path, self.label(name))
            if pod is None:
                raise PodreachError(
                    f"{self.label(name)}: somebody deleted it before it ran", code="gone", resource=self.label(name)
                )
            seen.update(pod)
            if runs(pod, CONTAINER) and (pod["status"].get("podIP")):
                return pod
            why, hopeless = trouble(pod)
            if hopeless:
                raise PodreachError(
                    f"{self.label(name)} (image {self.params['image']}) does not run: {why}",
                    code="not-running",
                    resource=self.label(name),
                )
            return None

        pod = self.kube.wait(running, f"{self.label(name)}: waiting until it runs")
        if pod is not None:
            return pod
        why = trouble(seen)[0]
        warnings = [event for event in self.kube.events(self.namespace, "Pod", name) if event["type"] == "Warning"]
        if warnings:
            why += f"; {warnings[-1]['reason']}: {warnings[-1]['message']}"
        raise Timeout(
            f"{self.label(name)} (image {self.params['image']}) did not run within {self.kube.timeout:.0f} s: {why}",
            resource=self.label(name),
        )

    def remove(self, name: str) -> None:
        """Delete an own pod at once; where that fails it says so, and the next check tries again."""
        body = {"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0}
        # what is left of the time may be nothing, and this has to be done all the same
        self.kube.deadline = max(self.kube.deadline, self.kube.clock.now() + 10)
        try:
            self.kube.request("DELETE", f"{self.collection}/{name}", self.label(name), body=body)
        except ApiError as error:
            if error.status != 404:
                self.call.warn(f"{error}. It stops by itself after {AFTERLIFE} s; delete it.")

    def remove_leftovers(self) -> None:
        """Delete the pods of checks that were killed."""
        query = {"labelSelector": f"{MANAGED_BY}={OWNER},{COMPONENT}={PROBE}"}
        try:
            answer = self.kube.exchange("GET", self.collection, f"pods of {self.namespace}", query=query)
        except ApiError as error:
            if error.status == 403:
                return  # the right to list is not needed otherwise
            raise
        now = datetime.datetime.now(datetime.UTC)
        with contextlib.suppress(KeyError, TypeError, ValueError):
            # by the clock that made their timestamps
            now = email.utils.parsedate_to_datetime(answer.headers["date"])
        for pod in answer.body.get("items") or []:
            if is_leftover(pod, now):
                self.remove(pod["metadata"]["name"])


def default_container(pod: Json) -> str:
    """The container that kubectl would take."""
    named = (pod["metadata"].get("annotations") or {}).get("kubectl.kubernetes.io/default-container")
    return str(named or pod["spec"]["containers"][0]["name"])


def described(pod: Json) -> Json:
    """What of a pod matters to a connection."""
    return {
        "name": pod["metadata"]["name"],
        "namespace": pod["metadata"]["namespace"],
        "address": (pod.get("status") or {}).get("podIP"),
        "node": pod["spec"].get("nodeName"),
        "node_address": (pod.get("status") or {}).get("hostIP"),
        "host_network": bool(pod["spec"].get("hostNetwork")),
    }


def seen_as(source: str | None, pod: Json) -> str | None:
    """Whose address the target saw, of a pod as described."""
    if source is None:
        return None
    if source == pod["node_address"] or (pod["host_network"] and source == pod["address"]):
        return "node"
    return "pod" if source == pod["address"] else "other"


def shown_url(url: str) -> str:
    """A URL without what may be secret in it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def execute(call: Call) -> dict[str, t.Any]:
    """Make the check; never changes anything that stays."""
    params = call.params
    found = complaints(params)
    raise_all([InvalidInput(problem) for problem in found])
    for option in ("url", "source_url"):
        password = urlsplit(params.get(option) or "").password
        if password:
            call.secrets.add(password)
    if call.check_mode:
        return {
            "changed": False,
            "ran": False,
            "reachable": None,
            "msg": "Check mode: nothing was run, since that takes a program in a pod.",
        }
    pod, verdict, source = Prober(Kube.for_call(call), call).run()
    shown = described(pod)
    own = not params.get("pod")
    result = {
        "changed": False,
        "ran": True,
        "reachable": verdict.reachable,
        "reason": verdict.reason,
        "output": verdict.output,
        "pod": {**shown, "own": own},
        **verdict.measured,
    }
    told = probe_commands.sentence(params, verdict, shown)
    if params.get("source_url"):
        result |= {"seen_source": source, "seen_as": seen_as(source, shown)}
        if source:
            told += f"; seen as {source} ({SEEN[str(result['seen_as'])]})"
    if params["expect"] == "any" or verdict.reachable == (params["expect"] == "reachable"):
        return {**result, "msg": told}
    error = PodreachError(
        f"{told}, and {params['expect']} was expected. {verdict.output}".strip(),
        code="not-as-expected",
        reason=verdict.reason,
        resource=f"Pod {shown['namespace']}/{shown['name']}",
    )
    return {**result, **failure(error)}


DEFINITION = Definition(name="pod_probe", spec=SPEC, execute=execute, rehearse=rehearse)
