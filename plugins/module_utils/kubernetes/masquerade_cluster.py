# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a cluster decides with which address its pods are seen, and what of that is not as it should be.

Which clusters have what: https://cloud.google.com/kubernetes-engine/docs/concepts/ip-masquerade-agent
"""

from __future__ import annotations

import ipaddress
import typing as t
from dataclasses import dataclass, field

from ..arguments import Call
from ..errors import ApiError, InvalidInput, PodreachError
from ..gcp.client import Client
from . import masquerade_agent, masquerade_config, masquerade_rules
from .client import Json, Kube
from .masquerade_agent import KEY, NAME, NAMESPACE
from .masquerade_config import FIELDS, Config, Flags, Rejected

CONFIG_MAPS = f"/api/v1/namespaces/{NAMESPACE}/configmaps"
CONFIG_MAP = f"ConfigMap {NAMESPACE}/{NAME}"
#: of Autopilot: https://cloud.google.com/kubernetes-engine/docs/how-to/egress-nat-policy-ip-masq-autopilot
POLICIES = "/apis/networking.gke.io/v1/egressnatpolicies"
HOW_TO = "https://cloud.google.com/kubernetes-engine/docs/how-to/ip-masquerade-agent"


@dataclass(frozen=True)
class Finding:
    """Something that is not as it should be: a code of the diagnosis, a sentence, and what to do about it."""

    code: str
    message: str
    mend: str

    def as_warning(self) -> str:
        return f"{self.message} ({self.code}). {self.mend}"


@dataclass
class Surroundings:
    """What decides about the ConfigMap: the agent, the cluster's mode, its own ranges (range -> what it is)."""

    agent: Json | None = None
    #: this call brings the agent, so there is none yet
    deploying: bool = False
    autopilot: bool = False
    snat_disabled: bool = False
    windows: bool = False
    #: Google has said what the cluster is
    named: bool = False
    own: dict[str, str] = field(default_factory=dict)
    #: what of the cluster's own ranges could not be read, and why
    unread: list[str] = field(default_factory=list)

    @property
    def counts(self) -> tuple[int, int]:
        """On how many nodes the agent is ready, and on how many it shall be."""
        status = (self.agent or {}).get("status") or {}
        return status.get("numberReady") or 0, status.get("desiredNumberScheduled") or 0

    @property
    def ready(self) -> bool:
        """Whether the agent runs on every node on which it shall."""
        ready, wanted = self.counts
        return bool(wanted) and ready >= wanted

    @property
    def flags(self) -> Flags:
        """The agent's, as far as there is one."""
        spec = (((self.agent or {}).get("spec") or {}).get("template") or {}).get("spec") or {}
        containers = spec.get("containers") or []
        chosen = [item for item in containers if item.get("name") == NAME] or containers[:1]
        return masquerade_config.flags_of(chosen[0]) if chosen else Flags()

    def effective(self, config: Config) -> masquerade_rules.Effective:
        """What nodes do with that configuration of the agent."""
        return masquerade_rules.standard(self.flags, config, snat_disabled=self.snat_disabled)

    def effective_before(self, config: Config) -> masquerade_rules.Effective:
        """What they did before this call."""
        if self.deploying:
            return masquerade_rules.standard(None, None, snat_disabled=self.snat_disabled)
        return self.effective(config)


def surroundings(kube: Kube, call: Call, *, planned: bool) -> Surroundings:
    """Read them. A cluster that is only planned counts as one with GKE's agent."""
    found = Surroundings()
    for text in call.params.get("cluster_ranges") or []:
        found.own[text] = "one of cluster_ranges"
    cluster = (kube.access.cluster if kube.access else None) or {}
    if cluster:
        _of_google(found, cluster, t.cast(Client, t.cast(t.Any, kube.access).google))
    if planned:
        return found
    found.agent = kube.get(f"{masquerade_agent.COLLECTION}/{NAME}", f"DaemonSet {NAMESPACE}/{NAME}")
    if not cluster:
        found.autopilot = _has_policies(kube, needed=found.agent is None)
    return found


def _has_policies(kube: Kube, *, needed: bool) -> bool:
    """Whether there is the policy that GKE makes in Autopilot clusters, which may have the agent too."""
    try:
        return kube.get(f"{POLICIES}/default", "EgressNATPolicy default") is not None
    except ApiError as error:
        if needed or error.status != 403:
            raise
        return False


def _of_google(found: Surroundings, cluster: Json, client: Client) -> None:
    """What the container API and the subnetwork say."""
    found.named = True
    found.autopilot = bool((cluster.get("autopilot") or {}).get("enabled"))
    network = cluster.get("networkConfig") or {}
    found.snat_disabled = bool((network.get("defaultSnatStatus") or {}).get("disabled"))
    policy = cluster.get("ipAllocationPolicy") or {}
    pools = cluster.get("nodePools") or []
    found.windows = any(
        str((pool.get("config") or {}).get("imageType") or "").upper().startswith("WINDOWS") for pool in pools
    )
    for cidr in [
        cluster.get("clusterIpv4Cidr") or policy.get("clusterIpv4CidrBlock"),
        *((pool.get("networkConfig") or {}).get("podIpv4CidrBlock") for pool in pools),
    ]:
        if cidr:
            found.own.setdefault(cidr, "the cluster's pod range")
    services = cluster.get("servicesIpv4Cidr") or policy.get("servicesIpv4CidrBlock")
    if services:
        found.own.setdefault(services, "the cluster's Services range")
    path = network.get("subnetwork")
    if not path:
        found.unread.append("the node range (the cluster names no subnetwork)")
        return
    try:
        subnetwork = client.get("compute", path) or {}
    except PodreachError as error:
        found.unread.append(f"the node range ({error})")
        return
    if subnetwork.get("ipCidrRange"):
        found.own.setdefault(subnetwork["ipCidrRange"], "the cluster's node range")
    more = (policy.get("additionalPodRangesConfig") or {}).get("podRangeNames") or []
    for secondary in subnetwork.get("secondaryIpRanges") or []:
        if secondary.get("rangeName") in more:
            found.own.setdefault(secondary["ipCidrRange"], "the cluster's pod range")


# ---- options


def range_problem(text: str, *, ipv6: bool) -> str | None:
    """What is wrong with a range as an option gives it."""
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        try:
            return f"is no range: write {ipaddress.ip_network(text, strict=False)}"
        except ValueError:
            return "is no range: write one like 10.0.0.0/8"
    if "/" not in text:
        return f"has no mask: write {network}"
    if network.version == 6 and not ipv6:
        return "is a range of IPv6, which is for non_masquerade_cidrs alone"
    return None


def require_own(around: Surroundings) -> None:
    """A list is only derived where it is known what it has to keep in any case."""
    needed = [what for what in ("pod range", "node range") if not any(what in found for found in around.own.values())]
    if needed and "one of cluster_ranges" not in around.own.values():
        why = f": {'; '.join(around.unread)}" if around.unread else ""
        raise InvalidInput(
            f"keep, masquerade: the cluster's {' and '.join(needed)} cannot be read{why}. Name the cluster (cluster, "
            "location), or give its pod, node and Services ranges as cluster_ranges.",
            code="no-ranges",
        )


# ---- what is not as it should be


def of_agent(around: Surroundings) -> t.Iterator[Finding]:
    """About the agent's pods, and about nodes that it does not run on."""
    where = f"DaemonSet {NAMESPACE}/{NAME}"
    if around.agent and not around.deploying and not around.ready:
        ready, wanted = around.counts
        yield Finding(
            "masq-agent-not-on-node",
            f"{where}: the agent is ready on {ready} of {wanted} nodes: the others keep the rules that they have",
            "See why its pods do not run there: a taint that it does not tolerate, or a node that is not ready.",
        )
    if around.windows:
        yield Finding(
            "masq-windows",
            "The cluster has Windows nodes: their pods leave with the node's address whatever the ConfigMap says",
            "Admit the nodes' range where pods of Windows nodes are to be let in.",
        )
    if around.agent and around.flags.chain != masquerade_config.GKE_CHAIN and not around.snat_disabled:
        yield Finding(
            "masq-two-chains",
            f"{where}: it writes the chain {around.flags.chain} beside GKE's own {masquerade_config.GKE_CHAIN}, and "
            "either may masquerade",
            f"Set --masq-chain={masquerade_config.GKE_CHAIN}.",
        )


def of_config_map(current: Json | None) -> t.Iterator[Finding]:
    """About keys of the ConfigMap that the agent does not read."""
    for key, text in ((current or {}).get("data") or {}).items():
        if key != KEY and _is_config(text):
            yield Finding(
                "masq-wrong-key",
                f"{CONFIG_MAP}: its key {key!r} holds a configuration, but the agent reads only the key {KEY!r}: that "
                "is why it has no effect",
                f"Move it to the key {KEY!r} (kubectl edit configmap {NAME} --namespace {NAMESPACE}).",
            )


def of_config(config: Config) -> t.Iterator[Finding]:
    """About what of a configuration the agent does not heed."""
    for key in config.unknown:
        near = masquerade_config.meant(key)
        yield Finding(
            "masq-unknown-key",
            f"{CONFIG_MAP}: the agent does not know {key!r} and ignores it",
            f"{near} may be meant." if near else "Delete it.",
        )


def of_ranges(around: Surroundings, kept: masquerade_rules.Spans) -> t.Iterator[Finding]:
    """About ranges of the cluster itself toward which its pods are masqueraded."""
    for cidr, what in around.own.items():
        if "Services" not in what and not masquerade_rules.covers(kept, [cidr]):
            yield Finding(
                "masq-node-range-missing" if "node" in what else "masq-pod-range-missing",
                f"{CONFIG_MAP}: the list does not cover {cidr}, {what}: there, pods of this cluster are seen with a "
                "node's address, and network policies do not know them",
                "Add it.",
            )


def _is_config(text: str) -> bool:
    try:
        return any(key in FIELDS for key in masquerade_config.fields(text))
    except Rejected:
        return False
