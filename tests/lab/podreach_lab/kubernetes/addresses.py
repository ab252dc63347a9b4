# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The addresses and node ports of Services: which a cluster gives out, and which it refuses.

https://kubernetes.io/docs/concepts/services-networking/cluster-ip-allocation/: an address that nobody asked for comes
from the upper band of the range first, so that the lower one stays for those that are asked for.
"""

from __future__ import annotations

import ipaddress
import random
import typing as t

from . import errors
from .errors import Cause
from .store import Write
from .validation import bad

Json = dict[str, t.Any]

NODE_PORTS = range(30000, 32768)
MAY_NOT_CHANGE = "may not change once set"


class Addresses:
    """Admission of one cluster's Services."""

    def __init__(self, services_range: str, seed: int | None = None) -> None:
        self.range = ipaddress.IPv4Network(services_range)
        self._random = random.Random(seed)

    @property
    def first(self) -> str:
        """The address of the service `kubernetes`."""
        return str(self.range[1])

    def admit(self, write: Write) -> None:
        if write.type.key != "services" or write.verb == "delete" or write.subresource:
            return
        spec = write.new["spec"]
        old = (write.old or {}).get("spec") or {}
        causes: list[Cause] = []
        if spec["type"] == "ExternalName":
            for name in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"):
                spec.pop(name, None)
        else:
            causes += self._cluster_ip(write, spec, old)
        causes += self._node_ports(write, spec, old)
        causes += self._health_port(write, spec, old)
        if causes:
            raise errors.invalid("Service", "", write.new["metadata"].get("name", ""), causes)

    def _cluster_ip(self, write: Write, spec: Json, old: Json) -> list[Cause]:
        asked = spec.get("clusterIP") or next(iter(spec.get("clusterIPs") or ()), "")
        before = old.get("clusterIP", "")
        if before and not asked:
            asked = before
        if before and asked != before:
            return [bad("spec.clusterIPs[0]", [asked], MAY_NOT_CHANGE)]
        spec["ipFamilies"] = spec.get("ipFamilies") or ["IPv4"]
        spec["ipFamilyPolicy"] = spec.get("ipFamilyPolicy") or "SingleStack"
        if spec["ipFamilies"] != ["IPv4"] or spec["ipFamilyPolicy"] == "RequireDualStack":
            why = "not configured on this cluster"
            return [bad("spec.ipFamilies[0]", spec["ipFamilies"][0], why)]
        if asked not in ("", "None", before):
            wrong = self._refusal(asked, self._used(write))
            if wrong:
                return [wrong]
        spec["clusterIP"] = asked or self._free(self._used(write))
        spec["clusterIPs"] = [spec["clusterIP"]]
        return []

    def _refusal(self, asked: str, used: set[str]) -> Cause | None:
        try:
            address = ipaddress.IPv4Address(asked)
        except ValueError:
            return bad("spec.clusterIPs[0]", asked, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)")
        ends = (self.range.network_address, self.range.broadcast_address)
        if address not in self.range or address in ends:
            why = (
                f"failed to allocate IP {asked}: the provided IP ({asked}) is not in the valid range. "
                f"The range of valid IPs is {self.range}"
            )
            return bad("spec.clusterIPs", [asked], why)
        if asked in used:
            return bad("spec.clusterIPs", [asked], f"failed to allocate IP {asked}: provided IP is already allocated")
        return None

    def _free(self, used: set[str]) -> str:
        size = self.range.num_addresses
        band = min(max(16, size // 16), 256)
        for _attempt in range(20):
            address = str(self.range[self._random.randrange(min(band, size - 2), size - 1)])
            if address not in used:
                return address
        for at in [*range(band, size - 1), *range(1, min(band, size - 1))]:
            if str(self.range[at]) not in used:
                return str(self.range[at])
        raise errors.internal("failed to allocate a serviceIP: range is full")

    @staticmethod
    def _others(write: Write) -> list[Json]:
        metadata = write.new["metadata"]
        return [
            item["spec"]
            for item in write.store.stored("services")
            if (item["metadata"]["namespace"], item["metadata"]["name"])
            != (metadata.get("namespace"), metadata.get("name"))
        ]

    def _used(self, write: Write) -> set[str]:
        return {spec.get("clusterIP", "") for spec in self._others(write)}

    def _node_ports(self, write: Write, spec: Json, old: Json) -> list[Cause]:
        wants = spec["type"] == "NodePort" or (
            spec["type"] == "LoadBalancer" and spec.get("allocateLoadBalancerNodePorts", True)
        )
        ports = spec.get("ports") or ()
        if not wants and not any(port.get("nodePort") for port in ports):
            return []
        before = {(port.get("protocol"), port.get("port")): port.get("nodePort") for port in old.get("ports") or ()}
        used = {
            (port.get("protocol"), port.get("nodePort"))
            for other in self._others(write)
            for port in other.get("ports") or ()
        }
        causes = []
        for at, port in enumerate(ports):
            protocol = port.get("protocol")
            number = port.get("nodePort") or (before.get((protocol, port.get("port"))) if wants else None)
            field = f"spec.ports[{at}].nodePort"
            if number and number not in NODE_PORTS:
                why = "provided port is not in the valid range. The range of valid ports is 30000-32767"
                causes.append(bad(field, number, why))
            elif number and (protocol, number) in used:
                causes.append(bad(field, number, "provided port is already allocated"))
            elif not number and wants:
                free = [item for item in NODE_PORTS if (protocol, item) not in used]
                number = self._random.choice(free)
            if number:
                port["nodePort"] = number
                used.add((protocol, number))
        return causes

    def _health_port(self, write: Write, spec: Json, old: Json) -> list[Cause]:
        """Load balancers that keep to a node's own endpoints ask each node on a port of the Service's own."""
        field = "spec.healthCheckNodePort"
        wants = spec["type"] == "LoadBalancer" and spec.get("externalTrafficPolicy") == "Local"
        before, given = old.get("healthCheckNodePort"), spec.get("healthCheckNodePort")
        if not wants:
            if given and given != before:
                why = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
                return [bad(field, given, why)]
            spec.pop("healthCheckNodePort", None)
            return []
        if before and given not in (None, 0, before):
            return [bad(field, given, "field is immutable")]
        others = self._others(write)
        used = {port.get("nodePort") for other in others for port in other.get("ports") or ()}
        used |= {other.get("healthCheckNodePort") for other in others}
        used |= {port.get("nodePort") for port in spec.get("ports") or ()}
        if given and given != before and (given in used or given not in NODE_PORTS):
            return [bad(field, given, "provided port is already allocated or not in the range 30000-32767")]
        free = [item for item in NODE_PORTS if item not in used]
        spec["healthCheckNodePort"] = before or given or self._random.choice(free)
        return []
