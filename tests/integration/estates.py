# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole estate: what is at Google, at AWS and in the clusters, such that two that are the same look the same.

What a cloud gives out at random (ids, outside addresses, inside ranges, keys) is replaced by the name of whose it is:
it still shows what is joined with what. How many there are of each is never touched.
"""

from __future__ import annotations

import base64
import ipaddress
import json
import re
import ssl
import typing as t
import urllib.request

import boto3
import requests

from ansible_collections.podreach.gke.tests.integration.sites import LISTS, PROJECTS, Json, estate, items, lasting
from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import Lab

#: Calls of EC2 and what their answers list.
DESCRIBED = {
    "describe_vpn_gateways": "VpnGateways",
    "describe_customer_gateways": "CustomerGateways",
    "describe_vpn_connections": "VpnConnections",
    "describe_transit_gateways": "TransitGateways",
    "describe_transit_gateway_attachments": "TransitGatewayAttachments",
    "describe_transit_gateway_route_tables": "TransitGatewayRouteTables",
    "describe_route_tables": "RouteTables",
    "describe_security_groups": "SecurityGroups",
    "describe_security_group_rules": "SecurityGroupRules",
}
#: What changes with the state of sessions, and the file for the other side, which has addresses and keys in it.
MOVING = ("VgwTelemetry", "CustomerGatewayConfiguration", "CreationTime", "OwnerId", "GroupOwnerId")
KUBERNETES = {
    "services": "/api/v1/services",
    "configmaps": "/api/v1/configmaps",
    "pods": "/api/v1/pods",
    "deployments": "/apis/apps/v1/deployments",
    "daemonsets": "/apis/apps/v1/daemonsets",
    "networkpolicies": "/apis/networking.k8s.io/v1/networkpolicies",
}


def ec2(lab: Lab) -> t.Any:
    """The lab's EC2 by boto3."""
    return boto3.session.Session().client(
        "ec2",
        endpoint_url=lab.env["AWS_ENDPOINT_URL"],
        region_name=lab.env["AWS_DEFAULT_REGION"],
        aws_access_key_id=lab.env["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=lab.env["AWS_SECRET_ACCESS_KEY"],
    )


def whole_estate(lab: Lab) -> Json:
    """Everything, by cloud, then by place and kind."""
    http = requests.Session()
    http.trust_env = False
    http.headers["authorization"] = f"Bearer {lab.token()}"
    amazon = described(lab)
    known = names(amazon) | addresses(listed(lab, http, "vpnGateways"), amazon["VpnConnections"])
    inside = {
        cluster["selfLink"].split("/projects/", 1)[1]: objects(lab, cluster)
        for cluster in listed(lab, http, "clusters")
    }
    return {
        "Google": plain(estate(lab), known),
        "AWS": plain(amazon, known),
        "Kubernetes": plain(inside, known),
    }


def plain(value: t.Any, known: t.Mapping[str, str]) -> t.Any:
    return lasting(named(value, known))


# ---- Google


def listed(lab: Lab, http: requests.Session, kind: str) -> list[Json]:
    found = []
    for project in PROJECTS:
        reply = http.get(lab.url + LISTS[kind].format(project), timeout=30)
        assert reply.ok, reply.text
        found += items(reply.json(), kind)
    return found


# ---- AWS


def described(lab: Lab) -> Json:
    """What EC2 tells of each kind, without what it has deleted."""
    client = ec2(lab)
    found = {}
    for call, kind in DESCRIBED.items():
        there = [item for item in getattr(client, call)()[kind] if not str(item.get("State")).startswith("delet")]
        found[kind] = [standing(item) for item in there]
    return found


def standing(item: Json) -> Json:
    """Without what comes and goes by itself: routes that were learned, what is detached."""
    kept = {key: value for key, value in item.items() if key not in MOVING}
    if "Routes" in kept:
        kept["Routes"] = [route for route in kept["Routes"] if route["Origin"] != "EnableVgwRoutePropagation"]
    if "VpcAttachments" in kept:
        kept["VpcAttachments"] = [one for one in kept["VpcAttachments"] if one["State"] != "detached"]
    return kept


def names(amazon: Json) -> dict[str, str]:
    """Ids of EC2 and what they are called: by their tags, else by their kind alone."""
    found = {}
    for kind, things in amazon.items():
        for item in things:
            identity = next((value for key, value in item.items() if key == f"{kind[:-1]}Id"), None)
            tags = {tag["Key"]: tag["Value"] for tag in item.get("Tags", [])}
            if identity and "Name" in tags:
                found[identity] = f"{identity.partition('-')[0]} {tags['Name']}"
    return found


def addresses(gateways: list[Json], connections: list[Json]) -> dict[str, str]:
    """Addresses that a cloud has chosen, and whose they are."""
    found = {
        interface["ipAddress"]: f"interface {interface['id']} of {gateway['name']}"
        for gateway in gateways
        for interface in gateway.get("vpnInterfaces", [])
    }
    for connection in connections:
        tags = {tag["Key"]: tag["Value"] for tag in connection.get("Tags", [])}
        for number, tunnel in enumerate(connection.get("Options", {}).get("TunnelOptions", [])):
            end = f"tunnel {number} of {tags.get('Name')}"
            found[tunnel["OutsideIpAddress"]] = end
            inside = ipaddress.ip_network(tunnel["TunnelInsideCidr"])
            found |= {str(address): f"{place} in {end}" for place, address in enumerate(inside)}
    return found


# ---- Kubernetes


def objects(lab: Lab, cluster: Json) -> Json:
    """What a cluster holds; of pods those that nothing made, which would be somebody's leftovers."""
    private = cluster.get("privateClusterConfig") or {}
    endpoint = private.get("publicEndpoint") or cluster["endpoint"]
    authority = base64.b64decode(cluster["masterAuth"]["clusterCaCertificate"]).decode()
    context = ssl.create_default_context(cadata=authority)
    found = {}
    for kind, path in KUBERNETES.items():
        request = urllib.request.Request(
            f"https://{endpoint}{path}", headers={"Authorization": f"Bearer {lab.token()}"}
        )
        with urllib.request.urlopen(request, timeout=30, context=context) as answer:
            there = json.load(answer)["items"]
        found[kind] = [wanted(item) for item in there if not item["metadata"].get("ownerReferences")]
    return found


def wanted(item: Json) -> Json:
    """Name, labels, annotations and specification of an object, without what the cluster has filled in."""
    meta = item["metadata"]
    kept = {key: meta[key] for key in ("namespace", "name", "labels", "annotations", "finalizers") if key in meta}
    spec = {key: value for key, value in item.get("spec", {}).items() if not key.startswith("clusterIP")}
    ports = [{key: value for key, value in port.items() if key != "nodePort"} for port in spec.get("ports", [])]
    spec |= {"ports": ports} if ports else {}
    spec.pop("healthCheckNodePort", None)
    return {**kept, "spec": spec, "data": item.get("data", {})}


# ---- names for what is random

ID = re.compile(r"\b(?:[a-z]+(?:-[a-z]+)*-[0-9a-f]{17}|[a-z]{1,5}-[0-9a-f]{8})\b")
ADDRESS = re.compile(r"\b\d+\.\d+\.\d+\.\d+\b")
KEYS = ("PreSharedKey", "sharedSecretHash")


def named(value: t.Any, known: t.Mapping[str, str]) -> t.Any:
    """A value in which ids and addresses are replaced by names, at every depth; of keys only that there is one."""
    if isinstance(value, str):
        text = ID.sub(lambda found: known.get(found[0], f"{found[0].rpartition('-')[0]} ID"), value)
        return ADDRESS.sub(lambda found: known.get(found[0], found[0]), text)
    if isinstance(value, dict):
        return {key: bool(item) if key in KEYS else named(item, known) for key, item in value.items()}
    if isinstance(value, list):
        return [named(item, known) for item in value]
    return value if isinstance(value, (int, float, bool, type(None))) else str(value)
