# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a service project is in a network of its Shared VPC host project."""

from __future__ import annotations

import typing as t

from .client import Client, relative
from .fields import Json, dig

#: collection of the compute API -> what one of it is called
KINDS = {"instances": "instance", "forwardingRules": "forwarding rule", "addresses": "address"}


def users(client: Client, service: str, host: str, unread: t.Callable[[str], None]) -> list[str]:
    """Clusters first, whose nodes are among the instances that follow. ``unread`` hears of places not looked at."""
    path = f"projects/{service}/locations/-/clusters"
    clusters = client.list_all("container", path, "clusters", unread)
    found = [
        f"cluster {item['name']} ({item.get('location') or item.get('zone')})"
        for item in clusters
        if host in (_owner(dig(item, "networkConfig.network")), _owner(item.get("network")))
    ]
    for collection, name in KINDS.items():
        where = f"projects/{service}/aggregated/{collection}"
        for item in client.list_all("compute", where, unread=unread, returnPartialSuccess="true"):
            if host in _owners(item):
                place = relative(str(item.get("zone") or item.get("region") or "global"))[1].rpartition("/")[2]
                found.append(f"{name} {item['name']} ({place})")
    return found


def _owner(link: t.Any) -> str:
    return relative(str(link or ""))[0]


def _owners(item: Json) -> set[str]:
    """The projects whose networks a resource of the compute API is in."""
    cards = [item, *(item.get("networkInterfaces") or [])]
    return {_owner(card.get(field)) for card in cards for field in ("network", "subnetwork")} - {""}
