# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ip-masq-agent at work on every node: when it reads its file, which rules it leaves behind, and what it logs.

The kubelet brings a changed ConfigMap into the agent's file after a while, and the agent looks at the file at its next
resync: both durations are the lab clock's (kubernetes.configMap, kubernetes.resync). Nobody removes rules that an agent
wrote: they outlive it until the node goes.
"""

from __future__ import annotations

import dataclasses
import datetime
import math
import typing as t

from ..state import Resource
from . import facts, masquerade
from .context import Context
from .node_objects import AGENT_LABEL, is_windows, pool_of
from .store import Event

Json = dict[str, t.Any]
NAME = "ip-masq-agent"
SYSTEM = "kube-system"
LINES = {"version": 128, "flag": 131, "config": 165, "rules": 170, "using": 212, "missing": 224, "found": 227}
"""Where the agent logs: lines of cmd/ip-masq-agent/ip-masq-agent.go."""


@dataclasses.dataclass
class Agent:
    """One running agent. `file` is what its container sees, None while there is none."""

    pod: Json
    container: Json
    flags: masquerade.Flags
    config: masquerade.Config
    anchor: float
    file: str | None = None
    due: float = -1.0


class Agents:
    """The agents of a cluster, and the chains of its nodes."""

    def __init__(self, context: Context, changed: t.Callable[[], None]) -> None:
        self.context = context
        self.setting: bool | None = None
        self._changed = changed
        self._agents: dict[str, Agent] = {}
        self._written: dict[str, dict[str, facts.MasqueradeChain]] = {}  # instance id -> chains by name
        context.stage("agents", self.reconcile)
        context.stage("configs", self.config_map_changed)
        context.listeners.append(self._saw)

    def _saw(self, event: Event) -> None:
        metadata = event.stored["metadata"]
        if event.key == "pods":
            if event.type == "DELETED":
                self._agents.pop(metadata["uid"], None)
            elif _container(event.stored) is not None:
                self.context.enqueue("agents", metadata["namespace"], metadata["name"])
        elif event.key == "configmaps":
            self.context.enqueue("configs", metadata["namespace"], metadata["name"])
        elif event.key == "daemonsets.apps" and event.type == "DELETED" and metadata["name"] == NAME:
            self.context.enqueue("addons")

    # ---- what GKE deploys

    @property
    def deployed(self) -> bool:
        return masquerade.deployed(self.context.body) if self.setting is None else self.setting

    def tell(self, deployed: bool | None) -> None:
        """Say whether GKE has deployed the agent; None: by its rule. Where it never did, it left no rules behind."""
        self.setting = deployed
        if deployed is False:
            self._written.clear()

    def deploy(self) -> None:
        """Keep GKE's own DaemonSet there, or away; one that somebody else made is left alone."""
        found = self.context.get("daemonsets.apps", SYSTEM, NAME)
        if self.deployed:
            if found is None:
                self.context.create("daemonsets.apps", daemon_set())
        elif found is not None and (found["metadata"].get("labels") or {}).get(MANAGED) == "Reconcile":
            self.context.delete("daemonsets.apps", found)

    # ---- agents

    def reconcile(self, namespace: str, name: str) -> None:
        """Start an agent when its pod runs."""
        pod = self.context.get("pods", namespace, name)
        if pod is None or pod["metadata"]["uid"] in self._agents:
            return
        container = _container(pod)
        if container is None or pod.get("status", {}).get("phase") != "Running":
            return
        try:
            flags = masquerade.flags_of(masquerade.arguments_of(container))
        except masquerade.Rejected:
            return  # its container crashes, as the pod's status says
        now = self.context.lab.state.clock.monotonic()
        agent = Agent(pod, container, flags, masquerade.defaults(flags), now)
        self._agents[pod["metadata"]["uid"]] = agent
        version = container["image"].split("@")[0].rpartition(":")[2]
        self._say(agent, "I", "version", f"ip-masq-agent version: {version}")
        agent.file = self._file(agent)
        self._sync(agent)

    def config_map_changed(self, namespace: str, name: str) -> None:
        clock = self.context.lab.state.clock
        for agent in list(self._agents.values()):
            if agent.pod["metadata"]["namespace"] == namespace and name in _config_maps(agent.pod["spec"]):
                clock.after(clock.seconds("kubernetes.configMap", "kubernetes"), self._later(agent, self._bring))

    def _later(self, agent: Agent, call: t.Callable[[Agent], None]) -> t.Callable[[], None]:
        def run() -> None:
            if self._agents.get(agent.pod["metadata"]["uid"]) is agent:
                call(agent)

        return run

    def _bring(self, agent: Agent) -> None:
        """The kubelet renews the file; the agent sees it at its next resync."""
        try:
            file = self._file(agent)
        except masquerade.Unmountable:
            return
        if file == agent.file:
            return
        agent.file = file
        clock = self.context.lab.state.clock
        interval = clock.seconds("kubernetes.resync", "kubernetes") * agent.config.resync / masquerade.RESYNC
        now = clock.monotonic()
        if interval <= 0:
            self._sync(agent)
            return
        due = agent.anchor + math.ceil((now - agent.anchor) / interval) * interval
        if due != agent.due:
            agent.due = due
            clock.after(due - now, self._later(agent, self._sync))

    def _file(self, agent: Agent) -> str | None:
        namespace = agent.pod["metadata"]["namespace"]
        return masquerade.config_file(
            agent.pod["spec"], agent.container, lambda name: self.context.get("configmaps", namespace, name)
        )

    def _sync(self, agent: Agent) -> None:
        """What the agent does at each resync: those at which nothing has changed are left out."""
        agent.due = -1.0
        agent.anchor = self.context.lab.state.clock.monotonic()
        try:
            if agent.file is None:
                agent.config = masquerade.defaults(agent.flags)
                why = f'No config file found at "{masquerade.CONFIG_FILE}", using default values: stat '
                self._say(agent, "I", "missing", f"{why}{masquerade.CONFIG_FILE}: no such file or directory", 2)
            else:
                self._say(agent, "I", "found", f'Config file found at "{masquerade.CONFIG_FILE}"', 2)
                agent.config = masquerade.read(agent.file, agent.flags)
                self._say(agent, "I", "using", f"Using config: {masquerade.as_json(agent.config)}", 2)
        except masquerade.Rejected as error:
            self._say(agent, "E", "config", f"Error syncing configuration: {error}")
            self.context.event(
                agent.pod,
                "Warning",
                "MasqueradeConfigRejected",
                f"Error syncing configuration: {error}",
                "podreach-lab",
            )
            return
        if not masquerade.may_write(agent.pod["spec"], agent.container):
            why = "the container may not change the rules of its node (hostNetwork and NET_ADMIN are needed)"
            self._say(agent, "E", "rules", f"Error syncing masquerade rules: {why}")
            return
        instance = self._instance(agent.pod["spec"]["nodeName"])
        if instance is None:
            return
        chains = self._written.setdefault(instance.body["id"], {})
        chain = masquerade.agent_chain(agent.config, agent.flags)
        if chains.get(chain.name) != chain:
            chains[chain.name] = chain
            self._changed()
            self.context.wake()

    def _say(self, agent: Agent, level: str, where: str, text: str, verbosity: int = 0) -> None:
        """A line of the agent's log, as klog writes it."""
        if agent.flags.verbosity < verbosity:
            return
        now: datetime.datetime = self.context.lab.state.clock.now()
        line = f"{level}{now:%m%d %H:%M:%S.%f}       1 ip-masq-agent.go:{LINES[where]}] {text}"
        self.context.store.say(agent.pod["metadata"]["uid"], agent.container["name"], line)

    # ---- chains

    def _instance(self, node: str) -> Resource | None:
        found = self.context.get("nodes", "", node)
        return None if found is None else self.context.lab.state.get(path_of(found))

    def forget(self, instance_id: str) -> None:
        self._written.pop(instance_id, None)

    def chains(self, instance: Resource, ranges: t.Callable[[], list[str]]) -> tuple[facts.MasqueradeChain, ...]:
        """What POSTROUTING of a node consults, in order. ranges: the cluster's own."""
        body = self.context.body
        if is_windows(instance, pool_of(body, instance.hidden["pool"])):
            return (masquerade.windows_chain(ranges()),)
        if masquerade.is_autopilot(body):
            return (masquerade.policy_chain(self.context.all("egressnatpolicies.networking.gke.io"), ranges()),)
        chains: dict[str, facts.MasqueradeChain] = {}
        if not masquerade.snat_disabled(body):
            chains[masquerade.GKE_CHAIN] = masquerade.node_chain()
        chains |= self._written.get(instance.body["id"], {})
        return tuple(chains.values())


MANAGED = "addonmanager.kubernetes.io/mode"


def path_of(node: Json) -> str:
    """The path of a Node's instance, from its providerID gce://project/zone/name."""
    project, zone, name = node["spec"]["providerID"].removeprefix("gce://").split("/")
    return f"projects/{project}/zones/{zone}/instances/{name}"


def _container(pod: Json) -> Json | None:
    return next((item for item in pod["spec"]["containers"] if masquerade.is_agent(item)), None)


def _config_maps(spec: Json) -> list[str]:
    return [item["configMap"].get("name", "") for item in spec.get("volumes") or [] if item.get("configMap")]


def daemon_set() -> Json:
    """The DaemonSet as GKE deploys it; arguments and volume as in kubernetes/kubernetes
    cluster/addons/ip-masq-agent/ip-masq-agent.yaml."""
    labels = {"k8s-app": NAME}
    return {
        "metadata": {"name": NAME, "namespace": SYSTEM, "labels": {**labels, MANAGED: "Reconcile"}},
        "spec": {
            "selector": {"matchLabels": dict(labels)},
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}},
            "revisionHistoryLimit": 10,
            "template": {
                "metadata": {"labels": dict(labels)},
                "spec": {
                    "hostNetwork": True,
                    "dnsPolicy": "ClusterFirst",
                    "restartPolicy": "Always",
                    "schedulerName": "default-scheduler",
                    "terminationGracePeriodSeconds": 30,
                    "priorityClassName": "system-node-critical",
                    "containers": [
                        {
                            "name": NAME,
                            "image": "gke.gcr.io/ip-masq-agent:v2.9.3-gke.5",
                            "imagePullPolicy": "IfNotPresent",
                            "args": [f"--masq-chain={masquerade.GKE_CHAIN}", "--nomasq-all-reserved-ranges"],
                            "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}},
                            "securityContext": {
                                "privileged": False,
                                "capabilities": {"drop": ["ALL"], "add": ["NET_ADMIN", "NET_RAW"]},
                            },
                            "terminationMessagePath": "/dev/termination-log",
                            "terminationMessagePolicy": "File",
                            "volumeMounts": [{"name": "config", "mountPath": "/etc/config"}],
                        }
                    ],
                    "nodeSelector": {"kubernetes.io/os": "linux", AGENT_LABEL: "true"},
                    "securityContext": {},
                    "tolerations": [
                        {"effect": "NoSchedule", "operator": "Exists"},
                        {"effect": "NoExecute", "operator": "Exists"},
                        {"key": "CriticalAddonsOnly", "operator": "Exists"},
                    ],
                    "volumes": [
                        {
                            "name": "config",
                            "configMap": {
                                "name": NAME,
                                "optional": True,
                                "defaultMode": 420,
                                "items": [{"key": "config", "path": "ip-masq-agent"}],
                            },
                        }
                    ],
                },
            },
        },
    }
