# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""VPC networks: https://cloud.google.com/compute/docs/reference/rest/v1/networks"""

from __future__ import annotations

import typing as t

from ..arguments import ArgumentSpec
from ..bgp import PREFIX_LIMIT
from ..engine import Grade
from ..errors import ApiError, Refused
from . import advertisement
from .client import relative
from .fields import Default, Field, Fixed, Json, Link, Patch
from .resource import GcpResource

SPEC = ArgumentSpec(
    options={
        "name": {"type": "str", "required": True},
        "description": {"type": "str"},
        "auto_create_subnetworks": {"type": "bool"},
        "mtu": {"type": "int"},
        "routing_config": {
            "type": "dict",
            "options": {
                "routing_mode": {"type": "str", "choices": ["REGIONAL", "GLOBAL"]},
                "bgp_best_path_selection_mode": {"type": "str", "choices": ["LEGACY", "STANDARD"]},
            },
        },
        "advertised_prefix_limit": {"type": "int", "default": PREFIX_LIMIT},
    }
)


def _routing_mode_grade(old: t.Any, new: t.Any) -> Grade:
    """REGIONAL withdraws the ranges of other regions, and the routes learned there."""
    return Grade.DISRUPTIVE if old == "GLOBAL" else Grade.SAFE


class Network(GcpResource):
    kind = "network"
    fields = (
        Field("description", kind=Default("")),
        Field("autoCreateSubnetworks"),
        # "Only routingConfig can be modified": the discovery document, networks.patch
        Field("mtu", Fixed("the API changes only the routing configuration of a network")),
        Field("routingConfig.routingMode", Patch(_routing_mode_grade), Default("REGIONAL")),
        Field("routingConfig.bgpBestPathSelectionMode", Patch(lambda old, new: Grade.DISRUPTIVE), Default("LEGACY")),
    )

    @property
    def collection(self) -> str:
        return f"projects/{self.project}/global/networks"

    def validate(self) -> None:
        mtu = self.params.get("mtu")
        if mtu is not None and not 1300 <= mtu <= 8896:
            self.invalid("mtu", mtu, "a network's MTU is 1300 to 8896")

    def creation(self, body: Json) -> Json:
        # left out, it would make a legacy network, which neither peers nor carries VPC-native clusters
        body.setdefault("autoCreateSubnetworks", False)
        return body

    def removal_refusal(self, current: Json) -> Refused | None:
        left = ["projects/{}/{}".format(*relative(url)) for url in current.get("subnetworks") or []]
        left = [path for path in left if not self.sibling(path)]
        if left:
            return self.refused(f"it still holds {', '.join(left)}: delete these first.", code="holds-others")
        clusters = self._clusters() if current.get("subnetworks") else []
        living = f"clusters still live in it: {', '.join(clusters)}"
        if clusters and self.call.check_mode:
            # whoever plans this may plan to delete them before
            self.call.warn(f"{self.label}: {living}; counted as planned to go.")
        elif clusters:
            return self.refused(f"{living}. Delete these first.", code="in-use")
        return None

    def _clusters(self) -> list[str]:
        """The clusters of this project in this network that are there to stay; none where they may not be listed."""
        try:
            found = self.client.list_all("container", f"projects/{self.project}/locations/-/clusters", key="clusters")
        except ApiError as error:
            if error.status == 403:
                return []
            raise
        paths = [
            f"projects/{self.project}/locations/{item['location']}/clusters/{item['name']}"
            for item in found
            if Link().same((item.get("networkConfig") or {}).get("network") or item.get("network"), self.path)
        ]
        return [path for path in paths if not self.sibling(path)]

    def precheck(self, current: Json | None, after: Json, *, check_mode: bool) -> list[str]:
        if current is not None:
            advertisement.check(self, self.path, network=after)
        return []
