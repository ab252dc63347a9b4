# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts golden vectors to a lab: what they give is built by API calls (build.py, world.py; estates.py and outside.py
where AWS is part of it), what they ask is asked with packets, or with the APIs where that is the question.

What packets can say is judged: verdicts, the source that was seen, the route that was taken, what a firewall did and by
which rule, what the masquerade agent does and logs, what an API answers. Why something is so (causes, may, must_not,
warn) is a reader's to say and not judged here: READERS. A vector whose answer is `unknown` to a reader who lacks
something is judged by completing what it lacks in two ways: packets must then give two answers.

A flow that must not arrive does once the causes that are expected are taken away: mend.py.

Which rule a firewall matched shows when its action is turned round: the packet's fate must turn with it, and must not
where no rule is said to match.
"""

from __future__ import annotations

from ansible_collections.podreach.gke.tests.golden.loader import Vector
from ansible_collections.podreach.gke.tests.golden.packets import (
    amazonfilters,
    amazonroutes,
    exchange,
    firewalls,
    flows,
    masquerade,
    questions,
    refusals,
    routes,
    sessions,
)
from ansible_collections.podreach.gke.tests.golden.packets.stage import Stage

#: These hold the checks, which are in the table once they are imported.
CHECKS = (amazonfilters, amazonroutes, exchange, firewalls, flows, masquerade, refusals, routes, sessions)
ANSWERS = questions.ANSWERS


def run(vector: Vector, stage: Stage) -> None:
    """Judge a vector; what stands in the lab after a failure is of no use to the next."""
    try:
        ANSWERS.run(vector, stage)
    except BaseException:
        stage.forget()
        raise
