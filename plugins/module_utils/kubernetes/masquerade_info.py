# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""With which address pods of a cluster are seen, by what its agent or its policies say. Changes nothing.

What is not known is never guessed: several rules may be in force then, and only what all of them do is said.
"""

from __future__ import annotations

import dataclasses
import datetime
import ipaddress
import typing as t
from dataclasses import dataclass, field

from ..arguments import ArgumentSpec, Call, Definition
from ..errors import ApiError, InvalidInput, raise_all
from ..gcp.task import rehearse
from . import masquerade_cluster, masquerade_config, masquerade_pending, masquerade_rules, workloads
from .access import ACCESS_SPEC
from .client import Json
from .masquerade_agent import KEY, NAME, NAMESPACE
from .masquerade_cluster import CONFIG_MAP, CONFIG_MAPS, HOW_TO, POLICIES, Finding, Surroundings, surroundings
from .masquerade_config import LIST, Config, Rejected
from .masquerade_pending import Pending
from .masquerade_rules import NOTHING, Effective

SPEC = ACCESS_SPEC.merge(
    ArgumentSpec(
        options={
            "destinations": {"type": "list", "elements": "str"},
            "cluster_ranges": {"type": "list", "elements": "str"},
            "timeout": {"type": "int", "default": 60},
        }
    )
)

PENDING = "masq-resync-pending"
#: what an agent without a configuration goes by
USUAL = Config(())


@dataclass
class Known:
    """What nodes do: one of ``possible``, where it is not known which, and none where nothing is known.

    ``cidrs`` is the list as it is written, where it is one list; ``source`` says where it comes from. While a change is
    ``pending``, nodes may still do one of ``before``.
    """

    source: str = "unknown"
    possible: list[Effective] = field(default_factory=list)
    cidrs: list[str] | None = None
    findings: list[Finding] = field(default_factory=list)
    pending: Pending | None = None
    before: list[Effective] = field(default_factory=list)

    @property
    def non_masquerade_cidrs(self) -> list[str] | None:
        """Destinations that see pods' own addresses; ``None`` where that is not known."""
        if self.source == "policies":
            return self.cidrs
        kept = {effective.kept for effective in self.possible}
        if len(kept) != 1:
            return None
        return masquerade_rules.blocks(kept.pop()) if self.cidrs is None else self.cidrs

    def seen_as(self, destination: str) -> str:
        """``pod``, ``node``, ``both`` (parts of it differ) or ``unknown``."""
        if ":" in destination:
            return "unknown"
        asked = masquerade_rules.spans([destination])
        found = set()
        for effective in [*self.possible, *self.before]:
            if masquerade_rules.covers(effective.kept, [destination]):
                found.add("pod")
            else:
                found.add("both" if masquerade_rules.overlaps(asked, effective.kept) else "node")
        return found.pop() if len(found) == 1 else "unknown"


def autopilot(around: Surroundings, policies: t.Sequence[Json] | None, config_map: Json | None) -> Known:
    """Of an Autopilot cluster; ``policies`` are its EgressNATPolicy objects, ``None`` where it has no such kind."""
    found = Known()
    if KEY in ((config_map or {}).get("data") or {}):
        found.findings.append(
            Finding(
                "masq-wrong-mode",
                f"{CONFIG_MAP}: this is an Autopilot cluster, which does not heed it",
                "Use EgressNATPolicy objects, as the module podreach.gke.masquerade does there.",
            )
        )
    if policies is None:
        return found
    named = dict.fromkeys(cidr for policy in policies for cidr in masquerade_rules.named_by(policy))
    found.source, found.cidrs = "policies", list(named)
    found.possible = [masquerade_rules.autopilot(policies, around.own)]
    return found


def standard(around: Surroundings, config_map: Json | None, now: datetime.datetime) -> Known:
    """Of Linux nodes of a Standard cluster."""
    text = ((config_map or {}).get("data") or {}).get(KEY)
    found = Known(findings=[*masquerade_cluster.of_config_map(config_map), *masquerade_cluster.of_agent(around)])
    # who was not asked does not say whether the cluster has GKE's own rules
    disabled = [around.snat_disabled] if around.named else [False, True]
    bare = [masquerade_rules.standard(None, None, snat_disabled=one) for one in disabled]
    if around.agent is None:
        if text is not None:
            found.findings.append(
                Finding(
                    "masq-no-agent",
                    f"{CONFIG_MAP}: nothing reads it, since no ip-masq-agent runs: there is no DaemonSet "
                    f"{NAMESPACE}/{NAME}",
                    f"Deploy it: podreach.gke.masquerade does with deploy_agent: true, or see {HOW_TO}.",
                )
            )
        found.possible = bare
        if disabled == [False]:
            found.source, found.cidrs = "default", [*masquerade_config.PRIVATE, *masquerade_config.RESERVED]
        elif disabled == [True]:
            found.source, found.cidrs = "snat_disabled", [masquerade_rules.EVERYTHING[0]]
            found.findings.append(
                Finding(
                    "snat-disabled",
                    "The cluster has default SNAT disabled and no ip-masq-agent: pods keep their own addresses toward "
                    "everything",
                    "Deploy the agent with a list, where destinations shall see the nodes' addresses.",
                )
            )
        return found
    try:
        config = masquerade_config.read(text, around.flags)
    except Rejected as error:
        found.findings.append(
            Finding(
                "masq-rejected",
                f"{CONFIG_MAP}: the agent does not take what the key {KEY!r} holds ({error}): it goes on with the "
                "rules that it had",
                "Correct that.",
            )
        )
        return found
    found.source = "config_map" if LIST in masquerade_config.fields(text) else "default"
    found.possible = [masquerade_rules.standard(around.flags, config, snat_disabled=one) for one in disabled]
    if all(len(effective.chains) == 1 for effective in found.possible):
        found.cidrs = list(config.cidrs)
    found.findings += masquerade_cluster.of_config(config)
    kept = found.possible[0].kept
    found.findings += masquerade_cluster.of_ranges(around, kept)
    if not around.ready:
        found.possible += bare
    if config_map and text is not None:
        wait_for(found, around, config_map, config, now)
    return found


def wait_for(found: Known, around: Surroundings, config_map: Json, config: Config, now: datetime.datetime) -> None:
    """Add what a change that may not be in force yet means. What was there before, and its interval, nobody tells."""
    by = max(config.resync, USUAL.resync)
    found.pending = masquerade_pending.pending(config_map, by, now)
    if found.pending is None:
        return
    anything = [dataclasses.replace(config, cidrs=kept) for kept in ((), masquerade_rules.EVERYTHING)]
    disabled = [around.snat_disabled] if around.named else [False, True]
    found.before = [
        masquerade_rules.standard(around.flags, one, snat_disabled=off) for one in anything for off in disabled
    ]
    found.findings.append(
        Finding(
            PENDING,
            f"{CONFIG_MAP}: it was changed so recently that agents may still go on with what they had before, for "
            f"{found.pending.seconds_left} s at most, until {masquerade_pending.text_of(found.pending.at_latest)}",
            f"Wait {found.pending.seconds_left} s.",
        )
    )


def of_cluster(
    around: Surroundings, policies: t.Sequence[Json] | None, config_map: Json | None, now: datetime.datetime
) -> Known:
    """What nodes of a cluster do, as far as it is known."""
    found = autopilot(around, policies, config_map) if around.autopilot else standard(around, config_map, now)
    incomplete = around.unread or not around.own
    if around.autopilot and found.possible and incomplete and "one of cluster_ranges" not in around.own.values():
        # what the policies do not name may be the cluster's own
        found.possible.append(NOTHING)
        return found
    if found.non_masquerade_cidrs is None:
        found.source = "unknown"
    return found


def complaints(params: Json) -> list[str]:
    """What is wrong with the options."""
    found = []
    for index, text in enumerate(params.get("cluster_ranges") or []):
        problem = masquerade_cluster.range_problem(text, ipv6=False)
        if problem:
            found.append(f"cluster_ranges[{index}]: {text!r} {problem}")
    for index, text in enumerate(params.get("destinations") or []):
        try:
            ipaddress.ip_network(text)
        except ValueError:
            problem = masquerade_cluster.range_problem(text, ipv6=True)
            found.append(f"destinations[{index}]: {text!r} {problem}, or an address")
    return found


def execute(call: Call) -> dict[str, t.Any]:
    """Read what decides, and say what it means."""
    params = call.params
    raise_all([InvalidInput(problem) for problem in complaints(params)])
    kube, planned = workloads.reach(call)
    destinations = params.get("destinations") or []
    if planned:
        return report(None, Known(), destinations)
    around = surroundings(kube, call, planned=False)
    policies: list[Json] | None = None
    if around.autopilot:
        try:
            policies = kube.items(POLICIES, "EgressNATPolicy objects")
        except ApiError as error:
            if error.status != 404:
                raise
            call.warn(f"{error} So it is not known toward which destinations pods keep their addresses.")
    config_map = kube.get(f"{CONFIG_MAPS}/{NAME}", CONFIG_MAP)
    for problem in around.unread:
        call.warn(f"Not all of the cluster's own ranges are known: {problem}.")
    now = datetime.datetime.now(tz=datetime.UTC)
    return report(around, of_cluster(around, policies, config_map, now), destinations)


def report(around: Surroundings | None, known: Known, destinations: t.Sequence[str]) -> dict[str, t.Any]:
    """The result; without surroundings, that of a cluster that is still to come."""
    own = around.own if around else {}
    ranges = {
        key: [cidr for cidr, what in own.items() if what.endswith(f"{word} range")]
        for key, word in (("pods", "pod"), ("nodes", "node"), ("services", "Services"))
    }
    return {
        "changed": False,
        "mode": ("autopilot" if around.autopilot else "standard") if around else None,
        "agent": {"deployed": bool(around and around.agent), "ready": bool(around and around.ready)},
        "non_masquerade_cidrs": known.non_masquerade_cidrs,
        "source": known.source,
        "cluster_ranges": ranges,
        "in_force": known.pending.as_result() if known.pending else None,
        "destinations": [{"destination": one, "seen_as": known.seen_as(one)} for one in destinations],
        "findings": [{"code": one.code, "message": f"{one.message}.", "mend": one.mend} for one in known.findings],
    }


DEFINITION = Definition(name="masquerade_info", spec=SPEC, execute=execute, rehearse=rehearse)
