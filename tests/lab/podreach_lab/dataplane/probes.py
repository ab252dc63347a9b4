# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many flows at once, watched at their ends only: for checks of whole topologies."""

from __future__ import annotations

import ipaddress
import typing as t

from . import packets
from .fabric import Fabric
from .plan import Plan
from .taps import INCOMING, Taps

Json = dict[str, t.Any]
BATCH = 400
ANSWERS = {"icmp": ("echo-reply",), "tcp": ("syn-ack", "rst"), "udp": ("port-unreachable",)}
"""What counts as an answer from the other end."""

Asked = tuple[str, packets.Flow]
"""The namespace that a flow begins in, and the flow."""


async def probe_all(fabric: Fabric, taps: Taps, plan: Plan, flows: t.Sequence[Asked]) -> list[Json]:
    """Every flow once: whether the request arrived, as whom, and whether an answer came back."""
    owners = owners_of(plan)
    results: list[Json] = []
    for at in range(0, len(flows), BATCH):
        results += await probe_batch(fabric, taps, owners, flows[at : at + BATCH])
    return results


async def probe_batch(
    fabric: Fabric, taps: Taps, owners: t.Mapping[str, set[str]], flows: t.Sequence[Asked]
) -> list[Json]:
    ends = {namespace for namespace, _flow in flows} | {name for names in owners.values() for name in names}
    tokens: dict[int, int] = {}
    async with taps.watch(fabric, sorted(ends), INCOMING) as watch:
        for at, (namespace, flow) in enumerate(flows):
            token = packets.new_token()
            tokens[token] = at
            packets.send(await taps.sender(fabric, namespace), flow, token)
            watch.look()
        found = await watch.settle()
    results: list[Json] = [{"delivered": False, "source_seen": None, "replied": False} for _flow in flows]
    for item in found:
        at = tokens.get(item.seen.token, -1)
        if at < 0:
            continue
        namespace, flow = flows[at]
        if not item.seen.answer:
            if item.namespace in owners.get(item.seen.destination, ()):
                results[at] |= {"delivered": True, "source_seen": item.seen.source}
        elif item.namespace == namespace and item.seen.destination == flow.source:
            results[at]["replied"] |= item.seen.answer in ANSWERS[flow.protocol]
    return results


def owners_of(plan: Plan) -> dict[str, set[str]]:
    """Address -> the namespaces in which it is local."""
    found: dict[str, set[str]] = {}
    for name, namespace in plan.namespaces.items():
        for _device, address in namespace.addresses:
            found.setdefault(address.split("/")[0], set()).add(name)
        for route in namespace.routes:
            if route.local:
                for inside in ipaddress.IPv4Network(route.to):
                    found.setdefault(str(inside), set()).add(name)
    return found
