# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What users and tests ask of the packets: names they may type, traces, many probes at once, waiting.

A name is that of an instance (`test-gce-01`), of one of EC2 (its tag Name, or its id), of a pod (`my-pod`,
`default/my-pod`, `my-gke/default/my-pod`), or the address of one of these; as a destination, any address or a Service
(`svc/plot`, `svc/default/plot`).
"""

from __future__ import annotations

import asyncio
import dataclasses
import ipaddress
import typing as t

from . import packets
from .compile import Compiled
from .pod_exec import check_node
from .probes import probe_all
from .reconcile import DataPlane
from .trace import trace
from .view import Machine, pod_namespace

Json = dict[str, t.Any]
FIELDS = {"from", "to", "protocol", "port", "source_port", "length"}


@dataclasses.dataclass(frozen=True)
class End:
    """Where a flow begins or ends: a namespace and an address in it."""

    name: str
    namespace: str
    address: str
    node: str = ""
    """The path of a pod's node."""


class BadQuestion(ValueError):
    """What was asked makes no sense; the text says what would."""


class Directory:
    """Every name that means something now."""

    def __init__(self, plane: DataPlane) -> None:
        self.compiled: Compiled = plane.compiled
        self.facts = plane.facts
        self.ends: dict[str, list[End]] = {}
        self.titles: dict[str, str] = {}
        self.idle: dict[str, str] = {}
        for machine in self.compiled.machines.values():
            self._machine(machine)
        for instance in self.compiled.instances:
            end = End(f"ec2 {instance.name or instance.id}", instance.namespace, instance.address)
            self.titles[instance.namespace] = end.name
            for name in dict.fromkeys(filter(None, (instance.name, instance.id))):
                self.ends.setdefault(name, []).append(end)
        for facts in self.facts.values():
            cluster = facts.cluster.rsplit("/", 1)[1]
            for pod in facts.pods:
                node = self.compiled.machines.get(pod.node)
                if node is None:
                    continue
                inside = pod_namespace(facts.cluster, pod.namespace, pod.name)
                where = node.namespace if pod.host_network else inside
                title = f"{cluster}/{pod.namespace}/{pod.name}"
                end = End(f"pod {title}", where, pod.address, pod.node)
                if not pod.host_network:
                    self.titles[where] = end.name
                for name in (pod.name, f"{pod.namespace}/{pod.name}", title):
                    self.ends.setdefault(name, []).append(end)
            for idle in facts.idle:
                title = f"{cluster}/{idle.namespace}/{idle.name}"
                why = f": {idle.why}" if idle.why else ""
                for name in (idle.name, f"{idle.namespace}/{idle.name}", title):
                    self.idle[name] = f"The pod {title} exists but does not run: it is {idle.phase}{why}"

    def _machine(self, machine: Machine) -> None:
        kind = "node" if machine.cluster else "vm"
        end = End(f"{kind} {machine.name}", machine.namespace, machine.cards[0].address)
        self.titles[machine.namespace] = end.name
        project = machine.path.split("/")[1]
        for name in (machine.name, f"{project}/{machine.name}", machine.path):
            self.ends.setdefault(name, []).append(end)

    def title(self, namespace: str) -> str:
        """What users call a namespace."""
        if namespace.startswith("network "):
            _projects, project, _global, _networks, name = namespace.removeprefix("network ").split("/")
            return f"network {project}/{name}"
        if namespace.startswith("router "):
            _projects, project, _regions, region, _routers, name = namespace.removeprefix("router ").split("/")
            return f"router {project}/{region}/{name}"
        return self.titles.get(namespace, namespace)

    def find(self, name: str) -> End:
        """The one workload of that name or address."""
        found = self.ends.get(name) or self.at(name)
        if len(found) == 1:
            return found[0]
        if found:
            longer = sorted(key for key, ends in self.ends.items() if len(ends) == 1 and ends[0] in found)
            raise BadQuestion(f"{name!r} means {len(found)} workloads; say one of {', '.join(longer)}.")
        if name in self.idle:
            raise BadQuestion(self.idle[name])
        known = sorted(key for key in self.ends if "/" not in key)
        listed = ", ".join(known[:40]) or "none: there is no instance and no pod"
        raise BadQuestion(f"{name!r} is neither the name nor the address of an instance or pod. There are: {listed}.")

    def at(self, address: str) -> list[End]:
        """The workloads with an address; a machine stands for the pods that use its network."""
        found: dict[str, End] = {}
        for end in (item for ends in self.ends.values() for item in ends if item.address == address):
            if end.namespace not in found or not end.node:
                found[end.namespace] = end
        return list(found.values())

    def address(self, name: str) -> str:
        """Where to send a packet for that destination."""
        try:
            return str(ipaddress.IPv4Address(name))
        except ValueError:
            pass
        if name.startswith("svc/"):
            wanted = name.removeprefix("svc/").split("/")
            services = {
                f"svc/{facts.cluster.rsplit('/', 1)[1]}/{service.namespace}/{service.name}": service.cluster_ip
                for facts in self.facts.values()
                for service in facts.services
            }
            found = [item for item in services if item.split("/")[-len(wanted) :] == wanted]
            if len(found) > 1:
                raise BadQuestion(f"{name!r} is the name of {len(found)} Services; say one of {', '.join(found)}.")
            if not found:
                known = ", ".join(services) or "none"
                raise BadQuestion(f"There is no Service {name.removeprefix('svc/')!r}. There are: {known}.")
            return services[found[0]]
        return self.find(name).address


def flow_of(directory: Directory, question: t.Mapping[str, t.Any]) -> tuple[End, packets.Flow]:
    """A flow as users write it."""
    unknown = set(question) - FIELDS
    if unknown:
        raise BadQuestion(f"unknown fields {', '.join(sorted(unknown))}; a flow has {', '.join(sorted(FIELDS))}")
    start = directory.find(str(question.get("from", "")))
    protocol = str(question.get("protocol") or "icmp").lower()
    if protocol not in packets.NUMBERS:
        raise BadQuestion(f"protocol must be icmp, tcp or udp, not {protocol!r}")
    numbers = {name: int(question.get(name) or 0) for name in ("port", "source_port", "length")}
    for name, number in numbers.items():
        if not 0 <= number <= 65535:
            raise BadQuestion(f"{name} must be between 0 and 65535, not {number}")
    if protocol == "icmp" and (numbers["port"] or numbers["source_port"]):
        raise BadQuestion("icmp has no ports: the protocol must be tcp or udp where a port is given")
    if protocol == "tcp" and numbers["length"]:
        raise BadQuestion("length is for icmp and udp: a trace of tcp sends a SYN, which is as short as it is")
    if protocol != "icmp" and not numbers["port"]:
        raise BadQuestion(f"a {protocol} flow needs a port")
    to = directory.address(str(question.get("to", "")))
    return start, packets.Flow(start.address, to, protocol, numbers["port"], numbers["source_port"], numbers["length"])


class Questions:
    """Answers; one at a time, so that one's packets are not counted as another's."""

    def __init__(self, plane: DataPlane) -> None:
        self.plane = plane
        self._one = asyncio.Lock()

    async def trace(self, question: t.Mapping[str, t.Any]) -> Json:
        async with self._one:
            fabric = await self.plane.settled()
            directory = Directory(self.plane)
            start, flow = flow_of(directory, question)
            return await trace(fabric, self.plane.taps, self.plane.compiled, start.namespace, flow, directory.title)

    async def probes(self, flows: t.Sequence[t.Mapping[str, t.Any]]) -> Json:
        async with self._one:
            fabric = await self.plane.settled()
            directory = Directory(self.plane)
            asked = [(start.namespace, flow) for start, flow in (flow_of(directory, item) for item in flows)]
            return {"results": await probe_all(fabric, self.plane.taps, self.plane.compiled.plan, asked)}

    async def settle(self) -> Json:
        await self.plane.settled()
        return {"revision": self.plane.applied}

    def namespace(self, name: str) -> str:
        """The namespace in which `lab exec NAME` runs."""
        found = Directory(self.plane).find(name)
        check_node(self.plane, found.node)
        return found.namespace
