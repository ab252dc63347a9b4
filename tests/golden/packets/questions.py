# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which questions there are, who answers them, and what the lab cannot be asked."""

from __future__ import annotations

import typing as t

from ansible_collections.podreach.gke.tests.golden.loader import Answers, Vector, load
from ansible_collections.podreach.gke.tests.golden.packets.build import READS
from ansible_collections.podreach.gke.tests.golden.packets.stage import Stage
from ansible_collections.podreach.gke.tests.golden.packets.world import World

ANSWERS = Answers()
#: Keys of ``expect`` that say why: nothing that packets could show.
READERS = ("causes", "causes_any_of", "may", "must_not", "warn", "likely", "decided_by")
GROUPS = (
    "gcp-routes",
    "gcp-firewall",
    "peering",
    "masquerade",
    "service",
    "advertisement",
    "aws-routes",
    "aws-filter",
    "story",
    "more",
)

#: Questions of group addressing that EC2's API answers.
ADDRESSING = ("validate ec2.CreateVpnConnection", "inside_addresses")

#: What the lab can't express, and why.
UNEXPRESSED = {
    "hybrid-subnet-is-unknown": "the answer is that hybrid subnets aren't modelled",
    "system-policy-before-vpc-rules": "only Google's own services write system policies: no API call makes one",
    "network-policy-not-understood-is-unknown": "the answer is that FQDNNetworkPolicy isn't modelled",
    "policy-based-route-never-exchanged": "policy-based routes are of another API, networkconnectivity",
    "dynamic-route-quota-drops-silently": "which routes are dropped over that quota isn't published",
    "internal-lb-health-checks-not-admitted": "expects a warning and a cause only: no answer that packets could give",
    "s1-17-node-route-slip-is-noticed": "a slip in a text, no state that an estate could be in",
    "dns-forwarding-source-not-advertised": "a forwarding zone of Cloud DNS: the lab has no DNS",
    "vgw-shorter-as-path": "a Cloud Router prepends its ASN by route policies only, which the lab doesn't have",
    "far-side-filter-cannot-be-read": "the answer is that nobody can read a firewall on premises",
    "s0-09-masks-are-the-smallest-of-2018": "what GKE allowed in 2018: the lab is today's",
    "k46170-ranges-do-not-overlap": "arithmetic of three ranges, no estate",
}
#: Judged, but not all of it: key of ``expect`` -> why the rest is left.
PARTLY = {
    "masqueraded-traffic-misses-nat-of-the-pod-range": {"nat_used": "the lab has no Cloud NAT"},
    "resync-pending": {"wait_at_most_about": "the lab's clock is scaled"},
    "s1-13-about-a-minute": {"settled_within_about": "the lab's clock is scaled"},
    "adding-a-range-to-a-full-session-is-foreseen": {"refused": "a plan's refusal: no API refuses the range"},
}
#: Vectors that contradict a source: id -> that source. They must fail, or the entry goes.
CONTRADICTED: dict[str, str] = {}


Staged = t.Callable[[Vector, Stage], None]


def staged(kind: str, *judges: str) -> t.Callable[[Staged], Staged]:
    """Decorator: the function answers questions of this kind and chooses itself whether the lab has to be empty.

    Why something is so and what is only partly judged is taken as read.
    """
    beside = {key for keys in PARTLY.values() for key in keys}
    return ANSWERS.to(kind, reads=READS, judges={*judges, *READERS, *beside})


def answers(kind: str, *judges: str) -> t.Callable[[t.Callable[[Vector, World], None]], t.Callable[..., None]]:
    """Decorator: the function answers questions of this kind in an empty lab."""

    def register(check: t.Callable[[Vector, World], None]) -> t.Callable[[Vector, World], None]:
        def in_an_empty_lab(vector: Vector, stage: Stage) -> None:
            check(vector, stage.fresh())

        staged(kind, *judges)(in_an_empty_lab)
        return check

    return register


def vectors() -> list[Vector]:
    """All vectors that are put to the lab, or would be if it could express them."""
    addressing = [vector for vector in load("addressing") if vector.kind in ADDRESSING]
    return addressing + [vector for group in GROUPS for vector in load(group)]
