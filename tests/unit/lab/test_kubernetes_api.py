# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The API of a cluster of the lab, asked without a socket."""

from __future__ import annotations

import asyncio
import functools
import json
import typing as t

import pytest

from ansible_collections.podreach.gke.tests.lab.podreach_lab.clock import ManualClock
from ansible_collections.podreach.gke.tests.lab.podreach_lab.kubernetes import bootstrap
from ansible_collections.podreach.gke.tests.lab.podreach_lab.kubernetes.api import Api, Request
from ansible_collections.podreach.gke.tests.lab.podreach_lab.kubernetes.errors import ApiError
from ansible_collections.podreach.gke.tests.lab.podreach_lab.kubernetes.store import HISTORY
from ansible_collections.podreach.gke.tests.lab.podreach_lab.kubernetes.watching import Watch

Json = dict[str, t.Any]

CONFIGS = "/api/v1/namespaces/default/configmaps"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
POD_SPEC = {"containers": [{"name": "c", "image": "nginx"}]}
SELECTED = {"selector": {"matchLabels": {"a": "b"}}, "template": {"metadata": {"labels": {"a": "b"}}, "spec": POD_SPEC}}


class Client:
    """Asks an API as the operator."""

    def __init__(self) -> None:
        body = {"servicesIpv4Cidr": "10.0.0.0/24", "endpoint": "127.64.0.1"}
        self.store = bootstrap.make(ManualClock(), body, "PEM", seed=1)
        self.api = Api(self.store, "1.35.3-gke.1041000", "127.64.0.1:443")

    def request(self, method: str, target: str, body: t.Any = None, **headers: str) -> Request:
        raw = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {"User-Agent": "tests/1.0", **{key.replace("_", "-"): value for key, value in headers.items()}}
        return Request.of(method, target, named, raw, "operator@podreach-lab.iam.gserviceaccount.com")

    def __call__(self, method: str, target: str, body: t.Any = None, code: int = 0, **headers: str) -> t.Any:
        """The answer's body; its status must be `code`, or tell of success."""
        answer = self.api.answer(self.request(method, target, body, **headers))
        assert answer.status == code or (not code and answer.status < 300), answer.body
        return json.loads(answer.body)


@pytest.fixture
def client() -> Client:
    return Client()


def config(name: str, **more: t.Any) -> Json:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **more.pop("metadata", {})}, **more}


def deployment(**spec: t.Any) -> Json:
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {**SELECTED, **spec}}


# ---- discovery


def test_discovery(client: Client) -> None:
    """Entries are those of https://github.com/kubernetes/kubernetes/blob/master/api/discovery/apis__apps__v1.json."""
    found = client("GET", "/apis/apps/v1")
    assert (found["kind"], found["groupVersion"]) == ("APIResourceList", "apps/v1")
    entries = {item["name"]: item for item in found["resources"]}
    assert entries["deployments"] == {
        "categories": ["all"],
        "kind": "Deployment",
        "name": "deployments",
        "namespaced": True,
        "shortNames": ["deploy"],
        "singularName": "deployment",
        "verbs": ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"],
    }
    assert entries["deployments/scale"] == {
        "group": "autoscaling",
        "kind": "Scale",
        "name": "deployments/scale",
        "namespaced": True,
        "singularName": "",
        "verbs": ["get", "patch", "update"],
        "version": "v1",
    }
    assert client("GET", "/api")["versions"] == ["v1"]
    assert "apps" in [item["name"] for item in client("GET", "/apis")["groups"]]
    assert client("GET", "/apis/nothing", code=404)["message"] == "the server could not find the requested resource"


def test_aggregated_discovery_says_the_same(client: Client) -> None:
    found = client("GET", "/apis", Accept=AGGREGATED)
    assert (found["kind"], found["apiVersion"]) == ("APIGroupDiscoveryList", "apidiscovery.k8s.io/v2")
    apps = next(item for item in found["items"] if item["metadata"]["name"] == "apps")
    entries = {item["resource"]: item for item in apps["versions"][0]["resources"]}
    assert entries["deployments"]["shortNames"] == ["deploy"]
    assert entries["deployments"]["scope"] == "Namespaced"
    subresources = {
        item["subresource"]: item["responseKind"]["kind"] for item in entries["deployments"]["subresources"]
    }
    assert subresources == {"scale": "Scale", "status": "Deployment"}
    core = client("GET", "/api", Accept=AGGREGATED)["items"][0]["versions"][0]["resources"]
    legacy = {item["name"] for item in client("GET", "/api/v1")["resources"] if "/" not in item["name"]}
    assert {item["resource"] for item in core} == legacy


def test_openapi_is_complete_in_itself(client: Client) -> None:
    def references(value: t.Any) -> t.Iterator[str]:
        if isinstance(value, dict):
            if isinstance(value.get("$ref"), str):
                yield value["$ref"].rsplit("/", 1)[1]
            for item in value.values():
                yield from references(item)
        elif isinstance(value, list):
            for item in value:
                yield from references(item)

    index = client("GET", "/openapi/v3")["paths"]
    assert {"api/v1", "apis/apps/v1"} <= set(index)
    for where in index.values():
        found = client("GET", where["serverRelativeURL"])
        assert set(references(found)) <= set(found["components"]["schemas"])
    found = client("GET", "/openapi/v2")
    assert set(references(found["paths"])) <= set(found["definitions"])
    patch = client("GET", "/openapi/v3/apis/apps/v1")["paths"][
        f"{DEPLOYMENTS.replace('default', '{namespace}')}/{{name}}"
    ]
    assert "fieldValidation" in [item["name"] for item in patch["patch"]["parameters"]]


# ---- who may


def test_whoever_may_not_use_the_cluster(client: Client) -> None:
    request = client.request("DELETE", f"{CONFIGS}/a")
    refused = client.api.answer(Request(**{**vars(request), "allowed": False}))
    assert refused.status == 403
    assert json.loads(refused.body)["message"] == (
        'configmaps "a" is forbidden: User "operator@podreach-lab.iam.gserviceaccount.com" cannot delete resource '
        '"configmaps" in API group "" in the namespace "default": requires one of ["container.configmaps.delete"] '
        "permission(s)."
    )
    review = client.request("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", {"spec": {}})
    answer = client.api.answer(Request(**{**vars(review), "allowed": False}))
    assert json.loads(answer.body)["status"] == {"allowed": False}


# ---- reading


def test_pages(client: Client) -> None:
    for number in range(5):
        client("POST", CONFIGS, config(f"c{number}"))
    seen: list[str] = []
    token, pages = "", 0
    while True:
        found = client("GET", f"{CONFIGS}?limit=2&continue={token}")
        seen += [item["metadata"]["name"] for item in found["items"]]
        pages += 1
        token = found["metadata"].get("continue", "")
        if not token:
            break
        assert found["metadata"]["remainingItemCount"] == 6 - len(seen)
    assert (pages, seen) == (3, ["c0", "c1", "c2", "c3", "c4", "kube-root-ca.crt"])
    assert client("GET", f"{CONFIGS}?continue=x", code=400)["reason"] == "BadRequest"


def test_shapes(client: Client) -> None:
    client("POST", CONFIGS, config("a", data={"x": "y"}))
    table = client("GET", f"{CONFIGS}?includeObject=Object", Accept=TABLE)
    assert [row["cells"][:2] for row in table["rows"]] == [["a", 1], ["kube-root-ca.crt", 1]]
    assert table["rows"][0]["object"]["data"] == {"x": "y"}
    partial = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
    found = client("GET", CONFIGS, Accept=partial)
    assert (found["kind"], "data" in found["items"][0]) == ("PartialObjectMetadataList", False)
    listed = client("GET", "/api/v1/configmaps")
    assert (listed["kind"], "kind" in listed["items"][0]) == ("ConfigMapList", False)
    assert client("GET", CONFIGS, Accept="application/vnd.kubernetes.protobuf", code=406)["reason"] == "NotAcceptable"


# ---- writing


def test_field_validation(client: Client) -> None:
    wrong = config("a", datas={})
    strict = client("POST", f"{CONFIGS}?fieldValidation=Strict", wrong, code=400)
    assert strict["message"] == (
        'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "datas"'
    )
    answer = client.api.answer(client.request("POST", CONFIGS, wrong))
    assert answer.headers["Warning"] == r'299 - "unknown field \"datas\""'
    twice = b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"b"},"data":{},"data":{}}'
    refused = client("POST", f"{CONFIGS}?fieldValidation=Strict", twice, code=400)
    assert 'duplicate field "data"' in refused["message"]
    assert (
        "Warning" not in client.api.answer(client.request("POST", f"{CONFIGS}?fieldValidation=Ignore", twice)).headers
    )


@pytest.mark.parametrize(
    ("method", "target", "body", "code"),
    [
        ("POST", CONFIGS, {"kind": "ConfigMap"}, 400),
        ("POST", CONFIGS, {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}}, 400),
        ("POST", CONFIGS, b"{", 400),
        ("POST", f"{CONFIGS}?dryRun=Some", config("a"), 400),
        ("POST", CONFIGS, config("a", metadata={"namespace": "other"}), 400),
        ("PUT", f"{CONFIGS}/b", config("a"), 400),
        ("PUT", f"{CONFIGS}/a", config("a"), 404),
        ("POST", f"{CONFIGS}/a", config("a"), 405),
        ("DELETE", "/api/v1/namespaces", None, 405),
        ("GET", "/api/v1/namespaces/default/pods/a/portforward", None, 501),
        ("GET", "/api/v1/configmaps/a", None, 404),
        ("GET", "/api/v1/namespaces/default/nodes", None, 404),
    ],
)
def test_what_is_refused(client: Client, method: str, target: str, body: t.Any, code: int) -> None:
    assert client(method, target, body, code=code)["kind"] == "Status"


def test_patches_keep_to_their_media_types(client: Client) -> None:
    client("POST", CONFIGS, config("a"))
    refused = client("PATCH", f"{CONFIGS}/a", {"data": {}}, code=415, Content_Type="application/json")
    assert "application/strategic-merge-patch+json" in refused["message"]
    patched = client(
        "PATCH", f"{CONFIGS}/a", {"data": {"x": "y"}}, Content_Type="application/strategic-merge-patch+json"
    )
    assert patched["data"] == {"x": "y"}
    unknown: Json = {"datas": {}}
    target = f"{CONFIGS}/a?fieldValidation=Strict"
    refused = client("PATCH", target, unknown, code=422, Content_Type="application/merge-patch+json")
    assert 'strict decoding error: unknown field "datas"' in refused["message"]


def test_server_side_apply(client: Client) -> None:
    style: Json = {"Content_Type": "application/apply-patch+yaml"}
    text = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {x: y}\n"
    assert client("PATCH", f"{CONFIGS}/a", text, code=422, **style)["message"].endswith("is required for apply patch")
    made = client("PATCH", f"{CONFIGS}/a?fieldManager=me", text, code=201, **style)
    assert made["metadata"]["managedFields"][0]["fieldsV1"] == {"f:data": {"f:x": {}}}
    again = client("PATCH", f"{CONFIGS}/a?fieldManager=me", text, code=200, **style)
    assert again == made
    client("PATCH", f"{CONFIGS}/a?fieldManager=me&dryRun=All", text.replace(b"x: y", b"x: z"), 0, **style)
    assert client("GET", f"{CONFIGS}/a") == made
    wrong = client("PATCH", f"{CONFIGS}/a?fieldManager=me", text + b"datas: {}\n", code=500, **style)
    assert wrong["message"].endswith("; v1, Kind=ConfigMap): .datas: field not declared in schema")


def test_status_and_scale(client: Client) -> None:
    client("POST", DEPLOYMENTS, deployment())
    found = client("GET", f"{DEPLOYMENTS}/web/scale")
    assert (found["kind"], found["spec"], found["status"]) == (
        "Scale",
        {"replicas": 1},
        {"replicas": 0, "selector": "a=b"},
    )
    found["spec"]["replicas"] = 4
    assert client("PUT", f"{DEPLOYMENTS}/web/scale", found)["spec"] == {"replicas": 4}
    status = {"status": {"replicas": 4}, "spec": {"replicas": 9}}
    client("PATCH", f"{DEPLOYMENTS}/web/status", status, Content_Type="application/merge-patch+json")
    after = client("GET", f"{DEPLOYMENTS}/web")
    assert (after["spec"]["replicas"], after["status"]) == (4, {"replicas": 4})
    client("PATCH", f"{DEPLOYMENTS}/web", {"status": {}}, Content_Type="application/merge-patch+json")
    assert client("GET", f"{DEPLOYMENTS}/web")["status"] == {"replicas": 4}
    assert (
        client("PUT", f"{DEPLOYMENTS}/web/scale", found | {"spec": {"replicas": -1}}, code=422)["reason"] == "Invalid"
    )


def test_deleting(client: Client) -> None:
    for name in ("a", "b"):
        client("POST", CONFIGS, config(name, metadata={"labels": {"x": name}}))
    gone = client("DELETE", f"{CONFIGS}/a", {"kind": "DeleteOptions", "apiVersion": "v1"})
    assert (gone["status"], gone["details"]["name"], gone["details"]["kind"]) == ("Success", "a", "configmaps")
    options = {"dryRun": ["All"]}
    client("DELETE", f"{CONFIGS}/b", options)
    assert client("DELETE", f"{CONFIGS}/b", {"preconditions": {"uid": "x"}}, code=409)["reason"] == "Conflict"
    assert client("DELETE", f"{CONFIGS}/b", {"propagationPolicy": "Never"}, code=422)["reason"] == "Invalid"
    found = client("DELETE", f"{CONFIGS}?labelSelector=x%3Db")
    assert [item["metadata"]["name"] for item in found["items"]] == ["b"]
    assert client("GET", f"{CONFIGS}/b", code=404)["details"] == {"name": "b", "kind": "configmaps"}


def test_logs(client: Client) -> None:
    spec = {"nodeName": "n", "containers": [{"name": "a", "image": "x"}, {"name": "b", "image": "x"}]}
    pod = client.store.create("pods", {"metadata": {"name": "p"}, "spec": spec})
    client.store.say(pod["metadata"]["uid"], "b", "one")
    client.store.say(pod["metadata"]["uid"], "b", "two")
    path = "/api/v1/namespaces/default/pods/p/log"
    assert client.api.answer(client.request("GET", f"{path}?container=b&tailLines=1")).body == b"two\n"
    refused = client("GET", path, code=400)
    assert refused["message"] == "a container name must be specified for pod p, choose one of: [a b]"


# ---- watching


async def events(watch: Watch) -> list[tuple[str, str]]:
    """What a watch says, until its time is over."""
    found = []
    async for chunk in watch.lines():
        for line in chunk.splitlines():
            event = json.loads(line)
            found.append((event["type"], event["object"].get("metadata", {}).get("name", "")))
    watch.close()
    return found


def watched(client: Client, query: str, then: t.Callable[[], None] = lambda: None) -> list[tuple[str, str]]:
    """The events of a watch while something is done."""

    async def run() -> list[tuple[str, str]]:
        request = client.request("GET", f"{CONFIGS}?watch=true&timeoutSeconds=1&{query}")
        target = client.api.route(request.path)
        assert target is not None
        watch = Watch(client.api, request, target)
        then()
        watch.seconds = 0.05
        return await events(watch)

    return asyncio.run(run())


def test_watching_from_nothing_and_from_a_version(client: Client) -> None:
    client("POST", CONFIGS, config("a"))
    mark = client.store.version
    assert watched(client, "") == [("ADDED", "a"), ("ADDED", "kube-root-ca.crt")]
    client("POST", CONFIGS, config("b"))
    assert watched(client, f"resourceVersion={mark}", lambda: client("DELETE", f"{CONFIGS}/a")) == [
        ("ADDED", "b"),
        ("DELETED", "a"),
    ]
    bookmarks = watched(client, f"resourceVersion={client.store.version}&allowWatchBookmarks=true")
    assert bookmarks == [("BOOKMARK", "")]


def test_what_leaves_a_selection_is_deleted_from_it(client: Client) -> None:
    client("POST", CONFIGS, config("a"))

    def relabel() -> None:
        for labels in ({"x": "y"}, {"x": "y", "z": ""}, {}):
            client.store.change("configmaps", "default", "a", functools.partial(_relabel, labels))

    assert watched(client, "labelSelector=x%3Dy", relabel) == [("ADDED", "a"), ("MODIFIED", "a"), ("DELETED", "a")]


def _relabel(labels: Json, item: Json) -> None:
    item["metadata"]["labels"] = labels


def test_a_version_that_is_forgotten(client: Client) -> None:
    client("POST", CONFIGS, config("a"))
    for number in range(HISTORY + 1):
        client.store.update("configmaps", config("a", data={"n": str(number)}))
    assert watched(client, "resourceVersion=1") == [("ERROR", "")]
    with pytest.raises(ApiError, match="invalid resource version"):
        watched(client, "resourceVersion=x")
