# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Surroundings that a story presupposes, built by calls of the real API.

A preset is a list of requests that one of the lab's accounts makes, each waited for; so it cannot build what the API
would refuse, and the request log shows how it came about.

`peered-project` is what stands around the cluster in the story of pods that reach their own project but not the peered
one, before the cluster is made: a network with 10.1.0.0/16 and test-gce-01 in podreach-lab, a network with 10.2.0.0/16
and target-gce-01 at 10.2.0.1 in podreach-peer, rules that admit 10.0.0.0/8 and 172.16.0.0/12, and their peering without
custom routes. In a primary range 10.2.0.1 would be the gateway; so the lower half of 10.2.0.0/16 is a secondary range,
where no address is reserved, and 10.2.0.1 an alias of the instance, whose primary address is in the upper half.

`aws-account` is the AWS side before any VPN: a VPC 10.0.0.0/16 in ap-northeast-1, a subnet 10.0.1.0/24 with a route
table of its own, and in it aws-ec2-01 at 10.0.1.7, whose security group lets everything out and nothing in.

`aws-vpn` is that and a network of Google's with 10.1.0.0/24, joined by HA VPN: a virtual private gateway, four tunnels,
BGP in each, routes propagated into the instance's table; what its group admits is still nothing.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import json
import typing as t

from .aws.steps import AwsStep, CallRefused, filled, named, tags_of
from .aws.steps import carry_out as carry_out_at_aws
from .core import Lab
from .links import relative

Json = dict[str, t.Any]

REGION = "asia-northeast1"
ZONE = "asia-northeast1-a"
LAB, PEER = "podreach-lab", "podreach-peer"
ADMITTED = ["10.0.0.0/8", "172.16.0.0/12"]
ATTACHED = {"vpnGatewaySet/item/attachments/item/state": "attached"}
JOINED, GOOGLE_ASN, AWS_ASN = "aws-internal-connect", 65010, 64512


class PresetError(Exception):
    """No such preset, part of it exists already, or the API refused one of its calls."""


@dataclasses.dataclass(frozen=True)
class Step:
    """One request of an account to the compute API, in the account's project.

    `keep` and {name} are as in AwsStep: paths into what was made, such as vpnInterfaces.0.ipAddress. `verb`: PATCH
    changes what is at the path.
    """

    account: str
    project: str
    path: str
    body: Json
    keep: t.Mapping[str, str] = dataclasses.field(default_factory=dict)
    verb: str = "POST"


Preset = t.Callable[..., t.Sequence[Step | AwsStep]]


def peered_project(*, peering: bool = True) -> list[Step]:
    """`peering` False leaves out both sides of the peering."""
    mine = [
        *network("lab", LAB, "my-network"),
        subnetwork("lab", LAB, "my-network", "my-subnet", "10.1.0.0/16"),
        instance("lab", LAB, "test-gce-01", "my-subnet", "10.1.0.9"),
    ]
    theirs = [
        *network("peer", PEER, "target-network"),
        subnetwork("peer", PEER, "target-network", "target-subnet", "10.2.128.0/17", hosts="10.2.0.0/17"),
        instance("peer", PEER, "target-gce-01", "target-subnet", "10.2.128.2", hosts="10.2.0.1/32"),
    ]
    sides = [
        side("lab", LAB, "my-network", "my-to-target", f"projects/{PEER}/global/networks/target-network"),
        side("peer", PEER, "target-network", "target-to-my", f"projects/{LAB}/global/networks/my-network"),
    ]
    return [*mine, *theirs, *(sides if peering else [])]


def aws_account() -> list[AwsStep]:
    """Subnet, route table, closed group and instance."""
    instance_of = {
        "ImageId": "ami-0123456789abcdef0",
        "InstanceType": "t3.micro",
        "MinCount": 1,
        "MaxCount": 1,
        "SubnetId": "{subnet}",
        "PrivateIpAddress": "10.0.1.7",
        "SecurityGroupId": ["{group}"],
    }
    group = {"GroupName": "aws-ec2", "GroupDescription": "nothing in, everything out", "VpcId": "{vpc}"}
    place = {"VpcId": "{vpc}", "CidrBlock": "10.0.1.0/24", "AvailabilityZone": "ap-northeast-1a"}
    return [
        AwsStep("CreateVpc", {"CidrBlock": "10.0.0.0/16", **named("vpc", "aws-vpc")}, {"vpc": "vpc/vpcId"}),
        AwsStep("CreateSubnet", place | named("subnet", "aws-subnet-1"), {"subnet": "subnet/subnetId"}),
        AwsStep(
            "CreateRouteTable",
            {"VpcId": "{vpc}", **named("route-table", "aws-routes")},
            {"table": "routeTable/routeTableId"},
        ),
        AwsStep("AssociateRouteTable", {"RouteTableId": "{table}", "SubnetId": "{subnet}"}),
        AwsStep("CreateSecurityGroup", group | named("security-group", "aws-ec2"), {"group": "groupId"}),
        AwsStep(
            "RunInstances",
            instance_of | named("instance", "aws-ec2-01"),
            {"instance": "instancesSet/item/instanceId"},
        ),
    ]


def aws_vpn(*, tunnels: bool = True) -> list[Step | AwsStep]:
    """`tunnels` False leaves out the tunnels at Google, and the router's interfaces and peers that go with them."""
    home = network("lab", LAB, JOINED)
    ends = [End(1, 1, 0, "169.254.24.220"), End(1, 2, 1, "169.254.24.224")]
    ends += [End(2, 1, 2, "169.254.27.96"), End(2, 2, 3, "169.254.27.100")]
    gateway = {"name": "aws-vpn", "network": f"global/networks/{JOINED}"}
    outside = {f"google_{number}": f"vpnInterfaces.{number - 1}.ipAddress" for number in (1, 2)}
    router = {"name": "aws-router", "network": f"global/networks/{JOINED}", "bgp": {"asn": GOOGLE_ASN}}
    peer = {
        "name": "aws-peer",
        "redundancyType": "FOUR_IPS_REDUNDANCY",
        "interfaces": [{"id": item.index, "ipAddress": f"{{outside_{item.tag}}}"} for item in ends],
    }
    vgw = {"VpnGatewayId": "{gateway}", "VpcId": "{vpc}"}
    return [
        *aws_account(),
        *home,
        subnetwork("lab", LAB, JOINED, f"{JOINED}-subnet-1", "10.1.0.0/24"),
        Step("lab", LAB, f"regions/{REGION}/vpnGateways", gateway, outside),
        Step("lab", LAB, f"regions/{REGION}/routers", router),
        AwsStep(
            "CreateVpnGateway",
            {"Type": "ipsec.1", "AmazonSideAsn": AWS_ASN, **named("vpn-gateway", "aws-vgw")},
            {"gateway": "vpnGateway/vpnGatewayId"},
        ),
        AwsStep("AttachVpnGateway", vgw),
        *connection(1, ends[:2]),
        *connection(2, ends[2:]),
        AwsStep("DescribeVpnGateways", {"VpnGatewayId": ["{gateway}"]}, until=ATTACHED),
        AwsStep("EnableVgwRoutePropagation", {"RouteTableId": "{table}", "GatewayId": "{gateway}"}),
        Step("lab", LAB, "global/externalVpnGateways", peer),
        *(joined(ends) if tunnels else []),
        *(available(number) for number in (1, 2)),
    ]


SHOWN = 3
REMEDY = "`lab reset` empties the lab."
PRESETS: dict[str, Preset] = {"peered-project": peered_project, "aws-account": aws_account, "aws-vpn": aws_vpn}
SUMMARIES = {
    "peered-project": "two projects that peer without custom routes, a VM in each; the cluster is yours to make",
    "aws-account": "a VPC with an instance that nothing may reach; no VPN yet",
    "aws-vpn": "that, and a network of Google's behind four tunnels with BGP",
}


async def build(lab: Lab, name: str, **options: t.Any) -> Json:
    """Carry a preset out; what it made, as relative names: nothing, where all of it is there. Raises PresetError."""
    preset = PRESETS.get(name)
    if preset is None:
        raise PresetError(f"There is no preset {name!r}; there are: {', '.join(PRESETS)}.")
    try:
        steps = preset(**options)
    except TypeError as error:
        raise PresetError(f"The preset {name} does not take these options: {error}.") from None
    known = told_apart(lab, steps)
    there = [name for name, exists in known.items() if exists]
    if len(there) == len(known):
        return {"preset": name, "made": []}
    if there:
        more = f" and {len(there) - SHOWN} more" if len(there) > SHOWN else ""
        listed = ", ".join(there[:SHOWN])
        raise PresetError(f"Nothing was made, for part of {name} exists already: {listed}{more}. {REMEDY}")
    names: dict[str, str] = {}
    made: dict[str, None] = {}
    try:
        for step in steps:
            made |= dict.fromkeys(filter(None, await carry_out(lab, step, names)))
    except PresetError as error:
        so_far = f" What was made before: {', '.join(made)}. {REMEDY}" if made else ""
        raise PresetError(f"{error}{so_far}") from None
    return {"preset": name, "made": list(made)}


def told_apart(lab: Lab, steps: t.Iterable[Step | AwsStep]) -> dict[str, bool]:
    """What a preset makes that has a name of its own, and whether it is there: paths at Google, instances at AWS."""
    instances = {item.name for item in lab.state.aws.instances}
    found: dict[str, bool] = {}
    for step in steps:
        if isinstance(step, AwsStep):
            wanted = tags_of(step) if step.action == "RunInstances" else set()
            found |= {f"{name} at AWS": name in instances for name in sorted(wanted)}
        elif step.body.get("name") and not step.path.endswith("/addPeering"):
            path = f"projects/{step.project}/{step.path}/{step.body['name']}"
            found[path] = lab.state.get(path) is not None
    return found


async def carry_out(lab: Lab, step: Step | AwsStep, names: dict[str, str]) -> list[str]:
    """One step; the path or ids of what it made. What it keeps goes into `names`."""
    if isinstance(step, Step):
        return [await carry_out_at_google(lab, step, names)]
    try:
        return await carry_out_at_aws(lab, step, names)
    except CallRefused as error:
        raise PresetError(f"{step.action} was refused: {error}") from None


async def carry_out_at_google(lab: Lab, step: Step, names: dict[str, str]) -> str:
    """Make one request and wait for its operation."""
    body = filled(step.body, names)
    answer = await ask(lab, step, step.verb, f"projects/{step.project}/{step.path}", body)
    while answer["status"] != "DONE":
        answer = await ask(lab, step, "POST", f"{relative(answer['selfLink'], step.project)}/wait", {})
    if "error" in answer:
        raise refused(step, answer["error"]["errors"][0]["message"])
    target = relative(answer["targetLink"], step.project)
    if step.keep:
        found = await ask(lab, step, "GET", target, None)
        names |= {name: str(inside(found, path)) for name, path in step.keep.items()}
    return target


def inside(value: t.Any, path: str) -> t.Any:
    """vpnInterfaces.0.ipAddress of a body."""
    for part in path.split("."):
        value = value[int(part) if isinstance(value, list) else part]
    return value


async def ask(lab: Lab, step: Step, verb: str, path: str, body: Json | None) -> Json:
    token = lab.accounts.issue(lab.accounts.accounts[step.account].caller)
    payload = b"" if body is None else json.dumps(body).encode()
    reply = await lab.call(verb, f"/compute/v1/{path}", {"authorization": f"Bearer {token}"}, payload)
    answer = t.cast(Json, reply.json())
    if reply.status != 200:
        raise refused(step, answer["error"]["message"])
    return answer


def refused(step: Step, message: str) -> PresetError:
    return PresetError(f"{step.path} of {step.project} was refused: {message}")


# ---- what presets are made of


def network(account: str, project: str, name: str) -> list[Step]:
    """A custom network whose rules admit private callers."""
    rule = {
        "name": f"{name}-allow-private",
        "network": f"global/networks/{name}",
        "direction": "INGRESS",
        "sourceRanges": ADMITTED,
        "allowed": [{"IPProtocol": protocol} for protocol in ("tcp", "udp", "icmp")],
    }
    return [
        Step(account, project, "global/networks", {"name": name, "autoCreateSubnetworks": False}),
        Step(account, project, "global/firewalls", rule),
    ]


def subnetwork(account: str, project: str, home: str, name: str, primary: str, /, **secondary: str) -> Step:
    ranges = [{"rangeName": key, "ipCidrRange": text} for key, text in secondary.items()]
    body = {
        "name": name,
        "network": f"global/networks/{home}",
        "ipCidrRange": primary,
        **({"secondaryIpRanges": ranges} if ranges else {}),
    }
    return Step(account, project, f"regions/{REGION}/subnetworks", body)


def instance(account: str, project: str, name: str, home: str, address: str, /, **aliases: str) -> Step:
    """An instance without an external address; `aliases` are ranges by the secondary range that they are from."""
    ranges = [{"subnetworkRangeName": key, "ipCidrRange": text} for key, text in aliases.items()]
    card = {
        "subnetwork": f"regions/{REGION}/subnetworks/{home}",
        "networkIP": address,
        **({"aliasIpRanges": ranges} if ranges else {}),
    }
    image = "projects/debian-cloud/global/images/family/debian-12"
    body = {
        "name": name,
        "machineType": f"zones/{ZONE}/machineTypes/e2-micro",
        "disks": [{"boot": True, "autoDelete": True, "initializeParams": {"sourceImage": image}}],
        "networkInterfaces": [card],
        "serviceAccounts": [{"email": "default", "scopes": ["https://www.googleapis.com/auth/cloud-platform"]}],
    }
    return Step(account, project, f"zones/{ZONE}/instances", body)


def side(account: str, project: str, home: str, name: str, peer: str) -> Step:
    """One side of a peering, without custom routes."""
    body = {"networkPeering": {"name": name, "network": peer, "exchangeSubnetRoutes": True}}
    return Step(account, project, f"global/networks/{home}/addPeering", body)


@dataclasses.dataclass(frozen=True)
class End:
    """One tunnel of one VPN connection. index: the peer gateway's interface; inside: the address of its /30, in which
    AWS has the first host and the customer gateway the second."""

    connection: int
    number: int
    index: int
    inside: str

    @property
    def tag(self) -> str:
        return f"{self.connection}_{self.number}"

    def host(self, number: int) -> str:
        return str(ipaddress.IPv4Address(self.inside) + number)


def connection(number: int, ends: list[End]) -> list[AwsStep]:
    """A VPN connection to one of the Google gateway's interfaces, with one transform a phase, as Google advises.

    https://cloud.google.com/network-connectivity/docs/vpn/how-to/connect-ha-vpn-aws-peer-gateway
    """
    transforms = {
        f"Phase{phase}{what}": [{"Value": value}]
        for phase in (1, 2)
        for what, value in (
            ("EncryptionAlgorithm", "AES256"),
            ("IntegrityAlgorithm", "SHA2-256"),
            ("DHGroupNumber", 14),
        )
    }
    options = [{"TunnelInsideCidr": f"{item.inside}/30", "IKEVersion": [{"Value": "ikev2"}]} for item in ends]
    customer = {"Type": "ipsec.1", "BgpAsn": GOOGLE_ASN, "IpAddress": f"{{google_{number}}}"}
    body = {
        "Type": "ipsec.1",
        "CustomerGatewayId": f"{{customer_{number}}}",
        "VpnGatewayId": "{gateway}",
        "Options": {"StaticRoutesOnly": False, "TunnelOptions": [item | transforms for item in options]},
    }
    keep = {f"connection_{number}": "vpnConnection/vpnConnectionId"}
    for item in ends:
        at = f"vpnConnection/options/tunnelOptionSet/item[{item.number}]"
        keep |= {f"outside_{item.tag}": f"{at}/outsideIpAddress", f"key_{item.tag}": f"{at}/preSharedKey"}
    return [
        AwsStep(
            "CreateCustomerGateway",
            customer | named("customer-gateway", f"google-{number}"),
            {f"customer_{number}": "customerGateway/customerGatewayId"},
        ),
        AwsStep("CreateVpnConnection", body | named("vpn-connection", f"aws-vpn-{number}"), keep),
    ]


def available(number: int) -> AwsStep:
    """Wait until AWS has made a VPN connection."""
    asked = {"VpnConnectionId": [f"{{connection_{number}}}"]}
    return AwsStep("DescribeVpnConnections", asked, until={"vpnConnectionSet/item/state": "available"})


def joined(ends: list[End]) -> list[Step]:
    """The tunnels at Google, and BGP over them."""
    interfaces, peers, steps = [], [], []
    for item in ends:
        name = f"aws-vpn-{item.connection}-tunnel-{item.number}"
        body = {
            "name": name,
            "vpnGateway": f"regions/{REGION}/vpnGateways/aws-vpn",
            "vpnGatewayInterface": item.connection - 1,
            "peerExternalGateway": "global/externalVpnGateways/aws-peer",
            "peerExternalGatewayInterface": item.index,
            "router": f"regions/{REGION}/routers/aws-router",
            "ikeVersion": 2,
            "sharedSecret": f"{{key_{item.tag}}}",
        }
        steps.append(Step("lab", LAB, f"regions/{REGION}/vpnTunnels", body))
        interface = f"aws-vpn-{item.connection}-if-{item.number}"
        link = f"regions/{REGION}/vpnTunnels/{name}"
        interfaces.append({"name": interface, "ipRange": f"{item.host(2)}/30", "linkedVpnTunnel": link})
        peer = {"name": f"aws-vpn-{item.connection}-bgp-{item.number}", "interfaceName": interface}
        peers.append(peer | {"peerIpAddress": item.host(1), "peerAsn": AWS_ASN})
    change = {"interfaces": interfaces, "bgpPeers": peers}
    return [*steps, Step("lab", LAB, f"regions/{REGION}/routers/aws-router", change, verb="PATCH")]
