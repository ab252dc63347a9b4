# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Members of IAM policies are added and taken, and all else stays to the letter."""

from __future__ import annotations

import copy
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.podreach.gke.plugins.module_utils.errors import PodreachError
from ansible_collections.podreach.gke.plugins.module_utils.gcp import policies

from .wire import Expected, Wire

Json = dict[str, t.Any]

USER = "roles/compute.networkUser"
CONDITION = {"title": "until spring", "expression": 'request.time < timestamp("2027-03-20T00:00:00Z")'}
POLICY: Json = {
    "version": 3,
    "etag": "BwX",
    "auditConfigs": [{"service": "allServices"}],
    "bindings": [
        {"role": "roles/owner", "members": ["user:a@example.com"]},
        {"role": USER, "members": ["group:g@example.com"], "condition": CONDITION},
        {"role": USER, "members": ["user:z@example.com", "user:a@example.com"]},
    ],
}


def test_added_joins_the_binding_without_a_condition() -> None:
    then = policies.added(POLICY, {USER: ["user:a@example.com", "user:new@example.com"], "roles/x": ["user:b"]})
    assert then == {
        **POLICY,
        "bindings": [
            *POLICY["bindings"][:2],
            {"role": USER, "members": ["user:z@example.com", "user:a@example.com", "user:new@example.com"]},
            {"role": "roles/x", "members": ["user:b"]},
        ],
    }


def test_a_member_under_a_condition_only_is_lacking() -> None:
    wanted = {USER: ["group:g@example.com", "user:a@example.com"]}
    assert policies.lacking(POLICY, wanted) == {USER: ["group:g@example.com"]}
    assert policies.held(POLICY, wanted) == {USER: ["user:a@example.com"]}


def test_taken_leaves_conditions_and_others() -> None:
    wanted = {USER: ["group:g@example.com", "user:a@example.com"], "roles/none": ["user:b"]}
    then = policies.taken(POLICY, wanted)
    rest = {"role": USER, "members": ["user:z@example.com"]}
    assert then == {**POLICY, "bindings": [*POLICY["bindings"][:2], rest]}
    assert policies.taken(then, {USER: ["user:z@example.com"]})["bindings"] == POLICY["bindings"][:2]


MEMBERS = st.lists(st.sampled_from(["user:a", "user:b", "user:c", "user:d"]), unique=True)
ROLES = st.sampled_from(["roles/x", "roles/y", "roles/z"])
BINDINGS = st.lists(
    st.builds(
        lambda role, members, extra: {"role": role, "members": members, **extra},
        ROLES,
        MEMBERS.filter(bool),
        st.sampled_from([{}, {"condition": CONDITION}]),
    ),
    max_size=6,
)
GRANTS = st.dictionaries(ROLES, MEMBERS.filter(bool), max_size=3)


@given(BINDINGS, GRANTS)
def test_what_is_added_is_held_and_what_is_taken_is_not(bindings: list[Json], grants: policies.Grants) -> None:
    policy: Json = {"etag": "e", "bindings": bindings}
    before = copy.deepcopy(policy)
    there = policies.added(policy, grants)
    gone = policies.taken(policy, grants)
    assert policy == before
    assert policies.lacking(there, grants) == {}
    assert policies.held(gone, grants) == {}
    assert policies.added(there, grants) == there
    assert policies.taken(gone, grants) == gone
    new = policies.lacking(policy, grants)
    # whatever else there was is there still, in the same order
    assert policies.taken(there, new) == before
    for then in (there, gone):
        assert [item for item in then["bindings"] if "condition" in item] == [
            item for item in bindings if "condition" in item
        ]


def test_a_policy_without_an_etag_is_not_touched() -> None:
    wire = Wire(Expected("POST", "projects/p:getIamPolicy", {"bindings": []}))
    with pytest.raises(PodreachError, match="without an etag"):
        policies.read(wire.client(), "projects/p")


def test_an_empty_policy_of_what_does_not_exist_is_none() -> None:
    path = "projects/p/regions/r/subnetworks/s"
    wire = Wire(
        Expected("GET", f"{path}/getIamPolicy", {"etag": "ACAB"}, query={"optionsRequestedPolicyVersion": "3"}),
        Expected("GET", path, {"error": {"code": 404}}, status=404),
    )
    assert policies.read(wire.client(), path) is None
