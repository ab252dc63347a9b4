# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Toward which destinations pods keep their own address, and the shortest list that makes it so. Pure.

When which rules apply: https://cloud.google.com/kubernetes-engine/docs/concepts/ip-masquerade-agent. Chains of two
agents both see a packet, and it is masqueraded where either says so: a RETURN goes on with the next rule.
"""

from __future__ import annotations

import ipaddress
import typing as t
from dataclasses import dataclass

from ..errors import InvalidInput, raise_all
from .client import Json
from .masquerade_config import GKE_CHAIN, PRIVATE, RESERVED, Config, Flags

LINK_LOCAL = "169.254.0.0/16"
LINK_LOCAL_IPV6 = "fe80::/10"
EVERYTHING = ("0.0.0.0/0", "::/0")

#: sorted spans of IPv4 addresses, as numbers, that neither overlap nor touch
Spans = tuple[tuple[int, int], ...]


# ---- sets of addresses


def spans(cidrs: t.Iterable[str]) -> Spans:
    """The IPv4 addresses of ranges."""
    networks = [ipaddress.IPv4Network(cidr) for cidr in cidrs if ":" not in cidr]
    return _merged((int(net.network_address), int(net.broadcast_address)) for net in networks)


def _merged(pieces: t.Iterable[tuple[int, int]]) -> Spans:
    found: list[tuple[int, int]] = []
    for low, high in sorted(pieces):
        if found and low <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(high, found[-1][1]))
        else:
            found.append((low, high))
    return tuple(found)


def union(one: Spans, other: Spans) -> Spans:
    return _merged((*one, *other))


def minus(one: Spans, other: Spans) -> Spans:
    """The addresses of one that are not in the other."""
    left = list(one)
    for low, high in other:
        pieces = []
        for start, end in left:
            if end < low or high < start:
                pieces.append((start, end))
                continue
            if start < low:
                pieces.append((start, low - 1))
            if high < end:
                pieces.append((high + 1, end))
        left = pieces
    return tuple(left)


def covers(whole: Spans, cidrs: t.Iterable[str]) -> bool:
    return not minus(spans(cidrs), whole)


def overlaps(one: Spans, other: Spans) -> bool:
    return minus(one, other) != one


def blocks(found: Spans) -> list[str]:
    """The fewest CIDR blocks that are exactly these addresses: the largest ones that fit, and there is no other way.

    CIDR blocks are nested or disjoint. So a block inside the set lies in one largest block inside the set, and each of
    these needs at least one block of any list that covers the set.
    """
    return [
        str(net)
        for low, high in found
        for net in ipaddress.summarize_address_range(ipaddress.IPv4Address(low), ipaddress.IPv4Address(high))
    ]


# ---- what is in force


@dataclass(frozen=True)
class Effective:
    """What a node does with packets of its pods. Toward what all ``chains`` keep, pods have their own address.

    ``unknown`` says what is not known and decides; then nothing else counts.
    """

    chains: tuple[tuple[str, ...], ...]
    unknown: str | None = None

    @property
    def kept(self) -> Spans:
        """The IPv4 destinations that see pods' own addresses."""
        found = spans(EVERYTHING)
        for chain in self.chains:
            found = minus(found, minus(spans(EVERYTHING), spans(chain)))
        return found


def of_agent(config: Config) -> tuple[str, ...]:
    """What the agent's chain keeps."""
    own = [] if config.link_local else [LINK_LOCAL]
    own += [] if config.link_local_ipv6 else [LINK_LOCAL_IPV6]
    return (*own, *config.cidrs)


#: where nothing masquerades
NOTHING = Effective(())
#: GKE's own rules on nodes without an agent
OF_GKE = (LINK_LOCAL, *PRIVATE, *RESERVED)


def standard(agent: Flags | None, config: Config | None, *, snat_disabled: bool) -> Effective:
    """A Linux node of a Standard cluster: with an agent of these flags, and the configuration that it took, or without.

    A cluster with ``--disable-default-snat`` has no rules but those of an agent.
    """
    chains: dict[str, tuple[str, ...]] = {} if snat_disabled else {GKE_CHAIN: OF_GKE}
    if agent:
        chains[agent.chain] = of_agent(config or Config(agent.default_cidrs))
    return Effective(tuple(chains.values()))


def autopilot(policies: t.Iterable[Json], own: t.Iterable[str]) -> Effective:
    """A node of an Autopilot cluster: what its EgressNATPolicies name is kept, and the cluster's own ranges."""
    named = [cidr for policy in policies for cidr in named_by(policy)]
    return Effective(((LINK_LOCAL, *own, *named),))


def named_by(policy: Json) -> list[str]:
    """The IPv4 destinations that an EgressNATPolicy keeps, as they are written there."""
    spec = policy.get("spec") or {}
    if spec.get("action") != "NoSNAT":
        return []
    written = [str(destination.get("cidr")) for destination in spec.get("destinations") or []]
    return [cidr for cidr in written if _is_ipv4(cidr)]


def _is_ipv4(text: str) -> bool:
    try:
        ipaddress.IPv4Network(text)
    except ValueError:
        return False
    return True


def windows(own: t.Iterable[str]) -> Effective:
    """A Windows node keeps pods' addresses toward the cluster's own ranges, whatever is configured."""
    return Effective((tuple(own),))


def would_masquerade(effective: Effective, destination: str, *, host_network: bool = False) -> bool | None:
    """Whether an IPv4 destination sees the node's address instead of the pod's; ``None`` where that is not known.

    Pods in the node's network have no other address than the node's.
    """
    if host_network:
        return True
    if effective.unknown:
        return None
    return not covers(effective.kept, [destination])


# ---- what to ask for


@dataclass(frozen=True)
class Wanted:
    """Destinations that shall see pods' own addresses, and the blocks to add to ``fixed`` ones for that.

    ``hindering`` are fixed blocks that keep what shall be masqueraded.
    """

    kept: Spans
    add: tuple[str, ...]
    hindering: tuple[str, ...]


def derive(
    base: t.Iterable[str],
    *,
    keep: t.Sequence[str] = (),
    masquerade: t.Sequence[str] = (),
    own: t.Mapping[str, str] | None = None,
    fixed: t.Sequence[str] = (),
) -> Wanted:
    """The fewest blocks that keep pods' addresses toward ``keep``, and not toward ``masquerade``.

    All other destinations stay as with ``base``; of a keep and a masquerade that overlap, the smaller range counts.
    ``own`` are the cluster's ranges (range -> what it is), always kept. ``fixed`` blocks are in the list already.
    Raises :class:`InvalidInput` for what contradicts.
    """
    ours = spans(own or ())
    problems = []
    for cidr in masquerade:
        hit = [mine for mine in own or () if overlaps(spans([cidr]), spans([mine]))]
        inside = [mine for mine in hit if covers(spans([mine]), [cidr])]
        if inside:
            problems.append(
                f"masquerade: {cidr} is in {inside[0]}, {(own or {})[inside[0]]}, toward which pods must keep their "
                "addresses"
            )
        elif covers(ours, [cidr]):
            problems.append(f"masquerade: {cidr} is the cluster's own, toward which pods must keep their addresses")
        if cidr in keep:
            problems.append(f"masquerade: {cidr} is in keep too: it can be one only")
    raise_all([InvalidInput(problem) for problem in dict.fromkeys(problems)])
    kept = spans(base)
    ordered = [(cidr, True) for cidr in keep] + [(cidr, False) for cidr in masquerade]
    for cidr, stays in sorted(ordered, key=lambda pair: ipaddress.IPv4Network(pair[0]).prefixlen):
        kept = union(kept, spans([cidr])) if stays else minus(kept, spans([cidr]))
    kept = union(kept, ours)
    hindering = tuple(cidr for cidr in fixed if not covers(kept, [cidr]))
    there = spans(cidr for cidr in fixed if cidr not in hindering)
    return Wanted(kept, tuple(cidr for cidr in blocks(kept) if not covers(there, [cidr])), hindering)


def moved(before: Spans, after: Spans) -> tuple[list[str], list[str]]:
    """Which destinations will see the node's address instead of the pod's, and which the other way round."""
    return blocks(minus(before, after)), blocks(minus(after, before))
