# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The golden vectors that packets judge: unedited, understood, and none left out in silence. No lab is needed here."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.podreach.gke.tests.golden.loader import Vector, digest, load
from ansible_collections.podreach.gke.tests.golden.packets import judge, questions
from ansible_collections.podreach.gke.tests.golden.packets.build import READS, nodes_of
from ansible_collections.podreach.gke.tests.golden.packets.ends import End, parse
from ansible_collections.podreach.gke.tests.golden.packets.firewalls import turned
from ansible_collections.podreach.gke.tests.golden.packets.masquerade import inside

COPIED = (
    "gcp-routes",
    "gcp-firewall",
    "peering",
    "masquerade",
    "service",
    "advertisement",
    "aws-routes",
    "aws-filter",
    "story",
)
VECTORS = questions.vectors()
DIGESTS = {
    "gcp-routes": "bdd536b22c3775a8c03b9a6314bd6f911d00cde0bb2a9c0312c49a4c1e18fbf2",
    "gcp-firewall": "46f2de8271b61e65169087e72a400b4604559604ae89bf9805921fef777d79c7",
    "peering": "acdc8bb1b5b1ab341026b4187199d82677ba5b46290bf7b52f6ad43949108f9f",
    "masquerade": "359d952b8879b7b8eee64e066b24248ab0f7e4238f4d45bddb3ed0d0a7722a55",
    "service": "6ae017f07d9d7caab2c68cc88bef45c3df00d5d20cdbdf8af97cd0cfdbfd6d51",
    "advertisement": "dc52ca3c19c6d00d5db9f055d8ffc35aa95857797c58a4c5ada966ff7b0365ba",
    "aws-routes": "f86e9bcf815bbbc281b9d125e4aeb9a3d2c8d54d2236f115d8a7455be6c92d3e",
    "aws-filter": "d453730969ccaf775720b77a8d56c5adfb247c1f1a4495f9b1d9a80c94eb33c3",
    "story": "a4295ac04d383bce518bbe6e1b0f9933347e953615889f33d6f969dfaf0c7903",
    "more": "4ff83ca7af0e3460c360cbf6a107b47a3bbe76ec9dabed066a9c74a5d55a9e85",
}


@pytest.mark.parametrize("group", questions.GROUPS)
def test_the_data_is_unedited(group: str) -> None:
    """Expectations change by a new source only, never to please code: update the digest in a commit that names it."""
    assert digest(group) == DIGESTS[group]


def test_no_more_than_one_in_twenty_is_left_out() -> None:
    """Those that the lab can't express have a reason each; all of them are copied ones."""
    copied = [vector.id for group in COPIED for vector in load(group)]
    assert len(copied) == 276
    assert set(questions.UNEXPRESSED) <= set(copied)
    assert len(questions.UNEXPRESSED) <= len(copied) // 20


def test_ids_are_unique_and_tables_name_vectors() -> None:
    """Over all groups."""
    ids = [vector.id for vector in VECTORS]
    assert len(set(ids)) == len(ids)
    assert set(questions.PARTLY) | set(questions.CONTRADICTED) <= set(ids)


def judged(vector: Vector) -> set[str]:
    """What of the expectation is judged with packets."""
    left = {*questions.READERS, *questions.PARTLY.get(vector.id, {})}
    return set(vector.expect) - left


@pytest.mark.parametrize(
    "vector", [pytest.param(vector, id=vector.id) for vector in VECTORS if vector.id not in questions.UNEXPRESSED]
)
def test_something_is_judged(vector: Vector) -> None:
    """There is a check, it reads all that is given and judges all that isn't a reader's to say."""
    assert vector in judge.ANSWERS, f"nothing answers '{vector.kind}'"
    assert set(vector.given) <= READS
    assert judged(vector), "nothing but reasons is expected"
    assert judged(vector) <= judge.ANSWERS.judged(vector)


def ends_in(vector: Vector) -> t.Iterator[str]:
    """The ends of flows that a vector names."""
    for asked in [vector.ask, *vector.ask.get("flows", [])]:
        yield from (asked[key] for key in ("from", "to") if key in asked)
    for kind in ("snat", "nat"):
        if kind in vector.ask:
            yield vector.ask[kind]["src"]


@pytest.mark.parametrize(
    "text", sorted({text for vector in VECTORS if vector.id not in questions.UNEXPRESSED for text in ends_in(vector)})
)
def test_every_end_is_understood(text: str) -> None:
    """It has a kind and something to find it by."""
    end = parse(text)
    assert end.name or end.address or end.region


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("pod my-pod 172.16.2.5 on node gke-node-02", End("pod", "my-pod", "172.16.2.5", "gke-node-02")),
        ("pod 10.32.0.5 on node n1 (namespace web)", End("pod", address="10.32.0.5", node="n1", namespace="web")),
        ("pod hn (hostNetwork) on node n1", End("pod", "hn", node="n1", host_network=True)),
        ("vm target-gce-01 10.2.0.1 in n2", End("vm", "target-gce-01", "10.2.0.1", network="n2")),
        ("vm 10.2.0.9 in n2, asia-northeast1", End("vm", address="10.2.0.9", network="n2", region="asia-northeast1")),
        ("vm 10.2.0.9 in us-east1, same VPC", End("vm", address="10.2.0.9", region="us-east1")),
        ("vm in europe-west1", End("vm", region="europe-west1")),
        ("node gke-node-02 (10.1.0.12)", End("node", "gke-node-02", "10.1.0.12")),
        ("service plot at 10.1.163.57", End("service", "plot", "10.1.163.57")),
        ("address 172.20.0.5 behind gke-n1, not masqueraded", End("address", address="172.20.0.5", node="gke-n1")),
        ("node gke-n1", End("node", "gke-n1")),
        ("10.1.1.7", End("address", address="10.1.1.7")),
        ("ec2 10.0.1.7 in subnet-1", End("ec2", address="10.0.1.7", subnet="subnet-1")),
        ("container 10.24.1.5", End("pod", address="10.24.1.5")),
        ("vm (node 10.245.70.189)", End("node", "vm", "10.245.70.189")),
        ("node in us-east1", End("node", region="us-east1")),
    ],
)
def test_parse(text: str, end: End) -> None:
    """The forms that vectors use."""
    assert parse(text) == end


@pytest.mark.parametrize("text", ["tunnel t1", "vm a b", "", "pods 10.0.0.1"])
def test_parse_refuses(text: str) -> None:
    """What isn't understood is not passed over."""
    with pytest.raises(ValueError, match="not"):
        parse(text)


def test_nodes_that_only_routes_or_pods_name() -> None:
    """They are made as well, each once."""
    given = {
        "nodes": [{"name": "a", "podCIDR": "10.32.0.0/24"}],
        "routes": [
            {"description": "k8s-node-route", "destRange": "10.32.1.0/24", "nextHopInstance": "b"},
            {"description": "other", "destRange": "10.9.0.0/16", "nextHopInstance": "vm"},
        ],
    }
    found = nodes_of(given, [parse("pod 10.32.2.5 on node c"), parse("node a")])
    assert found == [
        {"name": "a", "podCIDR": "10.32.0.0/24"},
        {"name": "b", "podCIDR": "10.32.1.0/24"},
        {"name": "c", "podCIDR": "10.32.2.0/24"},
    ]


def test_inside() -> None:
    """Addresses near the end of a range; 240.0.0.0/4 ends in one that nobody may send to."""
    assert [inside(cidr) for cidr in ("10.0.0.0/8", "203.0.113.7/32", "240.0.0.0/4")] == [
        "10.255.255.254",
        "203.0.113.7",
        "240.0.0.7",
    ]


def test_turned() -> None:
    """Only the action changes."""
    assert turned({"name": "a", "allowed": [1]}) == {"name": "a", "denied": [1]}
