# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The first seed by hand: pods of a GKE cluster, and a VPC of AWS behind a VPN.

The AWS account (a VPC, an instance that nobody may reach: preset aws-account) is there before it begins; the VPN, both
clusters and everything tried is typed. What the article of 2018 does that cannot be done today, and what stands for it:

| then | now |
|---|---|
| `gcloud beta container clusters create` | without beta |
| `--cluster-version=1.9.7-gke.3`, `--image-type=cos` | left out: what GKE chooses |
| `--machine-type=n1-standard-1` | `e2-medium` |
| a cluster is routes-based unless said otherwise | `--no-enable-ip-alias` |
| `kubectl run NAME --replicas=1` for a Deployment | `kubectl create deployment NAME --replicas=1` |
| `kubectl run plot`, a Deployment whose pods have the label `run: plot` | `kubectl run plot`, one pod with that label |
| a VPN made beforehand in the consoles, one tunnel a connection | HA VPN with all four tunnels of two connections |
"""

from __future__ import annotations

import ipaddress
import typing as t

from .teller import Teller

Json = dict[str, t.Any]

PROJECT, REGION = "podreach-lab", "asia-northeast1"
WHERE = f"--region={REGION}"
NETWORK, SUBNET_1, SUBNET_2 = ("aws-internal-connect", "aws-internal-connect-subnet-1", "aws-internal-connect-subnet-2")
GATEWAY, ROUTER, PEER_GATEWAY = "aws-vpn", "aws-router", "aws-peer"
GOOGLE_ASN, AWS_ASN = 65010, 64512
INSTANCE, TARGET, VPC = "aws-ec2-01", "10.0.1.7", "10.0.0.0/16"
NODES_1, NODES_2, PODS_2, SERVICES_2 = "10.1.0.0/24", "10.1.1.0/24", "10.1.128.0/19", "10.1.160.0/22"
FIRST_INSIDE = {1: "169.254.24.220/30", 2: "169.254.27.96/30"}
"""The seed's, of the first tunnel of each connection. The second one's is AWS's choice."""
TUNNELS = ((1, 1), (1, 2), (2, 1), (2, 2))
CLUSTER, APP, PLOT = "test-cluster", "my-app", "plot"
CHOSEN = "10.1.1.77"


def tell(story: Teller) -> None:
    """All of it."""
    look_around(story)
    google_network(story)
    vpn(story)
    routes_based(story)
    story.type(f"gcloud container clusters delete {CLUSTER} {WHERE} --quiet")
    vpc_native(story)
    internal_service(story)


# ---- what AWS has


def look_around(story: Teller) -> None:
    """Learn what things are called in the account."""
    wanted = [{"Name": "tag:Name", "Values": [INSTANCE]}]
    (reservation,) = story.ec2.describe_instances(Filters=wanted)["Reservations"]
    (instance,) = reservation["Instances"]
    assert instance["PrivateIpAddress"] == TARGET
    in_subnet = [{"Name": "association.subnet-id", "Values": [instance["SubnetId"]]}]
    (table,) = story.ec2.describe_route_tables(Filters=in_subnet)["RouteTables"]
    story.learn("vpc", instance["VpcId"])
    story.learn("instance", instance["InstanceId"])
    story.learn("group", instance["SecurityGroups"][0]["GroupId"])
    story.learn("table", table["RouteTableId"])


def admit(story: Teller, source: str, protocol: str = "icmp", low: int = -1, high: int = -1) -> None:
    """Open the instance's security group for a range."""
    permission = {"IpProtocol": protocol, "FromPort": low, "ToPort": high, "IpRanges": [{"CidrIp": source}]}
    story.aws("authorize_security_group_ingress", GroupId=story.names["group"], IpPermissions=[permission])
    story.lab.settle()


def telemetry(story: Teller) -> dict[str, Json]:
    """What AWS says of each tunnel, by the name that it has at Google."""
    found = {}
    for number in FIRST_INSIDE:
        connection = described(story, number)
        outside = [options["OutsideIpAddress"] for options in connection["Options"]["TunnelOptions"]]
        for item in connection["VgwTelemetry"]:
            found[tunnel_name(number, outside.index(item["OutsideIpAddress"]) + 1)] = item
    return found


def described(story: Teller, number: int) -> Json:
    """One of the two VPN connections."""
    identifier = story.names[f"connection_{number}"]
    (found,) = story.ec2.describe_vpn_connections(VpnConnectionIds=[identifier])["VpnConnections"]
    connection: Json = found
    return connection


def propagated(story: Teller) -> set[str]:
    """The ranges that the virtual private gateway put into the route table of the instance."""
    (table,) = story.ec2.describe_route_tables(RouteTableIds=[story.names["table"]])["RouteTables"]
    assert [item["GatewayId"] for item in table["PropagatingVgws"]] == [story.names["gateway"]]
    return {item["DestinationCidrBlock"] for item in table["Routes"] if item["Origin"] == "EnableVgwRoutePropagation"}


# ---- the VPN


def google_network(story: Teller) -> None:
    story.type(f"gcloud compute networks create {NETWORK} --subnet-mode=custom")
    story.type(f"gcloud compute networks subnets create {SUBNET_1} --network={NETWORK} {WHERE} --range={NODES_1}")
    rule = f"--network={NETWORK} --direction=INGRESS --source-ranges={VPC} --allow=icmp,tcp,udp"
    story.type(f"gcloud compute firewall-rules create {NETWORK}-allow-aws {rule}")


def vpn(story: Teller) -> None:
    """Google needs AWS's addresses and AWS needs Google's, hence the order."""
    story.type(f"gcloud compute vpn-gateways create {GATEWAY} --network={NETWORK} {WHERE}")
    gateway = story.ask(f"gcloud compute vpn-gateways describe {GATEWAY} {WHERE}")
    for interface in gateway["vpnInterfaces"]:
        story.learn(f"google_outside_{int(interface['id']) + 1}", interface["ipAddress"])
    story.type(f"gcloud compute routers create {ROUTER} --network={NETWORK} {WHERE} --asn={GOOGLE_ASN}")

    aws_side(story)

    outside = ",".join(f"{index}={{outside_{a}_{b}}}" for index, (a, b) in enumerate(TUNNELS))
    story.type(f"gcloud compute external-vpn-gateways create {PEER_GATEWAY} --interfaces={outside}")
    for connection, number in TUNNELS:
        tunnel(story, connection, number)
    story.lab.settle()


def aws_side(story: Teller) -> None:
    """A virtual private gateway, and a connection to each of the Google gateway's interfaces."""
    made = story.aws("create_vpn_gateway", Type="ipsec.1", AmazonSideAsn=AWS_ASN)
    story.learn("gateway", made["VpnGateway"]["VpnGatewayId"])
    story.aws("attach_vpn_gateway", VpcId=story.names["vpc"], VpnGatewayId=story.names["gateway"])
    story.until(lambda: is_attached(story), "the gateway is attached")
    for number in FIRST_INSIDE:
        connection(story, number)
    story.until(
        lambda: all(described(story, number)["State"] == "available" for number in FIRST_INSIDE), "both are available"
    )
    for number in FIRST_INSIDE:
        learn_connection(story, number)
    story.aws("enable_vgw_route_propagation", RouteTableId=story.names["table"], GatewayId=story.names["gateway"])


def is_attached(story: Teller) -> bool:
    (gateway,) = story.ec2.describe_vpn_gateways(VpnGatewayIds=[story.names["gateway"]])["VpnGateways"]
    return [item["State"] for item in gateway["VpcAttachments"]] == ["attached"]


def connection(story: Teller, number: int) -> None:
    """IKEv2 and one transform a phase, as Google advises.

    https://cloud.google.com/network-connectivity/docs/vpn/how-to/connect-ha-vpn-aws-peer-gateway
    """
    address = story.names[f"google_outside_{number}"]
    made = story.aws("create_customer_gateway", Type="ipsec.1", BgpAsn=GOOGLE_ASN, IpAddress=address)
    story.learn(f"customer_{number}", made["CustomerGateway"]["CustomerGatewayId"])
    common: Json = {"IKEVersions": [{"Value": "ikev2"}]}
    for phase in ("Phase1", "Phase2"):
        common[f"{phase}EncryptionAlgorithms"] = [{"Value": "AES256"}]
        common[f"{phase}IntegrityAlgorithms"] = [{"Value": "SHA2-256"}]
        common[f"{phase}DHGroupNumbers"] = [{"Value": 14}]
    options = {
        "StaticRoutesOnly": False,
        "TunnelOptions": [common | {"TunnelInsideCidr": FIRST_INSIDE[number]}, common],
    }
    made = story.aws(
        "create_vpn_connection",
        Type="ipsec.1",
        CustomerGatewayId=story.names[f"customer_{number}"],
        VpnGatewayId=story.names["gateway"],
        Options=options,
    )
    story.learn(f"connection_{number}", made["VpnConnection"]["VpnConnectionId"])


def learn_connection(story: Teller, number: int) -> None:
    """What Google must be told: outside addresses, keys, and inside addresses. In each /30 AWS has the first host, the
    customer gateway the second."""
    tunnels = described(story, number)["Options"]["TunnelOptions"]
    assert tunnels[0]["TunnelInsideCidr"] == FIRST_INSIDE[number]
    for index, options in enumerate(tunnels, 1):
        network, _slash, _mask = options["TunnelInsideCidr"].partition("/")
        first, _dot, last = network.rpartition(".")
        story.learn(f"outside_{number}_{index}", options["OutsideIpAddress"])
        story.learn(f"key_{number}_{index}", options["PreSharedKey"])
        story.learn(f"aws_{number}_{index}", f"{first}.{int(last) + 1}")
        story.learn(f"google_{number}_{index}", f"{first}.{int(last) + 2}")


def tunnel_name(connection: int, number: int) -> str:
    return f"aws-vpn-{connection}-tunnel-{number}"


def peer_name(connection: int, number: int) -> str:
    return f"aws-vpn-{connection}-bgp-{number}"


def tunnel(
    story: Teller, connection: int, number: int, *, key: str = "", swapped: bool = False, asn: int = AWS_ASN
) -> None:
    """A tunnel, the router's interface on it and the BGP peer behind it."""
    name, interface = tunnel_name(connection, number), f"aws-vpn-{connection}-if-{number}"
    mine, theirs = f"{{google_{connection}_{number}}}", f"{{aws_{connection}_{number}}}"
    if swapped:
        mine, theirs = theirs, mine
    secret = key or f"{{key_{connection}_{number}}}"
    end = TUNNELS.index((connection, number))
    peer = f"--peer-external-gateway={PEER_GATEWAY} --peer-external-gateway-interface={end}"
    own = f"--vpn-gateway={GATEWAY} --interface={connection - 1} --router={ROUTER}"
    story.type(
        f"gcloud compute vpn-tunnels create {name} {WHERE} {own} {peer} --ike-version=2 --shared-secret={secret}"
    )
    address = f"--interface-name={interface} --vpn-tunnel={name} --ip-address={mine} --mask-length=30"
    story.type(f"gcloud compute routers add-interface {ROUTER} {WHERE} {address}")
    session = f"--peer-name={peer_name(connection, number)} --interface={interface} --peer-ip-address={theirs}"
    story.type(f"gcloud compute routers add-bgp-peer {ROUTER} {WHERE} {session} --peer-asn={asn}")


def router_peers(story: Teller) -> dict[str, Json]:
    """`gcloud compute routers get-status`: what it says of each peer."""
    story.lab.settle()
    status = story.ask(f"gcloud compute routers get-status {ROUTER} {WHERE}")
    assert status["kind"] == "compute#routerStatusResponse"
    return {item["name"]: item for item in status["result"]["bgpPeerStatus"]}


def advertised(story: Teller, *ranges: str) -> None:
    """Every session is up and tells AWS of just these ranges; AWS has them from each, and routes them."""
    peers = router_peers(story)
    assert set(peers) == {peer_name(*item) for item in TUNNELS}
    for item in TUNNELS:
        peer = peers[peer_name(*item)]
        assert (peer["state"], peer["status"]) == ("Established", "UP"), peer
        assert peer["uptime"].endswith("seconds") and peer["uptimeSeconds"].isdigit(), peer
        own, other = (story.names[f"{side}_{item[0]}_{item[1]}"] for side in ("google", "aws"))
        assert (peer["ipAddress"], peer["peerIpAddress"], peer["numLearnedRoutes"]) == (own, other, 1), peer
        routes = [(route["destRange"], route["nextHopIp"], route["priority"]) for route in peer["advertisedRoutes"]]
        assert sorted(routes) == sorted((text, own, 100) for text in ranges), peer
        assert {route["kind"] for route in peer["advertisedRoutes"]} == {"compute#route"}
    for name, said in telemetry(story).items():
        assert (said["Status"], said["AcceptedRouteCount"]) == ("UP", len(ranges)), (name, said)
    assert propagated(story) == set(ranges)


# ---- a routes-based cluster


def create_cluster(story: Teller, name: str, subnetwork: str, ranges: str) -> Json:
    """A regional cluster of one small node a zone, with a Deployment; the cluster as the API has it."""
    nodes = f"--machine-type=e2-medium --num-nodes=1 --network={NETWORK} --subnetwork={subnetwork} --enable-autorepair"
    story.type(f"gcloud container clusters create {name} {WHERE} {nodes} {ranges}")
    story.type(f"gcloud container clusters get-credentials {name} {WHERE}")
    story.type(f"kubectl create deployment {APP} --image=asia.gcr.io/{PROJECT}/{APP}:v1 --replicas=1 --port=80")
    story.until(lambda: running(story, name, f"app={APP}") is not None, f"{APP} runs")
    return story.get(f"/v1/{cluster_path(name)}")


def cluster_path(name: str) -> str:
    return f"projects/{PROJECT}/locations/{REGION}/clusters/{name}"


def running(story: Teller, cluster: str, label: str) -> Json | None:
    """A running pod with that label."""
    pods = story.get("/api/v1/namespaces/default/pods", cluster_path(cluster))["items"]
    key, _equals, value = label.partition("=")
    mine = (item for item in pods if item["metadata"]["labels"].get(key) == value)
    return next((item for item in mine if item["status"].get("phase") == "Running"), None)


def pod(story: Teller, cluster: str = CLUSTER) -> Json:
    found = running(story, cluster, f"app={APP}")
    assert found is not None
    return found


def pings(story: Teller, name: str) -> str:
    """The line that tells of the instance's answer, "" without one."""
    lines = story.inside(name, f"ping -c 1 -W 0.5 {TARGET}").stdout.splitlines()
    return next((line for line in lines if "bytes from" in line), "")


def routes_based(story: Teller) -> None:
    """Requests arrive, replies find no way back."""
    made = create_cluster(story, CLUSTER, SUBNET_1, "--no-enable-ip-alias")
    one = pod(story)
    name, node = one["metadata"]["name"], one["spec"]["nodeName"]
    advertised(story, NODES_1)
    assert not pings(story, name), "the security group is closed"
    story.learn("pods", made["clusterIpv4Cidr"])
    admit(story, story.names["pods"])
    assert not pings(story, name), "an open security group does not help"
    dies_on_the_way_back(story, name, one["status"]["podIP"])
    assert not pings(story, node), "its group does not admit the node"
    admit(story, NODES_1)
    assert pings(story, node), "a node has an address of the advertised range"
    assert not pings(story, name)
    advertised(story, NODES_1)


def dies_on_the_way_back(story: Teller, name: str, address: str) -> None:
    """The request arrived with the pod's own address; the VPC's route table does not know that."""
    seen = story.lab.trace(name, TARGET)
    assert seen["verdict"] == "unreachable", seen
    request, reply = seen["request"], seen["reply"]
    assert request["delivered"] and INSTANCE in request["received_by"], request
    assert request["source_seen"] == address, request
    died = reply["died"]
    assert died["reason"] == "aws-route" and story.names["table"] in died["detail"], died
    assert story.names["vpc"] in died["at"], died


# ---- a VPC-native cluster


def vpc_native(story: Teller) -> None:
    """The ranges of pods and Services are the subnetwork's, so the router advertises them."""
    secondary = f"--secondary-range=subnet-2-pod={PODS_2},subnet-2-svc={SERVICES_2}"
    subnet = f"--network={NETWORK} {WHERE} --range={NODES_2} {secondary}"
    story.type(f"gcloud compute networks subnets create {SUBNET_2} {subnet}")
    names = "--cluster-secondary-range-name=subnet-2-pod --services-secondary-range-name=subnet-2-svc"
    create_cluster(story, CLUSTER, SUBNET_2, f"--enable-ip-alias {names}")
    advertised(story, NODES_1, NODES_2, PODS_2, SERVICES_2)
    name = pod(story)["metadata"]["name"]
    assert not pings(story, name), "the security group does not admit the new pods"
    admit(story, PODS_2)
    answer = pings(story, name)
    assert answer.startswith(f"64 bytes from {TARGET}: icmp_seq=1 ttl=62 "), answer


def with_default_services(story: Teller) -> None:
    """A Services range that GKE manages is in no subnetwork: three ranges. Told in the surroundings aws-vpn."""
    learn_preset(story)
    subnet = f"--network={NETWORK} {WHERE} --range={NODES_2} --secondary-range=subnet-2-pod={PODS_2}"
    story.type(f"gcloud compute networks subnets create {SUBNET_2} {subnet}")
    made = create_cluster(story, CLUSTER, SUBNET_2, "--enable-ip-alias --cluster-secondary-range-name=subnet-2-pod")
    assert made["servicesIpv4Cidr"] == "34.118.224.0/20"
    advertised(story, NODES_1, NODES_2, PODS_2)
    admit(story, PODS_2)
    assert pings(story, pod(story)["metadata"]["name"])


# ---- a Service with an internal address


SERVICE = """\
apiVersion: v1
kind: Service
metadata:
  name: plot
  namespace: default
  annotations:
    cloud.google.com/load-balancer-type: "internal"
  labels:
    run: plot
spec:
  type: LoadBalancer
  #loadBalancerIP: [IP-ADDRESS]
  ports:
  - port: 80
    protocol: TCP
    targetPort: 5000
  selector:
    run: plot
"""


def internal_service(story: Teller) -> None:
    """AWS reaches a Service by its load balancer's address, not by its ClusterIP."""
    story.type(f"kubectl run {PLOT} --image=asia.gcr.io/{PROJECT}/{PLOT}:v1 --port=5000")
    story.until(lambda: running(story, CLUSTER, f"run={PLOT}") is not None, f"{PLOT} runs")
    service = create_service(story, SERVICE)
    address, cluster_ip = ingress(service), service["spec"]["clusterIP"]
    assert ipaddress.ip_address(address) in ipaddress.ip_network(NODES_2)
    assert ipaddress.ip_address(cluster_ip) in ipaddress.ip_network(SERVICES_2)
    assert story.health(INSTANCE, address)
    assert story.health(pod(story)["metadata"]["name"], cluster_ip), "a ClusterIP is for those inside"
    assert not story.health(INSTANCE, cluster_ip), "its range is advertised, but nothing answers there"

    story.type(f"kubectl delete service {PLOT}")
    story.until(lambda: not services(story), f"{PLOT} is gone")
    chosen = SERVICE.replace("#loadBalancerIP: [IP-ADDRESS]", f"loadBalancerIP: {CHOSEN}")
    assert ingress(create_service(story, chosen)) == CHOSEN
    assert story.health(INSTANCE, CHOSEN)


def services(story: Teller) -> list[Json]:
    """Those of the name plot."""
    found = story.get("/api/v1/namespaces/default/services", cluster_path(CLUSTER))["items"]
    return [item for item in found if item["metadata"]["name"] == PLOT]


def ingress(service: Json) -> str:
    """The load balancer's address, "" while there is none."""
    given = service.get("status", {}).get("loadBalancer", {}).get("ingress", [])
    return str(given[0]["ip"]) if given else ""


def create_service(story: Teller, text: str) -> Json:
    story.type("kubectl create --filename=", ("service_plot.yaml", text))
    story.until(lambda: any(ingress(item) for item in services(story)), f"{PLOT} has an address")
    story.lab.settle()
    return story.ask(f"kubectl get service {PLOT} --output=yaml")


# ---- in the surroundings of preset aws-vpn


def learn_preset(story: Teller) -> None:
    """What the story's own steps would have learnt."""
    look_around(story)
    story.learn("gateway", story.ec2.describe_vpn_gateways()["VpnGateways"][0]["VpnGatewayId"])
    gateway = story.get(f"/compute/v1/projects/{PROJECT}/regions/{REGION}/vpnGateways/{GATEWAY}")
    customers = {
        item["IpAddress"]: item["CustomerGatewayId"]
        for item in story.ec2.describe_customer_gateways()["CustomerGateways"]
    }
    connections = {
        item["CustomerGatewayId"]: item["VpnConnectionId"]
        for item in story.ec2.describe_vpn_connections()["VpnConnections"]
    }
    for interface in gateway["vpnInterfaces"]:
        number = int(interface["id"]) + 1
        story.learn(f"connection_{number}", connections[customers[interface["ipAddress"]]])
        learn_connection(story, number)


def mistakes(story: Teller) -> None:
    """Told in the surroundings aws-vpn without tunnels: one tunnel is right, one has another key, one has its two
    inside addresses swapped, one expects another ASN. Each says so in its own way, and the one that is right works."""
    learn_preset(story)
    tunnel(story, 1, 1)
    tunnel(story, 1, 2, key="anotherkey")
    tunnel(story, 2, 1, swapped=True)
    tunnel(story, 2, 2, asn=AWS_ASN + 1)
    story.lab.settle()
    story.until(lambda: "peer AS" in reason(story, 2, 2), "lab status says why")
    peers = router_peers(story)
    said = {item: Said(story, peers, item) for item in TUNNELS}
    good, key, swapped, asn = (said[item] for item in TUNNELS)

    assert (good.tunnel, good.session, good.aws) == ("ESTABLISHED", "UP", ("UP", "1 BGP ROUTES"))
    assert (key.tunnel, key.session, key.aws) == ("AUTHORIZATION_ERROR", "DOWN", ("DOWN", "IPSEC IS DOWN"))
    assert good.detail == "Tunnel is up and running." != key.detail
    for other in (swapped, asn):
        assert (other.tunnel, other.session, other.aws) == ("ESTABLISHED", "DOWN", ("DOWN", "IPSEC IS UP"))
    statuses = [(item.tunnel, item.state, item.aws) for item in said.values()]
    assert len(set(statuses)) == len(statuses), f"nobody but lab status tells them apart: {statuses}"
    reasons = [reason(story, *item) for item in TUNNELS[1:]]
    assert len(set(reasons)) == len(reasons), f"lab status tells them apart: {reasons}"
    assert swapped.address == story.names["aws_2_1"], "the address that is AWS's"
    assert propagated(story) == {NODES_1}, "one tunnel is enough"


class Said:
    """What both clouds say of one tunnel and its session."""

    def __init__(self, story: Teller, peers: dict[str, Json], item: tuple[int, int]) -> None:
        tunnel_here = story.ask(f"gcloud compute vpn-tunnels describe {tunnel_name(*item)} {WHERE}")
        peer, told = peers[peer_name(*item)], telemetry(story)[tunnel_name(*item)]
        self.tunnel, self.detail = tunnel_here["status"], tunnel_here["detailedStatus"]
        self.session, self.state, self.address = peer["status"], peer["state"], peer["ipAddress"]
        self.aws = (told["Status"], told["StatusMessage"])


def reason(story: Teller, connection: int, number: int) -> str:
    """What `lab status` says of the session at Google."""
    found = {session["name"]: session for session in story.lab.status()["sessions"]}
    return str(found[peer_name(connection, number)]["reason"])
