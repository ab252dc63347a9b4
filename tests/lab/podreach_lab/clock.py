# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's only clock: what time it is, and how long each kind of operation takes.

One table holds the durations of the real services in seconds (typical values as users report them; Google publishes
none). A profile multiplies it, and `scale` multiplies that again: `zero` finishes every operation inside the first
reply, `fast` keeps the proportions at a two-hundredth, `realistic` is the table itself.
"""

from __future__ import annotations

import asyncio
import datetime
import itertools
import time
import typing as t

SECONDS: dict[str, float] = {
    "compute.networks.insert": 15,
    "compute.networks.delete": 15,
    "compute.networks.patch": 8,
    "compute.networks.addPeering": 20,
    "compute.networks.updatePeering": 20,
    "compute.networks.removePeering": 20,
    "compute.subnetworks.insert": 15,
    "compute.subnetworks.delete": 15,
    "compute.subnetworks.patch": 10,
    "compute.subnetworks.expandIpCidrRange": 10,
    "compute.firewalls.insert": 8,
    "compute.firewalls.delete": 8,
    "compute.routers.insert": 10,
    "compute.routers.patch": 8,
    "compute.routers.delete": 10,
    "compute.routes.insert": 10,
    "compute.vpnGateways.insert": 15,
    "compute.vpnTunnels.insert": 20,
    "compute.vpnTunnels.delete": 20,
    "vpn.handshake": 20,
    "vpn.deadPeer": 30,
    "compute.instanceGroupManagers.delete": 60,
    "compute.regionInstanceGroupManagers.delete": 60,
    "compute.instances.insert": 15,
    "compute.instances.start": 15,
    "compute.instances.stop": 40,
    "compute.instances.delete": 40,
    "compute": 8,
    "CREATE_CLUSTER": 360,
    "DELETE_CLUSTER": 270,
    "UPGRADE_MASTER": 240,
    "UPGRADE_NODES": 240,
    "CREATE_NODE_POOL": 120,
    "DELETE_NODE_POOL": 120,
    "SET_NODE_POOL_SIZE": 60,
    "container": 30,
    "aws.vpnConnection": 240,
    "aws.vpnConnectionModify": 240,
    "aws.vpnConnectionDelete": 120,
    "aws.vpnGatewayAttachment": 30,
    "aws.transitGateway": 60,
    "aws.transitGatewayAttachment": 60,
    "aws": 30,
    "kubernetes.configMap": 30,
    "kubernetes.resync": 60,
    "kubernetes.loadBalancer": 40,
    "kubernetes.nodeMonitorGrace": 40,
    "kubernetes": 1,
}
"""Seconds by compute method id or container operation type, or of what Kubernetes or AWS waits for; `compute`,
`container`, `aws` and `kubernetes` stand for the rest. configMap: until a changed ConfigMap is in the files of running
pods. resync: how long ip-masq-agent's 60 s are; its other intervals are in proportion. handshake: of a new tunnel;
deadPeer: until both ends of a cut one notice (AWS's DPDTimeoutSeconds). nodeMonitorGrace: until a silent node is not
ready."""

PROFILES: dict[str, float] = {"zero": 0.0, "fast": 0.005, "realistic": 1.0}


class Clock:
    """Time for every part of the lab. Nothing else reads the machine's clock or sleeps."""

    def __init__(self, profile: str = "fast", scale: float = 1.0) -> None:
        self.configure(profile, scale)

    def configure(self, profile: str, scale: float, pending: float = 0.0) -> None:
        """`pending` is the share of each operation that it spends PENDING, before it is RUNNING."""
        if profile not in PROFILES:
            raise ValueError(f"latency must be one of {', '.join(PROFILES)}, not {profile!r}")
        if not 0 <= scale <= 1000:
            raise ValueError(f"scale must be between 0 and 1000, not {scale!r}")
        if not 0 <= pending <= 1:
            raise ValueError(f"pending must be between 0 and 1, not {pending!r}")
        self.pending = pending
        self.profile = profile
        self.scale = scale

    def seconds(self, key: str, fallback: str) -> float:
        """How long an operation of this kind takes under the profile."""
        return self.scaled(SECONDS.get(key, SECONDS[fallback]))

    def scaled(self, seconds: float) -> float:
        """So many of the real services' seconds under the profile."""
        return seconds * PROFILES[self.profile] * self.scale

    def monotonic(self) -> float:
        return time.monotonic()

    def now(self) -> datetime.datetime:
        return datetime.datetime.now(tz=datetime.UTC)

    def after(self, seconds: float, call: t.Callable[[], None]) -> None:
        """Run `call` in `seconds`; at once, before returning, when there is nothing to wait for."""
        if seconds <= 0:
            call()
        else:
            asyncio.get_running_loop().call_later(seconds, call)


class ManualClock(Clock):
    """A clock that tests move by hand."""

    def __init__(self, profile: str = "realistic", scale: float = 1.0) -> None:
        super().__init__(profile, scale)
        self._elapsed = 0.0
        self._pending: list[tuple[float, int, t.Callable[[], None]]] = []
        self._order = itertools.count()

    def monotonic(self) -> float:
        return self._elapsed

    def now(self) -> datetime.datetime:
        start = datetime.datetime(2026, 11, 1, tzinfo=datetime.UTC)
        return start + datetime.timedelta(seconds=self._elapsed)

    def after(self, seconds: float, call: t.Callable[[], None]) -> None:
        if seconds <= 0:
            call()
        else:
            self._pending.append((self._elapsed + seconds, next(self._order), call))

    def advance(self, seconds: float) -> None:
        """Move on, running what falls due in its order."""
        end = self._elapsed + seconds
        while True:
            due = sorted((item for item in self._pending if item[0] <= end), key=lambda item: item[:2])
            if not due:
                break
            self._pending.remove(due[0])
            self._elapsed = max(self._elapsed, due[0][0])
            due[0][2]()
        self._elapsed = end


def compute_time(moment: datetime.datetime) -> str:
    """RFC 3339 with milliseconds and an offset, as compute writes it."""
    local = moment.astimezone(datetime.timezone(datetime.timedelta(hours=-8)))
    return local.isoformat(timespec="milliseconds")


def container_time(moment: datetime.datetime) -> str:
    """RFC 3339 as container writes it in clusters."""
    return moment.astimezone(datetime.UTC).isoformat(timespec="seconds")


def container_operation_time(moment: datetime.datetime) -> str:
    """RFC 3339 with nanosecond digits and Z, as container writes it in operations."""
    return moment.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")
