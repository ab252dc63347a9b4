# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The store of a cluster of the lab: versions, owners, finalizers, namespaces, watchers."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.podreach.gke.tests.lab.podreach_lab.clock import ManualClock
from ansible_collections.podreach.gke.tests.lab.podreach_lab.kubernetes import bootstrap, selectors
from ansible_collections.podreach.gke.tests.lab.podreach_lab.kubernetes.errors import ApiError
from ansible_collections.podreach.gke.tests.lab.podreach_lab.kubernetes.store import HISTORY, Event, Store

Json = dict[str, t.Any]

CONTAINERS = [{"name": "c", "image": "nginx"}]


@pytest.fixture
def store() -> Store:
    """The store of a new cluster whose Services are in 10.0.0.0/24."""
    return bootstrap.make(ManualClock(), {"servicesIpv4Cidr": "10.0.0.0/24", "endpoint": "127.64.0.1"}, "PEM", seed=1)


def config(name: str = "one", **more: t.Any) -> Json:
    return {"metadata": {"name": name, **more.pop("metadata", {})}, **more}


def owner(item: Json, **more: t.Any) -> Json:
    metadata = item["metadata"]
    return {
        "apiVersion": item["apiVersion"],
        "kind": item["kind"],
        "name": metadata["name"],
        "uid": metadata["uid"],
        **more,
    }


def pod(name: str, *owners: Json, node: str = "n1") -> Json:
    metadata: Json = {"name": name, "ownerReferences": list(owners)} if owners else {"name": name}
    return {"metadata": metadata, "spec": {"nodeName": node, "containers": CONTAINERS}}


def refusal(store: Store, method: str, *arguments: t.Any, **keywords: t.Any) -> Json:
    with pytest.raises(ApiError) as raised:
        getattr(store, method)(*arguments, **keywords)
    return raised.value.status


# ---- writing and reading


def test_nothing_is_shared_with_callers(store: Store) -> None:
    given = config(data={"a": "1"})
    made = store.create("configmaps", given)
    given["data"]["a"] = made["data"]["a"] = "2"
    read = store.get("configmaps", "default", "one")
    assert read["data"] == {"a": "1"}
    read["data"]["a"] = "3"
    store.list("configmaps", "default")[0]["data"]["x"] = "4"
    assert store.get("configmaps", "default", "one")["data"] == {"a": "1"}


def test_what_the_store_sets(store: Store) -> None:
    made = store.create("configmaps", config())
    metadata = made["metadata"]
    assert (made["apiVersion"], made["kind"]) == ("v1", "ConfigMap")
    assert metadata["namespace"] == "default"
    assert metadata["creationTimestamp"] == "2026-11-01T00:00:00Z"
    assert len(metadata["uid"]) == 36
    later = store.create("configmaps", config("two"))
    assert int(later["metadata"]["resourceVersion"]) > int(metadata["resourceVersion"])


def test_refusals(store: Store) -> None:
    store.create("configmaps", config())
    again = refusal(store, "create", "configmaps", config())
    assert (again["code"], again["reason"]) == (409, "AlreadyExists")
    assert again["message"] == 'configmaps "one" already exists'
    missing = refusal(store, "get", "deployments.apps", "default", "none")
    assert missing["message"] == 'deployments.apps "none" not found'
    assert missing["details"] == {"name": "none", "group": "apps", "kind": "deployments"}
    assert refusal(store, "create", "configmaps", config(), "nowhere")["message"] == 'namespaces "nowhere" not found'
    old = store.get("configmaps", "default", "one")
    store.update("configmaps", old | {"data": {"a": "b"}})
    stale = refusal(store, "update", "configmaps", old | {"data": {"c": "d"}})
    assert (stale["code"], stale["reason"]) == (409, "Conflict")
    assert "the object has been modified; please apply your changes to the latest version" in stale["message"]
    assert refusal(store, "delete", "configmaps", "default", "one", uid="other")["code"] == 409


def test_an_update_that_changes_nothing_tells_nobody(store: Store) -> None:
    made = store.create("configmaps", config(data={"a": "b"}))
    told: list[Event] = []
    store.watch(told.append)
    again = store.update("configmaps", config(data={"a": "b"}))
    assert again == made
    assert told == []


def test_generation_counts_what_is_wanted(store: Store) -> None:
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": CONTAINERS}}
    spec = {"selector": {"matchLabels": {"a": "b"}}, "template": template}
    made = store.create("deployments.apps", config(spec=spec, status={"replicas": 9}))
    assert made["metadata"]["generation"] == 1
    assert "status" not in made

    def more(item: Json) -> None:
        item["spec"]["replicas"] = 3
        item["status"] = {"replicas": 3}

    spec_only = store.change("deployments.apps", "default", "one", more)
    assert (spec_only["metadata"]["generation"], spec_only["spec"]["replicas"]) == (2, 3)
    assert "status" not in spec_only

    def less(item: Json) -> None:
        item["spec"]["replicas"] = 1
        item["status"] = {"replicas": 3}

    status_only = store.change("deployments.apps", "default", "one", less, subresource="status")
    assert (status_only["metadata"]["generation"], status_only["spec"]["replicas"]) == (2, 3)
    assert status_only["status"] == {"replicas": 3}


def test_generated_names_and_dry_runs(store: Store) -> None:
    before = store.version
    made = store.create("configmaps", {"metadata": {"generateName": "c-"}}, dry_run=True)
    assert len(made["metadata"]["name"]) == 7
    store.delete("configmaps", "default", "kube-root-ca.crt", dry_run=True)
    assert store.version == before
    assert [item["metadata"]["name"] for item in store.list("configmaps", "default")] == ["kube-root-ca.crt"]


# ---- watching


def test_watchers_are_told_in_order_whatever_they_do(store: Store) -> None:
    """What the first one does while it is told comes after that for both."""
    first: list[tuple[str, str]] = []
    second: list[tuple[str, str]] = []

    def reacts(event: Event) -> None:
        first.append((event.type, event.object["metadata"]["name"]))
        if event.type == "ADDED" and event.object["metadata"]["name"] == "one":
            store.create("configmaps", config("two"))

    store.watch(reacts)
    stop = store.watch(lambda event: second.append((event.type, event.object["metadata"]["name"])))
    store.create("configmaps", config())
    assert first == second == [("ADDED", "one"), ("ADDED", "two")]
    stop()
    store.delete("configmaps", "default", "one")
    assert first[-1] == ("DELETED", "one")
    assert len(second) == 2


def test_history_and_its_end(store: Store) -> None:
    mark = store.version
    made = store.create("configmaps", config())
    store.update("configmaps", made | {"data": {"a": "b"}})
    assert [event.type for event in store.since(mark)] == ["ADDED", "MODIFIED"]
    for number in range(HISTORY):
        store.update("configmaps", config(data={"a": str(number)}))
    with pytest.raises(ApiError, match="too old resource version") as raised:
        store.since(mark)
    assert (raised.value.code, raised.value.reason) == (410, "Expired")


# ---- selecting


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("app=a", "one"),
        ("app==a", "one"),
        ("app!=a", "two three"),
        ("app in (a, b)", "one two"),
        ("app notin (a),tier", "two"),
        ("!app", "three"),
        ("app,tier=x", "one"),
        ("", "one two three"),
    ],
)
def test_label_selectors(store: Store, text: str, found: str) -> None:
    for name, labels in (("one", {"app": "a", "tier": "x"}), ("two", {"app": "b", "tier": "y"}), ("three", {})):
        store.create("secrets", config(name, metadata={"labels": labels}))
    names = {item["metadata"]["name"] for item in store.list("secrets", labels=text)}
    assert names == set(found.split())


def test_selectors_that_make_no_sense(store: Store) -> None:
    with pytest.raises(ApiError, match="unable to parse requirement"):
        selectors.parse_labels("a in b")
    assert refusal(store, "list", "configmaps", fields="data.a=b")["message"] == "field label not supported: data.a"


def test_field_selectors(store: Store) -> None:
    store.create("pods", pod("a"))
    store.create("pods", pod("b", node="n2"))
    assert [item["metadata"]["name"] for item in store.list("pods", fields="spec.nodeName=n2")] == ["b"]
    assert len(store.list("pods", fields="metadata.namespace=default,status.phase!=Running")) == 2


# ---- deleting


def test_finalizers_hold(store: Store) -> None:
    store.create("configmaps", config(metadata={"finalizers": ["example.com/hold"]}))
    left = store.delete("configmaps", "default", "one")
    assert not left.gone
    assert left.object["metadata"]["deletionTimestamp"]
    added = refusal(
        store, "change", "configmaps", "default", "one", lambda item: item["metadata"]["finalizers"].append("x.y/z")
    )
    assert "no new finalizers can be added" in added["message"]
    store.change("configmaps", "default", "one", lambda item: item["metadata"].pop("finalizers"))
    assert store.find("configmaps", "default", "one") is None


def test_pods_have_time_to_end(store: Store) -> None:
    store.create("pods", pod("there"))
    store.create("pods", pod("nowhere", node=""))
    assert store.delete("pods", "default", "nowhere").gone
    left = store.delete("pods", "default", "there")
    assert left.object["metadata"]["deletionTimestamp"] == "2026-11-01T00:00:30Z"
    sooner = store.delete("pods", "default", "there", grace=5)
    assert sooner.object["metadata"]["deletionGracePeriodSeconds"] == 5
    assert store.delete("pods", "default", "there", grace=0).gone


@pytest.fixture
def family(store: Store) -> Json:
    """A ConfigMap that owns a Secret, and shares another one with a second ConfigMap."""
    parent = store.create("configmaps", config("parent"))
    other = store.create("configmaps", config("other"))
    blocking = owner(parent, blockOwnerDeletion=True)
    store.create("secrets", config("own", metadata={"ownerReferences": [blocking]}))
    store.create("secrets", config("shared", metadata={"ownerReferences": [owner(parent), owner(other)]}))
    return parent


def names(store: Store) -> list[str]:
    return [item["metadata"]["name"] for item in store.list("secrets")]


@pytest.mark.parametrize(("propagation", "left"), [("Background", ["shared"]), ("Foreground", ["shared"])])
def test_what_is_owned_follows(store: Store, family: Json, propagation: str, left: list[str]) -> None:
    assert store.delete("configmaps", "default", "parent", propagation=propagation).gone
    assert names(store) == left
    references = store.get("secrets", "default", "shared")["metadata"]["ownerReferences"]
    assert [item["name"] for item in references] == ["other"]


def test_orphans_stay(store: Store, family: Json) -> None:
    store.delete("configmaps", "default", "parent", propagation="Orphan")
    assert names(store) == ["own", "shared"]
    assert "ownerReferences" not in store.get("secrets", "default", "own")["metadata"]


def test_foreground_waits_for_what_blocks(store: Store) -> None:
    parent = store.create("configmaps", config("parent"))
    store.create("pods", pod("slow", owner(parent, blockOwnerDeletion=True)))
    assert not store.delete("configmaps", "default", "parent", propagation="Foreground").gone
    assert store.get("configmaps", "default", "parent")["metadata"]["finalizers"] == ["foregroundDeletion"]
    store.delete("pods", "default", "slow", grace=0)
    assert store.find("configmaps", "default", "parent") is None


def test_whoever_has_no_living_owner_goes(store: Store) -> None:
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "dead"}
    store.create("secrets", config(metadata={"ownerReferences": [reference]}))
    assert names(store) == []


def test_a_namespace_takes_all_along(store: Store) -> None:
    store.create("namespaces", {"metadata": {"name": "blue"}})
    store.create("pods", pod("slow"), "blue")
    assert not store.delete("namespaces", "", "blue").gone
    assert store.get("namespaces", "", "blue")["status"]["phase"] == "Terminating"
    late = refusal(store, "create", "configmaps", config(), "blue")
    assert (late["code"], late["details"]["causes"][0]["reason"]) == (403, "NamespaceTerminating")
    store.delete("pods", "blue", "slow", grace=0)
    assert store.find("namespaces", "", "blue") is None
    assert store.list("configmaps", "blue") == []


# ---- what a cluster begins with


def test_what_is_there_from_the_beginning(store: Store) -> None:
    assert [item["metadata"]["name"] for item in store.list("namespaces")] == list(bootstrap.NAMESPACES)
    assert store.get("services", "default", "kubernetes")["spec"]["clusterIP"] == "10.0.0.1"
    store.delete("serviceaccounts", "default", "default")
    assert store.find("serviceaccounts", "default", "default") is not None


def test_addresses_of_services(store: Store) -> None:
    ports = [{"port": 80}]
    given = set()
    for number in range(253):
        made = store.create("services", config(f"s{number}", spec={"ports": ports}))
        given.add(made["spec"]["clusterIP"])
    assert len(given) == 253
    full = refusal(store, "create", "services", config("more", spec={"ports": ports}))
    assert (full["code"], "range is full" in full["message"]) == (500, True)
    store.delete("services", "default", "s0")
    store.create("services", config("more", spec={"ports": ports}))
    headless = store.create("services", config("none", spec={"ports": ports, "clusterIP": "None"}))
    assert headless["spec"]["clusterIPs"] == ["None"]
