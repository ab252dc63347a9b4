# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is changed of an Autopilot cluster's policies, by table and by property."""

from __future__ import annotations

import copy
import typing as t

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.podreach.gke.plugins.module_utils.errors import PodreachError
from ansible_collections.podreach.gke.plugins.module_utils.kubernetes import masquerade_policies, masquerade_rules
from ansible_collections.podreach.gke.plugins.module_utils.kubernetes.masquerade_changes import ANNOTATION, Asked
from ansible_collections.podreach.gke.plugins.module_utils.kubernetes.masquerade_policies import BUILT_IN
from ansible_collections.podreach.gke.tests.unit.plugins.module_utils.kubernetes.test_masquerade import LISTS

Json = dict[str, t.Any]
OWN = {"10.96.0.0/17": "the cluster's pod range", "10.1.0.0/16": "the cluster's node range"}
PEER = "10.2.0.0/16"
ME, TEAM = "podreach.gke", "team"
ALONE = "podreach.gke", "podreach.gke.team"


def policy(name: str, *cidrs: str, **more: t.Any) -> Json:
    spec = {"action": "NoSNAT", "destinations": [{"cidr": cidr} for cidr in cidrs]}
    return {"metadata": {"name": name, **more}, "spec": spec}


def fresh() -> list[Json]:
    return [policy("default", *BUILT_IN), policy("gke-1-1", *OWN)]


def asked(
    owner: str = ME,
    *,
    cidrs: t.Sequence[str] | None = None,
    keep: t.Sequence[str] = (),
    masquerade: t.Sequence[str] = (),
    masquerade_rest: bool = False,
    adopt: bool = False,
) -> Asked:
    listed = None if cidrs is None else tuple(cidrs)
    return Asked(owner, listed, tuple(keep), tuple(masquerade), masquerade_rest, adopt=adopt)


def lists(policies: t.Iterable[Json]) -> dict[str, list[str]]:
    return {one["metadata"]["name"]: masquerade_policies.entries(one) for one in policies}


def kept(policies: t.Iterable[Json]) -> masquerade_rules.Spans:
    return masquerade_rules.autopilot(policies, OWN).kept


def seen(policies: t.Iterable[Json], destination: str) -> str:
    return "pod" if masquerade_rules.covers(kept(policies), [destination]) else "node"


def do(policies: list[Json], *wishes: Asked | str) -> list[Json]:
    """What comes of wishes, one after the other; a text is an owner that goes."""
    for wish in wishes:
        before = copy.deepcopy(policies)
        if isinstance(wish, str):
            after = masquerade_policies.absent(wish, policies)
            assert masquerade_policies.absent(wish, after) == after
        else:
            after = masquerade_policies.present(wish, policies, OWN)
            assert masquerade_policies.present(wish, after, OWN) == after
        assert policies == before
        policies = after
    return policies


def test_masquerade_takes_out_of_default_and_holds_the_rest() -> None:
    after = do(fresh(), asked(masquerade=[PEER]))
    found = lists(after)
    assert found["default"] == [*BUILT_IN[1:]]
    # 10.0.0.0/16 to 10.255.0.0/16 without 10.2.0.0/16, in the fewest blocks
    assert found[ME] == [
        "10.0.0.0/15",
        "10.3.0.0/16",
        "10.4.0.0/14",
        "10.8.0.0/13",
        "10.16.0.0/12",
        "10.32.0.0/11",
        "10.64.0.0/10",
        "10.128.0.0/9",
    ]
    assert masquerade_rules.moved(kept(fresh()), kept(after)) == ([PEER], [])
    assert do(after, ME) == [{**fresh()[0], "metadata": {"name": "default", "annotations": {}}}, fresh()[1]]
    # what changes is moved back and forth
    other = do(after, asked(masquerade=["10.3.0.0/16"]))
    assert (seen(other, PEER), seen(other, "10.3.0.0/16")) == ("pod", "node")
    rest = do(other, asked(keep=["8.8.8.0/24"]))
    assert lists(rest) == {**lists(fresh()), ME: ["8.8.8.0/24"]}


def test_keep_only_adds() -> None:
    after = do(fresh(), asked(keep=["8.8.8.0/24", "10.7.0.0/16"]))
    assert lists(after) == {**lists(fresh()), ME: ["8.8.8.0/24"]}
    assert after[:2] == fresh()
    assert after[2]["metadata"]["labels"] == {"app.kubernetes.io/managed-by": "podreach.gke"}
    assert do(after, ME) == fresh()
    assert do(fresh(), asked(keep=["10.7.0.0/16"])) == fresh()


def test_all_the_rest_masqueraded() -> None:
    after = do(fresh(), asked(keep=["10.3.0.0/16"], masquerade_rest=True))
    assert lists(after) == {"default": [], "gke-1-1": [*OWN], ME: ["10.3.0.0/16"]}


def test_the_list_as_it_is_to_be() -> None:
    mine = ["192.168.0.0/16", "8.8.8.0/24"]
    foreign = policy("theirs", "8.8.4.0/24")
    after = do([*fresh(), foreign], asked(cidrs=[*mine, "8.8.4.0/24"]))
    assert lists(after) == {
        "default": ["192.168.0.0/16"],
        "gke-1-1": [*OWN],
        "theirs": ["8.8.4.0/24"],
        ME: ["8.8.8.0/24"],
    }
    assert lists(do(after, asked(cidrs=["172.16.0.0/12"])))["default"] == ["172.16.0.0/12"]
    assert lists(do(after, ME)) == lists([*fresh(), foreign])
    assert lists(do(fresh(), asked(cidrs=[])))["default"] == []
    with pytest.raises(PodreachError, match="fc00::/7"):
        masquerade_policies.present(asked(cidrs=["fc00::/7"]), fresh(), OWN)


def test_owners_hold_what_they_want() -> None:
    both = do(fresh(), asked(masquerade=[PEER]), asked(TEAM, masquerade=[PEER], keep=["8.8.8.0/24"]))
    assert seen(both, PEER) == "node"
    left = do(both, ME)
    assert kept(left) == kept(both)
    assert lists(do(left, TEAM)) == lists(fresh())
    # the other one's wish alone: nothing of it hangs on this owner's
    apart = do(fresh(), asked(masquerade=[PEER]), asked(TEAM, keep=["8.8.8.0/24"]))
    assert lists(apart)["podreach.gke.team"] == ["8.8.8.0/24"]
    with pytest.raises(PodreachError, match=r"10\.3\.0\.0/16 in .* podreach.gke is held by another owner"):
        do(apart, asked(TEAM, masquerade=["10.3.0.0/16"]))


THEIRS = policy("theirs", "10.0.0.0/14", "8.0.0.0/8", labels={"app.kubernetes.io/managed-by": "Helm"})
WRITTEN = {**fresh()[0], "spec": {**fresh()[0]["spec"], "destinations": [{"cidr": "10.0.0.0/9"}, {"cidr": "fc00::/7"}]}}

#: policies, what is asked -> what the refusal says
REFUSED: dict[str, tuple[list[Json], Asked, str]] = {
    "theirs": ([*fresh(), THEIRS], asked(masquerade=[PEER]), r"10\.0\.0\.0/14 in EgressNATPolicy theirs was put there"),
    "theirs in default": ([WRITTEN], asked(masquerade=[PEER]), r"10\.0\.0\.0/9 in EgressNATPolicy default was put"),
    "GKE's": (
        [policy("gke-1-1", "8.0.0.0/8")],
        asked(masquerade=["8.8.0.0/16"], adopt=True),
        r"8\.0\.0\.0/8 in EgressNATPolicy gke-1-1 .* nobody else can change it",
    ),
    "name": (
        [policy(ME, "8.0.0.0/8")],
        asked(keep=["9.0.0.0/8"]),
        r"EgressNATPolicy podreach.gke: podreach.gke did not",
    ),
    "own range": (fresh(), asked(masquerade=["10.1.3.0/24"]), r"10\.1\.3\.0/24 is in 10\.1\.0\.0/16"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    policies, wish, words = REFUSED[name]
    with pytest.raises(PodreachError, match=words):
        masquerade_policies.present(wish, policies, OWN)


def test_adopted_and_put_back() -> None:
    before = [WRITTEN, THEIRS]
    after = do(before, asked(masquerade=[PEER], adopt=True), asked(masquerade=[PEER]))
    assert lists(after)["theirs"] == ["8.0.0.0/8"]
    assert after[0]["spec"]["destinations"] == [{"cidr": "fc00::/7"}]
    assert masquerade_rules.moved(kept(before), kept(after)) == ([PEER], [])
    back = do(after, ME)
    assert [one["spec"] for one in back] == [one["spec"] for one in before]
    assert all(ANNOTATION not in one["metadata"]["annotations"] for one in back)
    # somebody adds to it meanwhile
    after[1] = copy.deepcopy(after[1])
    after[1]["spec"]["destinations"].append({"cidr": "9.0.0.0/8"})
    assert lists(do(after, ME))["theirs"] == ["8.0.0.0/8", "9.0.0.0/8", "10.0.0.0/14"]


def test_names() -> None:
    names = [masquerade_policies.name_of(one) for one in (ME, TEAM, "Team", "a.b", "b c", "ü", "x" * 99)]
    assert names[:2] == [*ALONE]
    assert len(set(names)) == len(names)
    assert all(len(one) < 64 and one == one.lower() and one[-1].isalnum() for one in names)


@given(LISTS, LISTS, LISTS, LISTS, LISTS, st.booleans())
@settings(max_examples=150, deadline=None)
def test_it_is_what_was_asked(
    default: list[str], theirs: list[str], keep: list[str], out: list[str], own: list[str], rest: bool
) -> None:
    before = [policy("default", *default), policy("theirs", *theirs), policy("gke-1-1", *own)]
    mine = dict.fromkeys(own, "its own")
    wish = asked(keep=keep, masquerade=out, masquerade_rest=rest, adopt=True)
    if not wish.derives:
        return
    try:
        after = masquerade_policies.present(wish, before, mine)
    except PodreachError:
        return
    base = own if rest else [*default, *theirs, *own]
    wanted = masquerade_rules.derive(base, keep=keep, masquerade=out, own=mine).kept
    spans = masquerade_rules.spans
    found = [cidr for policy in after for cidr in masquerade_policies.entries(policy)]
    assert spans([*found, *own]) == wanted
    assert masquerade_policies.present(wish, after, mine) == after
    # none of its own entries can be spared
    listed = lists(after).get(ME, [])
    others = [cidr for name, cidrs in lists(after).items() if name != ME for cidr in cidrs]
    for cidr in listed:
        assert spans([*others, *own, *(one for one in listed if one != cidr)]) != wanted
    back = masquerade_policies.absent(ME, after)
    assert [one["spec"] for one in back] == [one["spec"] for one in before]
