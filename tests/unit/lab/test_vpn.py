# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""compute.vpnGateways, externalVpnGateways and vpnTunnels."""

from __future__ import annotations

import ipaddress
import typing as t

import pytest

from ansible_collections.podreach.gke.tests.unit.lab import vpn
from ansible_collections.podreach.gke.tests.unit.lab.cloud import REGION, Cloud, Refused

Json = dict[str, t.Any]
BASE = "https://www.googleapis.com/compute/v1/projects/podreach-lab"


@pytest.fixture
def ready(cloud: Cloud) -> Cloud:
    """Network n1 with gateway g1, router r1 and the external gateway aws."""
    cloud.network()
    vpn.gateway(cloud)
    vpn.router(cloud)
    vpn.external(cloud)
    return cloud


# ---- gateways


def test_a_gateway_has_two_public_addresses(cloud: Cloud) -> None:
    cloud.network()
    gateways = [vpn.gateway(cloud, name) for name in ("g1", "g2", "g3")]
    first = gateways[0]
    assert (first["kind"], first["stackType"], first["gatewayIpVersion"]) == (
        "compute#vpnGateway",
        "IPV4_ONLY",
        "IPV4",
    )
    assert first["network"] == f"{BASE}/global/networks/n1"
    assert first["region"] == f"{BASE}/regions/{REGION}"
    assert [card["id"] for card in first["vpnInterfaces"]] == [0, 1]
    found = [card["ipAddress"] for item in gateways for card in item["vpnInterfaces"]]
    assert len(set(found)) == 6
    assert all(ipaddress.IPv4Address(text).is_global for text in found)


def test_lists_and_labels(ready: Cloud) -> None:
    vpn.tunnel(ready, "t0")
    for path, kind in ((vpn.GATEWAYS, "vpnGateway"), (vpn.EXTERNAL, "externalVpnGateway"), (vpn.TUNNELS, "vpnTunnel")):
        answer = ready.compute("GET", path)
        (item,) = answer["items"]
        assert answer["kind"] == f"compute#{kind}List"
        assert item["kind"] == f"compute#{kind}"
        where = f"{path}/{item['name']}"
        with pytest.raises(Refused) as refused:
            ready.compute("POST", f"{where}/setLabels", {"labels": {"a": "b"}, "labelFingerprint": "AAAA"})
        assert refused.value.code == 412
        body = {"labels": {"a": "b"}, "labelFingerprint": item["labelFingerprint"]}
        ready.compute("POST", f"{where}/setLabels", body)
        after = ready.compute("GET", where)
        assert after["labels"] == {"a": "b"}
        assert after["labelFingerprint"] != item["labelFingerprint"]
    for what in ("vpnGateways", "vpnTunnels"):
        found = ready.compute("GET", f"aggregated/{what}")["items"]
        assert len(found[f"regions/{REGION}"][what]) == 1


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"network": None}, 400),
        ({"network": "global/networks/none"}, 404),
        ({"stackType": "IPV4_IPV6"}, 501),
        ({"gatewayIpVersion": "IPV6"}, 501),
        ({"vpnInterfaces": [{"interconnectAttachment": f"regions/{REGION}/interconnectAttachments/a"}]}, 501),
        ({"name": "G"}, 400),
        ({"nonsense": 1}, 400),
    ],
)
def test_bad_gateways(cloud: Cloud, fields: Json, code: int) -> None:
    cloud.network()
    body = {"name": "g1", "network": "global/networks/n1", **fields}
    with pytest.raises(Refused) as refused:
        cloud.compute("POST", vpn.GATEWAYS, {key: value for key, value in body.items() if value is not None})
    assert refused.value.code == code
    assert "items" not in cloud.compute("GET", vpn.GATEWAYS)


def test_what_is_in_use_is_not_deleted(ready: Cloud) -> None:
    vpn.tunnel(ready, "t0")
    for path in (f"{vpn.GATEWAYS}/g1", f"{vpn.EXTERNAL}/aws", f"{vpn.ROUTERS}/r1"):
        with pytest.raises(Refused, match=f"already being used by '{vpn.PATHS[0]}'") as refused:
            ready.compute("DELETE", path)
        assert refused.value.reason == "resourceInUseByAnotherResource"
    answer = ready.compute("DELETE", "global/networks/n1")
    assert answer["error"]["errors"][0]["code"] == "RESOURCE_IN_USE_BY_ANOTHER_RESOURCE"
    ready.compute("DELETE", f"{vpn.TUNNELS}/t0")
    for path in (f"{vpn.GATEWAYS}/g1", f"{vpn.EXTERNAL}/aws", f"{vpn.ROUTERS}/r1"):
        ready.compute("DELETE", path)
        with pytest.raises(Refused, match="The resource 'projects/podreach-lab/.*' was not found"):
            ready.compute("GET", path)
    assert "error" not in ready.compute("DELETE", "global/networks/n1")


# ---- external gateways


@pytest.mark.parametrize(
    ("count", "redundancy"),
    [(1, "SINGLE_IP_INTERNALLY_REDUNDANT"), (2, "TWO_IPS_REDUNDANCY"), (4, "FOUR_IPS_REDUNDANCY")],
)
def test_external_gateways(cloud: Cloud, count: int, redundancy: str) -> None:
    found = vpn.external(cloud, addresses=vpn.OUTSIDE[:count], redundancyType=redundancy)
    assert found["redundancyType"] == redundancy
    assert [card["ipAddress"] for card in found["interfaces"]] == list(vpn.OUTSIDE[:count])


def test_operations_of_external_gateways_have_types_of_their_own(cloud: Cloud) -> None:
    body = {"name": "aws", "interfaces": [{"id": 0, "ipAddress": vpn.OUTSIDE[0]}]}
    assert cloud.compute("POST", vpn.EXTERNAL, body)["operationType"] == "compute.externalVpnGateways.insert"
    answer = cloud.compute("DELETE", f"{vpn.EXTERNAL}/aws")
    assert answer["operationType"] == "compute.externalVpnGateways.delete"


def cards(*pairs: tuple[int, str]) -> list[Json]:
    return [{"id": number, "ipAddress": text} for number, text in pairs]


@pytest.mark.parametrize(
    "fields",
    [
        {"interfaces": []},
        {"interfaces": cards((0, "52.0.0.1"), (1, "52.0.0.2"), (2, "52.0.0.3"))},
        {"interfaces": cards((0, "52.0.0.1"), (2, "52.0.0.2"))},
        {"interfaces": cards((0, "52.0.0.1"), (0, "52.0.0.2"))},
        {"interfaces": cards((0, "52.0.0.1")), "redundancyType": "TWO_IPS_REDUNDANCY"},
        {"interfaces": [{"id": 0}]},
        {"interfaces": cards((0, "aws.example"))},
    ],
)
def test_bad_external_gateways(cloud: Cloud, fields: Json) -> None:
    with pytest.raises(Refused) as refused:
        cloud.compute("POST", vpn.EXTERNAL, {"name": "aws", **fields})
    assert refused.value.code == 400
    assert "resource.interfaces" in refused.value.message


def test_an_address_of_googles_is_not_external(cloud: Cloud) -> None:
    cloud.network()
    address = vpn.gateway(cloud)["vpnInterfaces"][1]["ipAddress"]
    with pytest.raises(Refused, match="You cannot provide an interface with an IP address owned by Google Cloud"):
        vpn.external(cloud, addresses=[address])


# ---- tunnels


def test_a_tunnel_hides_its_secret(ready: Cloud) -> None:
    found = vpn.tunnel(ready, "t0", peerExternalGatewayInterface=2, sharedSecret="in-clear-text")
    assert found["sharedSecret"] == "*************"
    assert "in-clear-text" not in str(found)
    assert len(found["sharedSecretHash"]) == 28
    assert (found["peerIp"], found["ikeVersion"]) == (vpn.OUTSIDE[2], 2)
    assert found["localTrafficSelector"] == found["remoteTrafficSelector"] == ["0.0.0.0/0"]
    assert found["router"] == f"{BASE}/{vpn.ROUTERS}/r1"
    assert found["vpnGateway"] == f"{BASE}/{vpn.GATEWAYS}/g1"
    assert found["peerExternalGateway"] == f"{BASE}/{vpn.EXTERNAL}/aws"
    assert (found["status"], found["detailedStatus"]) == ("WAITING_FOR_FULL_CONFIG", "Waiting for route configuration.")
    other = vpn.tunnel(ready, "t1", vpnGatewayInterface=1, sharedSecret="another")
    assert other["sharedSecretHash"] != found["sharedSecretHash"]


@pytest.mark.parametrize(
    ("fields", "code", "what"),
    [
        ({"sharedSecret": None}, 400, "resource.sharedSecret"),
        ({"router": None}, 400, "resource.router"),
        ({"router": f"{vpn.ROUTERS}/none"}, 404, "routers/none"),
        ({"router": f"{vpn.ROUTERS}/r2"}, 400, "in the network of the VPN gateway"),
        ({"router": "regions/us-central1/routers/r3"}, 400, "in the tunnel's region"),
        ({"vpnGateway": None}, 400, "resource.vpnGateway"),
        ({"vpnGateway": f"{vpn.GATEWAYS}/none"}, 404, "vpnGateways/none"),
        ({"vpnGateway": "regions/us-central1/vpnGateways/g3"}, 400, "in the tunnel's region"),
        ({"vpnGatewayInterface": None}, 400, "resource.vpnGatewayInterface"),
        ({"vpnGatewayInterface": 2}, 400, "resource.vpnGatewayInterface"),
        ({"peerExternalGateway": None}, 400, "resource.peerExternalGateway"),
        ({"peerExternalGateway": f"{vpn.EXTERNAL}/none"}, 404, "externalVpnGateways/none"),
        ({"peerExternalGatewayInterface": None}, 400, "resource.peerExternalGatewayInterface"),
        ({"peerExternalGatewayInterface": 4}, 400, "no such interface"),
        ({"peerGcpGateway": f"{vpn.GATEWAYS}/g2"}, 400, "excludes peerExternalGateway"),
        ({"ikeVersion": 3}, 400, "resource.ikeVersion"),
        ({"peerIp": "52.0.0.1"}, 400, "Cannot specify peer IP for HA VPN tunnel creation"),
        ({"localTrafficSelector": ["10.0.0.0/8"]}, 400, "resource.localTrafficSelector"),
        ({"targetVpnGateway": f"regions/{REGION}/targetVpnGateways/c"}, 501, "does not model Classic VPN"),
    ],
)
def test_bad_tunnels(ready: Cloud, fields: Json, code: int, what: str) -> None:
    ready.network("n2")
    vpn.router(ready, "r2", "n2")
    vpn.gateway(ready, "g2", "n2")
    away = {"network": "global/networks/n1"}
    ready.compute("POST", "regions/us-central1/vpnGateways", {"name": "g3", **away})
    ready.compute("POST", "regions/us-central1/routers", {"name": "r3", **away, "bgp": {"asn": 65010}})
    with pytest.raises(Refused) as refused:
        vpn.tunnel(ready, "t0", **fields)
    assert (refused.value.code, what in refused.value.message) == (code, True), refused.value.message
    assert "items" not in ready.compute("GET", vpn.TUNNELS)


def test_one_tunnel_between_two_interfaces(ready: Cloud) -> None:
    vpn.tunnel(ready, "t0")
    with pytest.raises(Refused, match="A tunnel with same peer external VPN gateway interface"):
        vpn.tunnel(ready, "t1")
    vpn.tunnel(ready, "t1", vpnGatewayInterface=1)
    with pytest.raises(Refused) as refused:
        vpn.tunnel(ready, "t0")
    assert refused.value.reason == "alreadyExists"


def test_bad_peers_at_google(ready: Cloud) -> None:
    to_google: Json = {"peerExternalGateway": None, "peerExternalGatewayInterface": None}
    with pytest.raises(Refused, match="its own peer"):
        vpn.tunnel(ready, "t0", peerGcpGateway=f"{vpn.GATEWAYS}/g1", **to_google)
    ready.compute("POST", "regions/us-central1/vpnGateways", {"name": "g3", "network": "global/networks/n1"})
    with pytest.raises(Refused, match="in the same region"):
        vpn.tunnel(ready, "t0", peerGcpGateway="regions/us-central1/vpnGateways/g3", **to_google)


def test_a_peer_of_another_project(ready: Cloud) -> None:
    ready.project = "podreach-peer"
    ready.network()
    card = vpn.gateway(ready, "theirs")["vpnInterfaces"][1]
    ready.project = "podreach-lab"
    theirs = f"projects/podreach-peer/{vpn.GATEWAYS}/theirs"
    found = vpn.tunnel(
        ready,
        "t0",
        vpnGatewayInterface=1,
        peerGcpGateway=theirs,
        peerExternalGateway=None,
        peerExternalGatewayInterface=None,
    )
    assert found["peerIp"] == card["ipAddress"]
    assert found["peerGcpGateway"].endswith(theirs)
    ready.project = "podreach-peer"
    with pytest.raises(Refused, match="already being used"):
        ready.compute("DELETE", f"{vpn.GATEWAYS}/theirs")


def test_classic_vpn_is_not_modelled(cloud: Cloud) -> None:
    for method, path in (("GET", f"regions/{REGION}/targetVpnGateways"), ("GET", "aggregated/targetVpnGateways")):
        with pytest.raises(Refused, match="does not model Classic VPN") as refused:
            cloud.compute(method, path)
        assert refused.value.code == 501


# ---- the status of a gateway


def test_redundancy(ready: Cloud) -> None:
    def status() -> list[Json]:
        answer = ready.compute("GET", f"{vpn.GATEWAYS}/g1/getStatus")["result"]
        return t.cast("list[Json]", answer.get("vpnConnections", []))

    assert status() == []
    for at in range(3):
        vpn.tunnel(ready, f"t{at}", vpnGatewayInterface=at // 2, peerExternalGatewayInterface=at)
    (found,) = status()
    assert found["state"] == {
        "state": "CONNECTION_REDUNDANCY_NOT_MET",
        "unsatisfiedReason": "INCOMPLETE_TUNNELS_COVERAGE",
    }
    assert found["peerExternalGateway"] == f"{BASE}/{vpn.EXTERNAL}/aws"
    vpn.tunnel(ready, "t3", vpnGatewayInterface=1, peerExternalGatewayInterface=3)
    (found,) = status()
    assert found["state"] == {"state": "CONNECTION_REDUNDANCY_MET"}
    assert found["tunnels"][3] == {
        "tunnelUrl": f"{BASE}/{vpn.TUNNELS}/t3",
        "localGatewayInterface": 1,
        "peerGatewayInterface": 3,
    }


def test_redundancy_to_google(ready: Cloud) -> None:
    ready.network("n2")
    vpn.gateway(ready, "g2", "n2")
    for at in (0, 1):
        vpn.tunnel(
            ready,
            f"t{at}",
            vpnGatewayInterface=at,
            peerGcpGateway=f"{vpn.GATEWAYS}/g2",
            peerExternalGateway=None,
            peerExternalGatewayInterface=None,
        )
        (found,) = ready.compute("GET", f"{vpn.GATEWAYS}/g1/getStatus")["result"]["vpnConnections"]
        assert found["state"]["state"] == f"CONNECTION_REDUNDANCY_{'MET' if at else 'NOT_MET'}"
    assert [item["peerGatewayInterface"] for item in found["tunnels"]] == [0, 1]
