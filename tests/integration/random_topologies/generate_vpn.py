# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a seed to an estate around a VPN to AWS: what varies about a skeleton that stays (account.py, skeleton.py).

The skeleton is network n0 with its Cloud Router and tunnels, and an AWS account with a VPC. Everything else of Google's
is made anew for each topology; the routers' advertisements and what AWS lets pass are set as a whole.
"""

from __future__ import annotations

import copy
import typing as t

from .account import BLOCKS, EC2, GROUPS, SESSIONS, SUBNETS
from .generate import PROJECTS, REGIONS, Generator, Json, Network, Range, Step, Subnet, Topology, ranges_of

#: What AWS's side may lead somewhere, beside ranges that exist.
BROAD = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "0.0.0.0/0")
TABLES = (0, 1, 2)
#: Seeds whose number leaves this rest have a transit gateway in place of a virtual private one.
TRANSIT_EVERY = 3


def has_transit(seed: int) -> bool:
    return seed % TRANSIT_EVERY == 0


def generate(seed: int, changes: int = 2) -> Topology:
    return VpnGenerator(seed).run(changes)


class VpnGenerator(Generator):
    """Makes one topology about the skeleton. `amazon` and `router` are what was set last."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.transit = has_transit(seed)
        self.overlap = self.pick(["no"] * 7 + ["part"] * 3 + ["whole"])
        self.amazon: Json = {}
        self.router: Json = {}

    def run(self, changes: int) -> Topology:
        for index in range(self.random.choice([1, 2, 2, 2, 3])):
            self.make_network(index)
        for index, network in enumerate(self.networks):
            for count in range(self.random.choice([1, 1, 2])):
                self.make_vm(index, count)
            if not network.alone and len(self.clusters) < 2 and self.chance(0.55):
                self.make_cluster(index)
        later = [self.make_peerings, self.make_routes, self.make_firewalls, self.set_router, self.set_amazon]
        self.random.shuffle(later)
        for make in later:
            make()
        for cluster in self.clusters:
            self.make_workloads(cluster)
        built, self.steps = self.steps, []
        while len(self.steps) < changes:
            self.change()
        return Topology(self.seed, built, self.steps)

    # ---- Google

    def insert_network(self, network: Network) -> None:
        if network.name != "n0":
            super().insert_network(network)
            return
        network.project = PROJECTS[0]
        self.set_mode(network)

    def drop_default(self, network: Network) -> None:
        """The skeleton's network keeps its own."""
        if network.name != "n0":
            super().drop_default(network)

    def flags(self) -> Json:
        found = super().flags()
        return found | {name: True for name in ("exportCustomRoutes", "importCustomRoutes") if self.chance(0.5)}

    def set_mode(self, network: Network) -> None:
        body = {"routingConfig": {"routingMode": self.pick(["GLOBAL", "GLOBAL", "REGIONAL"])}}
        self.compute("routing mode", "PATCH", network.path, body)

    def make_subnet(self, network: int, at: int) -> Subnet:
        found = super().make_subnet(network, at)
        if self.chance(0.5):
            found.region = REGIONS[0]
        if self.overlap == "part" and self.chance(0.7):
            found.secondary["pods"] = Range(f"10.0.{64 + 16 * network + 8 * at}.0/21")
        if self.overlap == "part" and self.chance(0.3):
            found.primary = Range(f"10.0.{128 + 4 * network + at}.0/24")
        if self.overlap == "whole" and (network, at) == (0, 0):
            found.secondary["alias"] = Range("10.0.0.0/15")
        return found

    def make_routes(self) -> None:
        """Routes with tags about pods that AWS may know of: they are not for what comes out of tunnels."""
        super().make_routes()
        for cluster in self.clusters:
            if cluster.routes_based and self.chance(0.5):
                self.add_detour(0)

    def destinations(self) -> list[str]:
        inside = [found for network in self.networks for item in network.subnets for found in ranges_of(item)]
        more = [*BLOCKS, BLOCKS[0], SUBNETS["a"][0], f"{EC2['ec2-a'][1]}/32"]
        return super().destinations() + [
            text for text in more if not any(Range(text).subnet_of(found) for found in inside)
        ]

    def priority(self, destination: str) -> int:
        """What AWS's MEDs are isn't published: beside a learned route to the same destination, surely before or
        after."""
        return t.cast(int, self.pick([0, 30_000])) if destination in BLOCKS else super().priority(destination)

    def interesting(self) -> list[str]:
        return sorted({*super().interesting(), BLOCKS[0], SUBNETS["a"][0], f"{EC2['ec2-a'][1]}/32"})

    # ---- advertisement

    def set_router(self) -> None:
        self.router = {"bgp": self.advertisement(0.45), "peers": [self.peer() for _count in range(SESSIONS)]}
        self.router |= {"disabled": [], "stopped": [], "cut": []}
        if self.chance(0.5):  # all sessions alike, as people have them
            self.router["peers"] = [self.router["peers"][0]] * SESSIONS
        if self.chance(0.12):
            self.disable()
        self.send_router()

    def send_router(self) -> None:
        self.steps.append(Step("router", "router", "PATCH", "", copy.deepcopy(self.router)))

    def peer(self) -> Json:
        return self.advertisement(0.3) | {"advertisedRoutePriority": self.pick([0, 100, 100, 200])}

    def advertisement(self, custom: float) -> Json:
        if not self.chance(custom):
            return {"advertiseMode": "DEFAULT", "advertisedGroups": [], "advertisedIpRanges": []}
        groups = ["ALL_SUBNETS"] if self.chance(0.7) else []
        if self.chance(0.03):  # more than a virtual private gateway takes, of one who has not heard of summaries
            ranges = [{"range": f"10.210.{at}.0/24"} for at in range(101)]
            return {"advertiseMode": "CUSTOM", "advertisedGroups": groups, "advertisedIpRanges": ranges}
        ranges = [{"range": text} for text in sorted(set(self.some(self.advertised(), 9)))]
        return {"advertiseMode": "CUSTOM", "advertisedGroups": groups, "advertisedIpRanges": ranges}

    def advertised(self) -> list[str]:
        """What somebody may want AWS to know: peers' ranges, pods behind static routes, own subnets once more."""
        found = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "10.200.0.0/16"]
        for index, network in enumerate(self.networks):
            for subnet in network.subnets:
                found += [str(item) for item in ranges_of(subnet)] * (1 if index == 0 else 3)
        return found + [str(item.cidr) for item in self.clusters for _weight in range(8 if item.routes_based else 3)]

    def disable(self) -> None:
        """One session, those of a connection, or all but one: here, at AWS's side, or by a cut tunnel."""
        off = self.pick([(0,), (1,), (3,), (0, 1), (2, 3), (0, 1, 2)])
        how = self.pick(["disabled", "stopped", "cut"])
        self.router = self.router | {"disabled": [], "stopped": [], "cut": []} | {how: list(off)}

    # ---- AWS

    def set_amazon(self) -> None:
        self.amazon = {
            "groups": {name: self.groups() for name in EC2},
            "fresh": self.permissions(),
            "acls": {name: 1 if self.chance(0.25) else 0 for name in SUBNETS},
            "entries": self.entries(),
            "tables": {name: self.pick(TABLES) for name in SUBNETS},
            "routes": {str(table): self.statics() for table in TABLES},
            "propagating": [] if self.transit else [table for table in TABLES if self.chance(0.85)],
            "stopped": [name for name in EC2 if self.chance(0.05)],
        }
        if self.transit:
            self.amazon["transit"] = self.transit_tables()
        self.send_amazon()

    def send_amazon(self) -> None:
        self.steps.append(Step("AWS", "amazon", "APPLY", "", copy.deepcopy(self.amazon)))

    def groups(self) -> list[str]:
        common = ["open", "open", "open", "open", "open", "ten", "fresh", "fresh", "fresh"]
        chosen = {self.pick([*common, *sorted(GROUPS)])}
        if self.chance(0.3):
            chosen.add(self.pick(sorted(GROUPS)))
        return sorted(chosen)

    def permissions(self) -> list[Json]:
        """The rules of the group that is new in every topology."""
        found = [self.permission(False) for _count in range(self.random.randint(1, 3))]
        if self.chance(0.75):
            return [*found, {"egress": True, "protocol": "-1", "ports": None, "ranges": ["0.0.0.0/0"], "groups": []}]
        return found + [self.permission(True) for _count in range(self.random.randint(0, 2))]

    def permission(self, egress: bool) -> Json:
        protocol, ports = self.pick(
            [
                ("-1", None),
                ("-1", None),
                ("icmp", None),
                ("icmp", [8]),
                ("tcp", [80, 80]),
                ("tcp", [0, 65535]),
                ("udp", [4000, 5999]),
            ]
        )
        groups = [self.pick(sorted(GROUPS))] if self.chance(0.15) else []
        ranges = [] if groups else [self.pick(self.interesting())]
        return {"egress": egress, "protocol": protocol, "ports": ports, "ranges": ranges, "groups": groups}

    def entries(self) -> list[Json]:
        """Of the ACL that is new in every topology; most let through at last what nothing denied."""
        found = [self.entry(100 + 10 * at) for at in range(self.random.randint(1, 3))]
        for egress in (False, True):
            if self.chance(0.8):
                found.append(self.acl_entry(900 + egress, egress, True, "-1", None, "0.0.0.0/0"))
        return found

    def entry(self, number: int) -> Json:
        protocol, ports = self.pick(
            [
                ("-1", None),
                ("1", None),
                ("1", [8]),
                ("6", [80, 80]),
                ("6", [1024, 65535]),
                ("6", [0, 65535]),
                ("17", [0, 65535]),
            ]
        )
        return self.acl_entry(
            number, self.chance(0.5), self.chance(0.4), protocol, ports, self.pick(self.interesting())
        )

    def acl_entry(
        self, number: int, egress: bool, allow: bool, protocol: str, ports: list[int] | None, cidr: str
    ) -> Json:
        return {
            "number": number,
            "egress": egress,
            "allow": allow,
            "protocol": protocol,
            "ports": ports,
            "range": cidr,
        }

    def statics(self) -> list[list[str]]:
        """Destinations and targets."""
        found: dict[str, str] = {}
        if self.transit and self.chance(0.85):
            found = dict.fromkeys([BROAD[-1]] if self.chance(0.3) else BROAD[:-1], "tgw")
            found |= {str(cluster.cidr): "tgw" for cluster in self.clusters if self.chance(0.3)}
        options = [*BROAD, *self.advertised()]
        for _count in range(self.pick([0, 0, 1, 1, 2])):
            found[self.pick(options)] = self.pick(["tgw" if self.transit else "vgw", "igw", "interface"])
        return sorted([to, target] for to, target in found.items() if not self.is_local(to))

    def is_local(self, to: str) -> bool:
        """AWS takes no routes to such gateways inside the VPC's own blocks."""
        return any(Range(to).subnet_of(Range(block)) for block in BLOCKS)

    # ---- transit gateway

    def transit_tables(self) -> Json:
        """Table 0 is the VPC's. Static routes only while no VPN connection is associated with it: what of them would be
        announced isn't documented."""
        shared = self.chance(0.25)
        found: Json = {
            "associations": {"vpc": 0, "vpn0": 0 if shared else 1, "vpn1": 0 if shared else 1},
            "propagations": [],
            "static": [],
            "zones": ["a"] if self.chance(0.15) else ["a", "c"],
        }
        for table, attachment, probability in (
            (0, "vpn0", 0.85),
            (0, "vpn1", 0.85),
            (0, "vpc", 0.9 if shared else 0.2),
            (1, "vpc", 0.9),
            (1, "vpn0", 0.2),
        ):
            if self.chance(probability):
                found["propagations"].append([table, attachment])
        if not shared:
            for _count in range(self.pick([0, 0, 1, 2])):
                to = self.pick([*BROAD, *self.advertised()])
                if not self.is_local(to):
                    found["static"].append([to, self.pick(["vpn0", "vpn1", "blackhole"])])
        found["static"] = sorted([to, target] for to, target in dict(found["static"]).items())
        return found

    # ---- changes

    def change(self) -> None:
        if self.chance(0.4):
            super().change()
            return
        self.pick(
            [
                self.change_router,
                self.change_router,
                self.change_router,
                self.change_mode,
                self.change_amazon,
                self.change_amazon,
                self.change_amazon,
                self.change_amazon,
            ]
        )()

    def change_mode(self) -> None:
        self.set_mode(self.networks[0])

    def change_router(self) -> None:
        self.router = copy.deepcopy(self.router)
        if self.chance(0.1):
            self.disable()
        elif self.chance(0.5):
            self.router["bgp"] = self.advertisement(0.6)
        else:
            self.router["peers"][self.random.randrange(SESSIONS)] |= self.advertisement(0.6)
        self.send_router()

    def change_amazon(self) -> None:
        changes: dict[str, t.Callable[[], t.Any]] = {
            "groups": lambda: self.amazon["groups"] | {self.pick(sorted(EC2)): self.groups()},
            "fresh": self.permissions,
            "acls": lambda: self.amazon["acls"] | {self.pick(sorted(SUBNETS)): self.pick([0, 1])},
            "entries": self.entries,
            "tables": lambda: self.amazon["tables"] | {self.pick(sorted(SUBNETS)): self.pick(TABLES)},
            "routes": lambda: self.amazon["routes"] | {str(self.pick(TABLES)): self.statics()},
            "stopped": lambda: [self.pick(sorted(EC2))],
        }
        if self.transit:
            changes["transit"] = self.transit_tables
        else:
            changes["propagating"] = lambda: sorted(set(self.amazon["propagating"]) ^ {self.pick(TABLES)})
        what = self.pick(sorted(changes))
        self.amazon = self.amazon | {what: changes[what]()}
        self.send_amazon()
