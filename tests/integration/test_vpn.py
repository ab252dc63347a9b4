# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Google's half of a VPN to AWS by the modules, the AWS half by boto3, and real BGP between the two."""

from __future__ import annotations

import typing as t

import boto3
import pytest

from ansible_collections.podreach.gke.tests.integration.api import COMPUTE, NETWORK, PROJECT, REGION, ROUTERS, Api, Json
from ansible_collections.podreach.gke.tests.integration.playbooks import PATHS, Playbooks, Record, Run, play, task
from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import Lab

TUNNELS = f"{COMPUTE}/regions/{REGION}/vpnTunnels"
GOOGLE_ASN, AWS_ASN = 65010, 64512
#: the connection and the tunnel in it, in the order of the external gateway's interfaces
ENDS = ((1, 1), (1, 2), (2, 1), (2, 2))
KEYS = {end: f"Key.number_{end[0]}_{end[1]}_of_the_tests" for end in ENDS}
INSIDE = {(1, 1): "169.254.24.220", (1, 2): "169.254.24.224", (2, 1): "169.254.27.96", (2, 2): "169.254.27.100"}
SECONDS = 20


def aws_half(lab: Lab, google: list[str]) -> dict[tuple[int, int], str]:
    """Customer gateways, a virtual private gateway and two connections; the outside addresses of the four tunnels."""
    names = {"aws_access_key_id": "AWS_ACCESS_KEY_ID", "aws_secret_access_key": "AWS_SECRET_ACCESS_KEY"}
    secrets = {argument: lab.env[name] for argument, name in names.items()}
    place = {"endpoint_url": lab.env["AWS_ENDPOINT_URL"], "region_name": lab.env["AWS_DEFAULT_REGION"]}
    ec2: t.Any = boto3.session.Session().client("ec2", **place, **secrets)
    [vpc] = ec2.describe_vpcs(Filters=[{"Name": "cidr", "Values": ["10.0.0.0/16"]}])["Vpcs"]
    gateway = ec2.create_vpn_gateway(Type="ipsec.1", AmazonSideAsn=AWS_ASN)["VpnGateway"]["VpnGatewayId"]
    ec2.attach_vpn_gateway(VpcId=vpc["VpcId"], VpnGatewayId=gateway)
    outside = {}
    for number, address in enumerate(google, 1):
        customer = ec2.create_customer_gateway(Type="ipsec.1", BgpAsn=GOOGLE_ASN, IpAddress=address)["CustomerGateway"]
        ends = [end for end in ENDS if end[0] == number]
        common = {"IKEVersions": [{"Value": "ikev2"}]}
        made = ec2.create_vpn_connection(
            Type="ipsec.1",
            CustomerGatewayId=customer["CustomerGatewayId"],
            VpnGatewayId=gateway,
            Options={
                "TunnelOptions": [
                    {**common, "PreSharedKey": KEYS[end], "TunnelInsideCidr": f"{INSIDE[end]}/30"} for end in ends
                ]
            },
        )["VpnConnection"]
        for end, options in zip(ends, made["Options"]["TunnelOptions"], strict=True):
            outside[end] = options["OutsideIpAddress"]
    return outside


def host(end: tuple[int, int], number: int) -> str:
    head, _dot, last = INSIDE[end].rpartition(".")
    return f"{head}.{int(last) + number}"


def name(what: str, end: tuple[int, int]) -> str:
    return f"aws-{what}-{end[0]}-{end[1]}"


FIRST: Json = {
    "environment": "lab",
    "defaults": {"network": "n1", "region": REGION},
    "networks": [{"name": "n1"}],
    "subnetworks": [{"name": "s1", "ip_cidr_range": "10.1.0.0/24"}],
    "vpn_gateways": [{"name": "aws-vpn"}],
    "routers": [{"name": "r1", "bgp": {"asn": GOOGLE_ASN}}],
}


def google_half(outside: t.Mapping[tuple[int, int], str], keys: t.Mapping[tuple[int, int], str] = KEYS) -> Json:
    """All of it, once AWS has said its addresses."""
    return {
        **FIRST,
        "external_vpn_gateways": [
            {
                "name": "aws-peer",
                "interfaces": [{"id": number, "ip_address": outside[end]} for number, end in enumerate(ENDS)],
            }
        ],
        "vpn_tunnels": [
            {
                "name": name("tunnel", end),
                "vpn_gateway": "aws-vpn",
                "vpn_gateway_interface": end[0] - 1,
                "peer_external_gateway": "aws-peer",
                "peer_external_gateway_interface": number,
                "router": "r1",
                "shared_secret": keys[end],
                "wait_established": SECONDS,
            }
            for number, end in enumerate(ENDS)
        ],
        "routers": [
            {
                "name": "r1",
                "bgp": {"asn": GOOGLE_ASN},
                "interfaces": [
                    {
                        "name": name("if", end),
                        "ip_range": f"{host(end, 2)}/30",
                        "linked_vpn_tunnel": name("tunnel", end),
                    }
                    for end in ENDS
                ],
                "bgp_peers": [
                    {
                        "name": name("bgp", end),
                        "interface_name": name("if", end),
                        "peer_ip_address": host(end, 1),
                        "peer_asn": AWS_ASN,
                    }
                    for end in ENDS
                ],
            }
        ],
    }


def good(run: Run, task_name: str) -> Record:
    record = run[task_name]
    assert record.status == "ok", record.result
    return record


def sessions(lab: Lab) -> dict[str, Json]:
    lab.settle()
    status = Api(lab).get(f"{ROUTERS}/r1/getRouterStatus")
    assert status
    return {item["name"]: item for item in status["result"]["bgpPeerStatus"]}


def begin(playbooks: Playbooks, path: str = "in-process") -> dict[tuple[int, int], str]:
    """Google's gateway and router, and then AWS's half."""
    playbooks.lab.preset("aws-account")
    found = good(playbooks.run(play([task("first", "resource_set", FIRST)]), path=path), "first").result["resources"]
    [gateway] = [item["resource"] for item in found if item["kind"] == "vpn_gateway"]
    return aws_half(playbooks.lab, [card["ipAddress"] for card in gateway["vpnInterfaces"]])


@pytest.mark.parametrize("path", PATHS)
def test_four_tunnels_from_nothing_to_established_and_away_again(path: str, playbooks: Playbooks) -> None:
    lab = playbooks.lab
    outside = begin(playbooks, path)
    wanted = google_half(outside)
    info = {"environment": "lab", "region": REGION, "vpn_gateway": "aws-vpn"}
    tasks = [
        task("check", "resource_set", wanted, check_mode=True),
        task("make", "resource_set", wanted),
        task("info", "vpn_tunnel_info", info),
        task("one", "vpn_tunnel_info", {"environment": "lab", "region": REGION, "name": name("tunnel", (2, 1))}),
        task("none", "vpn_tunnel_info", {"environment": "lab", "router": "other"}),
        task("again", "resource_set", wanted),
    ]
    run = playbooks.run(play(tasks, diff=True), path=path, arguments=["-vvvv"])
    made = good(run, "make").result
    assert good(run, "check").result["plan"] == made["plan"]
    assert [(step["action"], step["grade"]) for step in made["plan"]] == [("create", "safe")] * 5 + [
        ("update", "safe")
    ], made["plan"]
    tunnels = good(run, "info").result["tunnels"]
    assert {item["status"] for item in tunnels} == {"ESTABLISHED"}
    assert {item["peerIp"] for item in tunnels} == set(outside.values())
    assert [item["name"] for item in good(run, "one").result["tunnels"]] == [name("tunnel", (2, 1))]
    assert good(run, "none").result["tunnels"] == []
    assert not good(run, "again").result["changed"]
    assert run["again"].mutations == run["make"].mutations

    found = sessions(lab)
    assert {item["state"] for item in found.values()} == {"Established"}
    assert len(found) == 4
    for end in ENDS:
        peer = found[name("bgp", end)]
        assert (peer["ipAddress"], peer["peerIpAddress"]) == (host(end, 2), host(end, 1))
        assert [route["destRange"] for route in peer["advertisedRoutes"]] == ["10.1.0.0/24"]
        assert peer["numLearnedRoutes"] == 1

    # nothing that was shown or kept holds a key, or what one could be tried out against
    said = run.output + "".join(str(record.result) for record in run.records)
    for secret in (*KEYS.values(), "sharedSecret"):
        assert secret not in said

    away = task("away", "resource_set", {**wanted, "state": "absent"})
    assert good(playbooks.run(play([away]), path=path), "away").result["changed"]
    for where in (ROUTERS, TUNNELS, f"{COMPUTE}/regions/{REGION}/vpnGateways", f"{COMPUTE}/global/networks"):
        assert not (Api(lab).get(where) or {}).get("items"), where
    assert not (Api(lab).get(f"{COMPUTE}/global/externalVpnGateways") or {}).get("items")


def test_a_wrong_key_is_named_and_mended(playbooks: Playbooks) -> None:
    outside = begin(playbooks)
    broken = (2, 2)
    wrong = google_half(outside, {**KEYS, broken: "{{ wrong }}"})
    wrong["vpn_tunnels"] = [
        {**item, "wait_established": 2 if item["name"] == name("tunnel", broken) else SECONDS}
        for item in wrong["vpn_tunnels"]
    ]
    right = google_half(outside)["vpn_tunnels"][ENDS.index(broken)]
    anew = {"environment": "lab", "region": REGION, **right, "update_secret": "always"}
    tasks = [
        task("make", "resource_set", wrong),
        task("refused", "vpn_tunnel", anew),
        task("check", "vpn_tunnel", {**anew, "confirm_replace": name("tunnel", broken)}, check_mode=True),
        task("mend", "vpn_tunnel", {**anew, "confirm_replace": name("tunnel", broken)}),
        task("again", "vpn_tunnel", {**anew, "update_secret": "on_create"}),
    ]
    # in a variable: core shows the lines of the playbook where a task failed
    run = playbooks.run(play(tasks), hosts={"here": {"wrong": "Another.key_of_the_tests"}})
    error = run["make"].result["error"]
    assert (error["code"], error["reason"]) == ("tunnel-not-established", "AUTHORIZATION_ERROR"), run["make"].result
    assert run["make"].result["changed"], "everything was made before it was waited for"
    assert name("tunnel", broken) in error["message"]
    assert "update_secret: always" in error["message"]
    assert run["refused"].result["error"]["code"] == "replace-not-confirmed"
    assert [step["action"] for step in good(run, "check").result["plan"]] == ["replace", "create"]
    assert [step["action"] for step in good(run, "mend").result["plan"]] == ["replace", "create"]
    assert run["mend"].result["resource"]["status"] == "ESTABLISHED"
    assert not good(run, "again").result["changed"]
    assert "Another.key" not in run.output
    assert {item["state"] for item in sessions(playbooks.lab).values()} == {"Established"}


def test_a_session_of_its_own_lists(playbooks: Playbooks) -> None:
    """One session gets one range more; taking it away again needs a word; switching a session off too."""
    outside = begin(playbooks)
    router: Json = {"environment": "lab", "name": "r1", "region": REGION}
    own: Json = {"name": name("bgp", (1, 1)), "advertise_mode": "CUSTOM"}
    more = {**own, "advertised_groups": ["ALL_SUBNETS"], "advertised_ip_ranges": [{"range": "10.64.0.0/16"}]}
    less = {**own, "advertised_ip_ranges": []}
    off = {"name": name("bgp", (1, 2)), "enable": False}
    tasks = [
        task("make", "resource_set", google_half(outside)),
        task("more", "router", {**router, "bgp_peers": [more]}),
        task("refused", "router", {**router, "bgp_peers": [less], "purge_advertisement": True}),
        task("off refused", "router", {**router, "bgp_peers": [off]}),
        task("off", "router", {**router, "bgp_peers": [off], "allow_disruption": True}),
        task("on", "router", {**router, "bgp_peers": [{**off, "enable": True}]}),
        task(
            "withdraw", "router", {**router, "bgp_peers": [{**own, "advertised_groups": []}], "purge_advertisement": 1}
        ),
    ]
    run = playbooks.run(play(tasks))
    assert good(run, "more").result["plan"][0]["grade"] == "safe"
    assert run["refused"].result["error"]["code"] == "disruption-not-allowed"
    assert run["off refused"].result["error"]["code"] == "disruption-not-allowed"
    assert good(run, "off").result["plan"][0]["grade"] == "disruptive"
    assert good(run, "on").result["plan"][0]["grade"] == "safe"
    assert run["withdraw"].result["error"]["code"] == "withdraws-subnets"
    found = sessions(playbooks.lab)
    sent = {key: {route["destRange"] for route in item["advertisedRoutes"]} for key, item in found.items()}
    assert sent.pop(name("bgp", (1, 1))) == {"10.1.0.0/24", "10.64.0.0/16"}
    assert all(ranges == {"10.1.0.0/24"} for ranges in sent.values())
    assert len(found) == 4


def test_the_limit_is_counted_for_each_session(playbooks: Playbooks) -> None:
    """100 is the most; a session with lists of its own has a count of its own; new sessions count too."""
    outside = begin(playbooks)
    ranges = [{"range": f"10.64.{number}.0/24"} for number in range(99)]
    own = {"name": name("bgp", (1, 1)), "advertise_mode": "CUSTOM", "advertised_groups": ["ALL_SUBNETS"]}
    router: Json = {"environment": "lab", "name": "r1", "region": REGION}
    full = {**own, "advertised_ip_ranges": ranges}
    over = {**own, "advertised_ip_ranges": [{"range": "10.64.200.0/24"}]}
    subnetwork = {"environment": "lab", "name": "s2", "region": REGION, "network": "n1", "ip_cidr_range": "10.2.0.0/24"}
    wanted = google_half(outside)
    crowded = {**wanted, "routers": [{**wanted["routers"][0]}]}
    crowded["routers"][0]["bgp_peers"] = [
        {**item, "advertise_mode": "CUSTOM", "advertised_groups": ["ALL_SUBNETS"]}
        | {"advertised_ip_ranges": [*ranges, {"range": "10.64.200.0/24"}]}
        for item in wanted["routers"][0]["bgp_peers"]
    ]
    tasks = [
        task("crowded", "resource_set", crowded),
        task("make", "resource_set", wanted),
        task("full", "router", {**router, "bgp_peers": [full]}),
        task("over", "router", {**router, "bgp_peers": [over]}),
        task("subnetwork", "subnetwork", subnetwork),
    ]
    run = playbooks.run(play(tasks))
    crowd = run["crowded"].result
    assert (crowd["error"]["code"], crowd["changed"]) == ("bgp-prefix-limit", False), crowd
    assert all(f"r1/{name('bgp', end)}: 0 now, 101 then" in crowd["msg"] for end in ENDS)
    good(run, "make")
    good(run, "full")
    assert f"r1/{name('bgp', (1, 1))}: 100 now, 101 then" in run["over"].result["msg"]
    assert name("bgp", (1, 2)) not in run["over"].result["msg"]
    assert f"r1/{name('bgp', (1, 1))}: 100 now, 101 then" in run["subnetwork"].result["msg"]
    assert run["subnetwork"].mutations == run["full"].mutations


def test_keys_of_sessions(playbooks: Playbooks) -> None:
    """An MD5 key goes in once and is never shown; other sessions keep theirs; an empty one takes it away."""
    api = Api(playbooks.lab)
    api.network()
    api.router()
    api.vpn_gateway()
    api.external_vpn_gateway()
    for number in range(2):
        api.vpn_tunnel(f"t{number}", peer=number)
    router: Json = {"environment": "lab", "name": "r1", "region": REGION, "allow_disruption": True}

    def interface(number: int) -> Json:
        return {"name": f"i{number}", "ip_range": f"169.254.{number}.2/30", "linked_vpn_tunnel": f"t{number}"}

    def peer(number: int, key: str) -> Json:
        where = {"interface_name": f"i{number}", "peer_ip_address": f"169.254.{number}.1", "peer_asn": AWS_ASN}
        return {"name": f"p{number}", **where, "md5_authentication_key": key}

    first = {"interfaces": [interface(0)], "bgp_peers": [peer(0, "Md5.first_of_the_tests")]}
    second = {"interfaces": [interface(1)], "bgp_peers": [peer(1, "Md5.second_of_the_tests")]}
    tasks = [
        task("first", "router", {**router, **first}),
        task("second", "router", {**router, **second}),
        task("again", "router", {**router, **second}),
        task("away", "router", {**router, "bgp_peers": [peer(0, "")]}, vars={"observe": [f"{ROUTERS}/r1"]}),
    ]
    run = playbooks.run(play(tasks, diff=True), arguments=["-vvvv"])
    for one in ("first", "second", "away"):
        assert good(run, one).result["changed"]
    assert not good(run, "again").result["changed"]
    now = run["away"].observed[0]
    assert now["md5AuthenticationKeys"] == [{"name": "p1"}]
    assert [item.get("md5AuthenticationKeyName") for item in now["bgpPeers"]] == [None, "p1"]
    said = run.output + "".join(str(record.result) for record in run.records)
    assert "Md5." not in said


def test_what_others_hang_on_is_not_deleted(playbooks: Playbooks) -> None:
    api = Api(playbooks.lab)
    api.network()
    api.router()
    api.vpn_gateway()
    api.external_vpn_gateway()
    api.vpn_tunnel(marked=False)
    absent = {"environment": "lab", "state": "absent"}
    regional = {**absent, "region": REGION}
    given: dict[str, Json] = {
        "router": {**regional, "name": "r1"},
        "vpn_gateway": {**regional, "name": "g1"},
        "external_vpn_gateway": {**absent, "name": "e1"},
    }
    everything = {
        **absent,
        "unmarked": "keep",
        "defaults": {"region": REGION},
        "routers": [{"name": "r1"}],
        "vpn_gateways": [{"name": "g1"}],
        "external_vpn_gateways": [{"name": "e1"}],
        "vpn_tunnels": [{"name": "t1"}],
    }
    tasks = [task(module, module, args) for module, args in given.items()]
    run = playbooks.run(play([*tasks, task("set", "resource_set", everything)]))
    for module in given:
        assert run[module].result["error"]["code"] == "holds-others"
        assert f"projects/{PROJECT}/regions/{REGION}/vpnTunnels/t1" in run[module].result["msg"]
    assert not good(run, "set").result["changed"]
    assert len(run["set"].result["warnings"]) == 4
    assert api.get(f"/compute/v1/{NETWORK}/n1")
