# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is in a cluster before anybody has put anything there.

https://kubernetes.io/docs/concepts/overview/working-with-objects/namespaces/#initial-namespaces; every namespace gets
the service account `default` and the ConfigMap kube-root-ca.crt.
"""

from __future__ import annotations

import typing as t

from . import addresses, defaults, definitions, validation
from .errors import ApiError
from .store import Clock, Event, Store

Json = dict[str, t.Any]

NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")
SERVICES_RANGE = "34.118.224.0/20"
"""Where a cluster's body names none: what GKE gives to clusters that ask for nothing."""


def make(clock: Clock, cluster: Json, certificate: str, seed: int | None = None) -> Store:
    """The store of a new cluster. `cluster`: its body in the container API; `certificate`: its authority's, as PEM."""
    store = Store(clock, seed)
    given = addresses.Addresses(cluster.get("servicesIpv4Cidr") or SERVICES_RANGE, seed)
    store.admission += [defaults.admit, validation.admit, given.admit]
    definitions.attach(store)
    store.watch(lambda event: furnish(store, event, certificate))
    for name in NAMESPACES:
        store.create("namespaces", {"metadata": {"name": name}})
    if (cluster.get("autopilot") or {}).get("enabled"):
        store.create(definitions.KEY, definitions.GKE_EGRESS_NAT_POLICY)
    api_service(store, given.first, cluster)
    return store


def furnish(store: Store, event: Event, certificate: str) -> None:
    """What each namespace has, and gets again when it is deleted."""
    if event.key == "namespaces" and event.type == "ADDED":
        namespace = event.stored["metadata"]["name"]
        wanted = [("serviceaccounts", "default"), ("configmaps", "kube-root-ca.crt")]
    elif event.type == "DELETED" and (event.key, event.stored["metadata"]["name"]) in (
        ("serviceaccounts", "default"),
        ("configmaps", "kube-root-ca.crt"),
    ):
        namespace = event.stored["metadata"]["namespace"]
        wanted = [(event.key, event.stored["metadata"]["name"])]
    else:
        return
    for key, name in wanted:
        item: Json = {"metadata": {"name": name}}
        if key == "configmaps":
            item["data"] = {"ca.crt": certificate}
        try:
            store.create(key, item, namespace)
        except ApiError:
            pass  # it is there, or the namespace is going


def api_service(store: Store, address: str, cluster: Json) -> None:
    """default/kubernetes: the API itself as a Service."""
    host, _separator, port = str(cluster.get("endpoint", "")).partition(":")
    labels = {"component": "apiserver", "provider": "kubernetes"}
    ports = [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": 443}]
    store.create(
        "services",
        {
            "metadata": {"name": "kubernetes", "labels": labels},
            "spec": {"type": "ClusterIP", "clusterIP": address, "ports": ports},
        },
        "default",
    )
    if not host:
        return
    number = int(port or 443)
    store.create(
        "endpoints",
        {
            "metadata": {"name": "kubernetes", "labels": {"endpointslice.kubernetes.io/skip-mirror": "true"}},
            "subsets": [{"addresses": [{"ip": host}], "ports": [{"name": "https", "port": number, "protocol": "TCP"}]}],
        },
        "default",
    )
    store.create(
        "endpointslices.discovery.k8s.io",
        {
            "metadata": {"name": "kubernetes", "labels": {"kubernetes.io/service-name": "kubernetes"}},
            "addressType": "IPv4",
            "endpoints": [{"addresses": [host], "conditions": {"ready": True}}],
            "ports": [{"name": "https", "port": number, "protocol": "TCP"}],
        },
        "default",
    )
