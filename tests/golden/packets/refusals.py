# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What APIs must refuse."""

from __future__ import annotations

import typing as t
from xml.etree import ElementTree

import botocore.exceptions
import pytest

from ansible_collections.podreach.gke.tests.golden.loader import Vector
from ansible_collections.podreach.gke.tests.golden.packets.amazon import Amazon
from ansible_collections.podreach.gke.tests.golden.packets.build import Builder
from ansible_collections.podreach.gke.tests.golden.packets.ends import End
from ansible_collections.podreach.gke.tests.golden.packets.questions import answers
from ansible_collections.podreach.gke.tests.golden.packets.world import REGION, Json, World


def refused(operation: Json | None) -> bool:
    """Whether an attempt was refused, at once or in its operation."""
    return operation is None or "error" in operation


@answers("validate compute.routes.insert", "error")
def routes_insert(vector: Vector, world: World) -> None:
    """A route that the API must refuse at once."""
    body = dict(vector.ask["validate"]["body"])
    ends = [End("node", body["nextHopInstance"])] if "clusters" in vector.given else []
    Builder(world, vector.given, ends).build()
    hop = body["nextHopInstance"]
    legacy = next((item["IPv4Range"] for item in vector.given.get("networks", []) if "IPv4Range" in item), "")
    if legacy:
        # no machine can be made there: https://cloud.google.com/vpc/docs/legacy; a gateway is a hop as good
        del body["nextHopInstance"]
        body["nextHopGateway"] = f"projects/{world.project}/global/gateways/default-internet-gateway"
    else:
        body["nextHopInstance"] = world.machines[world.hop(hop, body["network"])]
    body["network"] = world.network_path(body["network"])
    refused_at_once(vector, world, "global/routes", {"name": "new", "priority": 1000, **body})


@answers("validate compute.subnetworks.insert", "error")
def subnetworks_insert(vector: Vector, world: World) -> None:
    """A subnetwork that the API must refuse at once."""
    Builder(world, vector.given).build()
    body = dict(vector.ask["validate"]["body"])
    body["network"] = world.network_path(body["network"])
    refused_at_once(vector, world, f"regions/{REGION}/subnetworks", body)


def refused_at_once(vector: Vector, world: World, path: str, body: Json, method: str = "POST") -> None:
    """A 400 for the reason ``invalid``, about the field and with the words that are expected."""
    expected = vector.expect["error"]
    assert expected["class"] == "invalid"
    reply = world.compute(method, path, body)
    assert reply.status_code == 400, reply.text
    error = reply.json()["error"]
    assert [item["reason"] for item in error["errors"]] == ["invalid"]
    if "field" in expected:
        assert f"'{expected['field']}'" in error["message"]
    assert expected.get("message_contains", "") in error["message"]


@answers("validate compute.networks.addPeering", "error")
def add_peering(vector: Vector, world: World) -> None:
    """Both sides are tried: whether a refusal comes with the first or the second isn't the question."""
    ask = vector.ask["validate"]
    Builder(world, vector.given).build()
    operations: list[Json | None] = []
    errors = ""
    for here, there in ((ask["network"], ask["peer"]), (ask["peer"], ask["network"])):
        body = {
            "networkPeering": {
                "name": f"to-{there}",
                "network": world.network_path(there),
                "exchangeSubnetRoutes": True,
            }
        }
        reply, operation = world.attempt("POST", f"global/networks/{here}/addPeering", body)
        operations.append(operation)
        errors += str((operation or {}).get("error", "" if reply.ok else reply.text))
    expected = vector.expect["error"]
    peerings = world.read(f"global/networks/{ask['network']}").get("peerings", [])
    active = [item["state"] for item in peerings] == ["ACTIVE"]
    if expected is None:
        assert not errors
        assert active
        return
    assert not active
    assert any(refused(operation) for operation in operations), "both sides were accepted"
    if expected["class"] == "operation-error":
        assert None not in operations, "refused at once, not in the operation"
    assert expected.get("message_contains", "") in errors


@answers("validate compute.subnetworks.expandIpCidrRange", "error")
def expand(vector: Vector, world: World) -> None:
    """An expansion that must not come about."""
    ask = vector.ask["validate"]
    Builder(world, vector.given).build()
    path = f"regions/{REGION}/subnetworks/{ask['subnetwork']}"
    before = world.read(path)["ipCidrRange"]
    _reply, operation = world.attempt("POST", f"{path}/expandIpCidrRange", ask["body"])
    assert vector.expect["error"]["class"] == "refused"
    assert refused(operation)
    assert world.read(path)["ipCidrRange"] == before


@answers("validate compute.routers.insert", "error")
def routers_insert(vector: Vector, world: World) -> None:
    """A router that the API must refuse at once."""
    body = dict(vector.ask["validate"]["body"])
    Builder(world, vector.given).build()
    body["network"] = world.network_path(body["network"])
    refused_at_once(vector, world, f"regions/{REGION}/routers", body)


@answers("validate compute.routers.patch", "error")
def routers_patch(vector: Vector, world: World) -> None:
    """A change of a router that the API must refuse at once; the router is as it was."""
    body = vector.ask["validate"]["body"]
    Builder(world, vector.given).build()
    (network,) = sorted(world.networks)
    bgp = {"asn": body["bgp"]["asn"]}
    world.do("POST", f"regions/{REGION}/routers", {"name": "r1", "network": world.network_path(network), "bgp": bgp})
    before = world.read(f"regions/{REGION}/routers/r1")
    refused_at_once(vector, world, f"regions/{REGION}/routers/r1", body, method="PATCH")
    assert world.read(f"regions/{REGION}/routers/r1") == before


# ---- EC2


def refused_by_ec2(vector: Vector, ask: t.Callable[[], t.Any]) -> None:
    """The call is refused as a mistake of the caller's, or accepted, as is expected."""
    if vector.expect["error"] is None:
        ask()
        return
    assert vector.expect["error"]["class"] == "invalid"
    with pytest.raises(botocore.exceptions.ClientError) as refusal:
        ask()
    assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


@answers("validate ec2.CreateVpnConnection", "error")
def create_vpn_connection(vector: Vector, world: World) -> None:
    """A VPN connection with options that EC2 accepts or not, beside those given."""
    amazon = Amazon(world.env)
    gateway = amazon.virtual_gateway(64512, amazon.vpc(["10.0.0.0/16"]))
    for given in vector.given.get("aws", {}).get("VpnConnections", []):
        spare = [given["TunnelInsideCidr"], "169.254.100.0/30"]
        amazon.connection(gateway, amazon.customer_gateway("198.18.0.1", 65010), spare)
    body = vector.ask["validate"]["body"]
    customer = amazon.customer_gateway("198.18.0.2", 65010)

    def ask() -> None:
        amazon.ec2.create_vpn_connection(Type="ipsec.1", CustomerGatewayId=customer, VpnGatewayId=gateway, **body)

    refused_by_ec2(vector, ask)


@answers("validate ec2.CreateVpnGateway", "error")
def create_vpn_gateway(vector: Vector, world: World) -> None:
    """A virtual private gateway with options that EC2 accepts or not."""
    amazon = Amazon(world.env)
    body = vector.ask["validate"]["body"]
    refused_by_ec2(vector, lambda: amazon.ec2.create_vpn_gateway(Type="ipsec.1", **body))


@answers("inside_addresses", "aws", "google")
def inside_addresses(vector: Vector, world: World) -> None:
    """Which address of each inside range is whose, by the configuration that AWS hands out."""
    amazon = Amazon(world.env)
    gateway = amazon.virtual_gateway(64512, amazon.vpc(["10.0.0.0/16"]))
    inside = [item["TunnelInsideCidr"] for item in vector.given["aws"]["TunnelOptions"]]
    connection = amazon.connection(gateway, amazon.customer_gateway("198.18.0.1", 65010), inside)
    tree = ElementTree.fromstring(amazon.described(connection)["CustomerGatewayConfiguration"])
    for side, name in (("vpn_gateway", "aws"), ("customer_gateway", "google")):
        found = [item.text for item in tree.findall(f"ipsec_tunnel/{side}/tunnel_inside_address/ip_address")]
        assert found == vector.expect[name]
