# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which questions there are, who answers them, and what the lab cannot be asked."""

from __future__ import annotations

import typing as t

from ansible_collections.podreach.gke.tests.golden.loader import Answers, Vector
from ansible_collections.podreach.gke.tests.golden.packets.build import READS
from ansible_collections.podreach.gke.tests.golden.packets.world import World

ANSWERS = Answers()
#: Keys of ``expect`` that say why: nothing that packets could show.
READERS = ("causes", "causes_any_of", "may", "must_not", "warn", "likely", "decided_by")
GROUPS = ("gcp-routes", "gcp-firewall", "peering", "masquerade", "service", "story", "more")

#: What the lab can't express, and why.
UNEXPRESSED = {
    "subnet-beats-more-specific-dynamic": "a dynamic route inside a subnetwork: needs BGP; a static one is refused",
    "hybrid-subnet-is-unknown": "the answer is that hybrid subnets aren't modelled",
    "tagged-route-not-for-traffic-from-the-tunnel": "packets out of a tunnel: needs the VPN",
    "system-policy-before-vpc-rules": "only Google's own services write system policies: no API call makes one",
    "network-policy-not-understood-is-unknown": "the answer is that FQDNNetworkPolicy isn't modelled",
    "udp-over-payload-mtu-without-icmp": "the payload MTU of a tunnel: needs the VPN",
    "small-udp-passes-the-same-tunnel": "the payload MTU of a tunnel: needs the VPN",
    "dynamic-exported-with-the-same-flags": "a dynamic route: needs BGP",
    "policy-based-route-never-exchanged": "policy-based routes are of another API, networkconnectivity",
    "exporting-network-routing-mode-decides-regions": "a dynamic route of a region: needs BGP",
    "spoke-to-hub-aws-nothing-set": "a dynamic route of the hub and what it advertises: needs the VPN and AWS",
    "spoke-to-hub-aws-routes-exchanged-but-not-advertised": "as above: needs the VPN and AWS",
    "spoke-to-hub-aws-advertised-and-exchanged": "as above: needs the VPN and AWS",
    "dynamic-route-quota-drops-silently": "dynamic routes and their quota: needs BGP",
    "internal-lb-health-checks-not-admitted": "expects a warning and a cause only: no answer that packets could give",
    "s1-17-node-route-slip-is-noticed": "a slip in a text, no state that an estate could be in",
}
#: Judged, but not all of it: key of ``expect`` -> why the rest is left.
PARTLY = {
    "route-dump-default-internet-route": {"advertised": "needs BGP"},
    "internal-lb-address-is-of-the-primary-range": {"advertised": "needs BGP"},
    "masqueraded-traffic-misses-nat-of-the-pod-range": {"nat_used": "the lab has no Cloud NAT"},
    "resync-pending": {"wait_at_most_about": "the lab's clock is scaled"},
    "s1-13-about-a-minute": {"settled_within_about": "the lab's clock is scaled"},
}
#: Vectors that contradict a source: id -> that source. They must fail, or the entry goes.
CONTRADICTED: dict[str, str] = {}


def answers(kind: str, *judges: str) -> t.Callable[[t.Callable[[Vector, World], None]], t.Callable[..., None]]:
    """Decorator: the function answers questions of this kind; why and what is only partly judged is taken as read."""
    beside = {key for keys in PARTLY.values() for key in keys}
    return ANSWERS.to(kind, reads=READS, judges={*judges, *READERS, *beside})
