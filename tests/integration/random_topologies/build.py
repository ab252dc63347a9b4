# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From steps to calls of a running lab."""

from __future__ import annotations

import dataclasses
import json
import re
import typing as t

from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import Lab

from . import world as w
from .amazon import Amazon
from .clients import CallFailed, Client, Json, google, kubernetes
from .generate import Step
from .reading import Reader, last, relative
from .skeleton import Skeleton

PLACEHOLDER = re.compile(r"@(node|link|default|noderoute):([a-z0-9/-]+)(?::(\d+))?")


class Estate:
    """One topology in the lab, from its first call on; around a skeleton, if there is one."""

    def __init__(self, lab: Lab, skeleton: Skeleton | None = None) -> None:
        self.lab = lab
        self.skeleton = skeleton
        self.amazon: Amazon | None = None
        """As it was read after the last change of it."""
        self.token = lab.token()
        self.google: Client = google(lab.port, self.token)
        self.reader = Reader(self.google, routers=skeleton is not None)
        self.paths: dict[str, str] = {}
        """Paths of clusters by name."""

    def close(self) -> None:
        self.reader.close()
        self.google.close()

    def read(self) -> w.World:
        world = self.reader.read()
        if self.skeleton is None:
            return world
        if self.amazon is None:
            self.amazon = self.skeleton.reader.read()
        sessions = self.skeleton.undisturbed(world.sessions)
        return dataclasses.replace(world, amazon=self.amazon, sessions=sessions)

    def take(self, step: Step) -> None:
        """Make one step's calls; raises CallFailed with the step."""
        try:
            getattr(self, f"take_{step.api}")(step)
        except (CallFailed, ValueError) as error:
            raise CallFailed(f"{step}\n  {error}") from error

    # ---- one method an API

    def take_compute(self, step: Step) -> None:
        path = f"/compute/v1/{self.fill(step.path)}"
        body: t.Any = json.loads(self.fill(json.dumps(step.body)))
        if path.endswith("/setTags"):
            tags = self.google.call("GET", path.removesuffix("/setTags"))["tags"]
            body = body | {"fingerprint": tags["fingerprint"]}
        if "/updateNetworkInterface" in path:
            card = self.google.call("GET", path.partition("/updateNetworkInterface")[0])["networkInterfaces"][0]
            body = body | {"fingerprint": card["fingerprint"]}
        self.google.call(step.method, path, body)

    def take_container(self, step: Step) -> None:
        assert step.body is not None
        operation = self.google.call(step.method, f"/v1/{step.path}/clusters", step.body)
        assert operation["status"] == "DONE", operation
        name = step.body["cluster"]["name"]
        path = f"{step.path}/clusters/{name}"
        self.paths[name] = path
        self.reader.clusters[path] = kubernetes(self.google.call("GET", f"/v1/{path}"), self.token)

    def take_lab(self, step: Step) -> None:
        assert step.body is not None
        self.lab.admin(step.method, step.path, step.body)
        if step.path == "masquerade":
            self.reader.agents[step.body["cluster"]] = step.body["agent"]

    def take_router(self, step: Step) -> None:
        assert step.body is not None and self.skeleton is not None
        self.skeleton.set_router(step.body)

    def take_amazon(self, step: Step) -> None:
        assert step.body is not None and self.skeleton is not None
        self.amazon = None
        self.skeleton.account.apply(step.body)

    def take_kubernetes(self, step: Step) -> None:
        client = self.reader.clusters[step.cluster]
        body: t.Any = json.loads(self.fill(json.dumps(step.body)))
        if step.method == "APPLY":
            self.apply(client, step.path, body)
        elif step.method == "FORGET":
            if exists(client, step.path):
                client.call("DELETE", step.path)
        else:
            client.call(step.method, step.path, body, step.content_type)

    def apply(self, client: Client, path: str, body: Json) -> None:
        if exists(client, path):
            client.call("PUT", path, body)
        else:
            client.call("POST", path.rsplit("/", 1)[0], body)

    # ---- what only the estate knows

    def fill(self, text: str) -> str:
        return PLACEHOLDER.sub(lambda match: self.known(match[1], match[2], int(match[3] or 0)), text)

    def known(self, what: str, name: str, at: int) -> str:
        if what == "default":
            return self.default_route(name)
        cluster = self.paths[name]
        node = self.nodes(cluster)[at]
        if what == "node":
            return last(node)
        return node if what == "link" else self.node_route(node)

    def nodes(self, cluster: str) -> list[str]:
        """Paths of a cluster's nodes; those that GKE made come first (gke- is before z-)."""
        names = {
            item["metadata"]["name"] for item in self.reader.clusters[cluster].call("GET", "/api/v1/nodes")["items"]
        }
        found = self.reader.aggregated(cluster.split("/")[1], "instances")
        return sorted((relative(body["selfLink"]) for body in found if body["name"] in names), key=last)

    def routes_of(self, project: str) -> list[Json]:
        return self.reader.items(f"/compute/v1/projects/{project}/global/routes")

    def default_route(self, network: str) -> str:
        found = [
            body["name"]
            for body in self.routes_of(network.split("/")[1])
            if relative(body["network"]) == network and body["destRange"] == "0.0.0.0/0" and "nextHopGateway" in body
        ]
        return t.cast(str, found[0])

    def node_route(self, node: str) -> str:
        found = [
            body["name"]
            for body in self.routes_of(node.split("/")[1])
            if body.get("description") == "k8s-node-route" and relative(body["nextHopInstance"]) == node
        ]
        return t.cast(str, found[0])


def exists(client: Client, path: str) -> bool:
    collection, name = path.rsplit("/", 1)
    return any(item["metadata"]["name"] == name for item in client.call("GET", collection)["items"])
