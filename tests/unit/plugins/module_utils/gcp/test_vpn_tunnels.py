# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tunnels: their secret, replacing them, waiting for them, reading them; and gateways that they hang on."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.podreach.gke.plugins.module_utils.arguments import Call
from ansible_collections.podreach.gke.plugins.module_utils.errors import PodreachError
from ansible_collections.podreach.gke.plugins.module_utils.gcp import (
    external_vpn_gateways,
    info,
    resource_set,
    vpn_gateways,
    vpn_tunnels,
)
from ansible_collections.podreach.gke.plugins.module_utils.gcp.task import definition
from ansible_collections.podreach.gke.tests.unit.plugins.module_utils.gcp.wire import (
    LAST_PAUSE,
    Expected,
    Wire,
    absent,
    google_error,
    operation,
)

Json = dict[str, t.Any]
TUNNEL = definition(vpn_tunnels.VpnTunnel, vpn_tunnels.SPEC)
GATEWAY = definition(vpn_gateways.VpnGateway, vpn_gateways.SPEC)
INFO = info.definition("vpn_tunnel")
EXTERNAL = definition(external_vpn_gateways.ExternalVpnGateway, external_vpn_gateways.SPEC)
BASE = "https://www.googleapis.com/compute/v1/"
REGION = "projects/p/regions/r1"
PATH = f"{REGION}/vpnTunnels/t"
LISTED = "projects/p/aggregated/vpnTunnels"
SECRET = "secret.of.the.tests"
WHERE: Json = {"name": "t", "region": "r1"}
WANTED: Json = {
    **WHERE,
    "vpn_gateway": "g",
    "vpn_gateway_interface": 1,
    "peer_external_gateway": "e",
    "peer_external_gateway_interface": 2,
    "router": "r",
    "shared_secret": SECRET,
}
BODY: Json = {
    "name": "t",
    "description": "[podreach.gke]",
    "vpnGateway": f"{REGION}/vpnGateways/g",
    "vpnGatewayInterface": 1,
    "peerExternalGateway": "projects/p/global/externalVpnGateways/e",
    "peerExternalGatewayInterface": 2,
    "router": f"{REGION}/routers/r",
    "ikeVersion": 2,
    "sharedSecret": SECRET,
}


def tunnel(number: int = 1, status: str = "ESTABLISHED", **more: t.Any) -> Json:
    """As the API has it; each time that it is made it has another id."""
    links = {key: BASE + BODY[key] for key in ("vpnGateway", "peerExternalGateway", "router")}
    shown = {"sharedSecret": "*****", "sharedSecretHash": "a-hash", "selfLink": BASE + PATH, "id": str(number)}
    return {**BODY, **links, **shown, "status": status, "detailedStatus": f"It is {status}.", **more}


def grounds() -> list[Expected]:
    network = f"{BASE}projects/p/global/networks/n"
    return [
        Expected("GET", f"{REGION}/vpnGateways/g", {"name": "g", "network": network}),
        Expected(
            "GET",
            "projects/p/global/externalVpnGateways/e",
            {"name": "e", "interfaces": [{"id": at} for at in range(4)]},
        ),
        Expected("GET", f"{REGION}/routers/r", {"name": "r", "network": network}),
    ]


def anew(number: int, body: Json | None = None) -> list[Expected]:
    """Deleted, looked for, made again."""
    return [
        Expected("DELETE", PATH, operation("delete", PATH)),
        *(absent(PATH), *grounds()),
        Expected("POST", f"{REGION}/vpnTunnels", operation("insert", PATH), body),
        Expected("GET", PATH, tunnel(number)),
    ]


def test_the_secret_goes_into_the_creation_and_comes_out_of_nothing() -> None:
    wire = Wire(
        *(absent(PATH), *grounds()),
        Expected("POST", f"{REGION}/vpnTunnels", operation("insert", PATH), BODY),
        Expected("GET", PATH, tunnel()),
    )
    result = wire.run(TUNNEL, WANTED)
    assert SECRET not in str(result)
    assert "sharedSecret" not in str(result), "its hash is something to try secrets against"
    assert result["resource"]["status"] == "ESTABLISHED"


def test_an_existing_tunnels_secret_is_not_compared() -> None:
    assert not Wire(Expected("GET", PATH, tunnel())).run(TUNNEL, {**WANTED, "shared_secret": "another"})["changed"]


def test_it_is_put_in_anew_when_that_is_said_once_a_task() -> None:
    params = {**WANTED, "update_secret": "always"}
    error = Wire(Expected("GET", PATH, tunnel()), *grounds()).fails(TUNNEL, params)
    assert error.code == "replace-not-confirmed"
    assert "confirm_replace: t" in str(error)
    wire = Wire(Expected("GET", PATH, tunnel()), *grounds(), *anew(2, BODY))
    result = wire.run(TUNNEL, {**params, "confirm_replace": "t"})
    assert [(step["action"], step["grade"]) for step in result["plan"]] == [
        ("replace", "destructive"),
        ("create", "safe"),
    ]


def test_a_tunnel_that_is_created_is_not_replaced_at_once() -> None:
    wire = Wire(
        *(absent(PATH), *grounds()),
        Expected("POST", f"{REGION}/vpnTunnels", operation("insert", PATH), BODY),
        Expected("GET", PATH, tunnel()),
    )
    assert [step["action"] for step in wire.run(TUNNEL, {**WANTED, "update_secret": "always"})["plan"]] == ["create"]


def test_a_difference_is_a_replacement_with_its_reasons() -> None:
    params = {**WANTED, "ike_version": 1, "peer_external_gateway_interface": 3}
    wire = Wire(Expected("GET", PATH, tunnel()), *grounds())
    plan = wire.run(TUNNEL, params, check_mode=True)["plan"]
    assert [step["action"] for step in plan] == ["replace", "create"]
    assert "ike_version is 2 and cannot become 1" in plan[0]["summary"]
    assert "peer_external_gateway_interface is 2 and cannot become 3" in plan[0]["summary"]
    assert SECRET not in str(plan)
    body = {**BODY, "ikeVersion": 1, "peerExternalGatewayInterface": 3}
    made = [Expected("GET", PATH, tunnel(2, ikeVersion=1, peerExternalGatewayInterface=3))]
    wire = Wire(Expected("GET", PATH, tunnel()), *grounds(), *anew(2, body)[:-1], *made)
    assert wire.run(TUNNEL, {**params, "confirm_replace": "t"})["changed"]


def test_what_the_creation_needs_is_looked_at_before_anything_is_deleted() -> None:
    params = {**WANTED, "ike_version": 1, "confirm_replace": "t"}
    gone = [absent(f"{REGION}/vpnGateways/g")]
    assert Wire(Expected("GET", PATH, tunnel()), *gone).fails(TUNNEL, params).code == "missing-prerequisite"
    params.pop("shared_secret")
    assert "missing: shared_secret" in str(Wire(Expected("GET", PATH, tunnel())).fails(TUNNEL, params))


def test_what_is_not_ours_is_not_replaced() -> None:
    wire = Wire(Expected("GET", PATH, tunnel(description="by hand")))
    assert wire.fails(TUNNEL, {**WANTED, "ike_version": 1, "confirm_replace": "t"}).code == "not-ours"


# -- waiting


def test_it_is_waited_for_until_it_is_established() -> None:
    states = ["FIRST_HANDSHAKE", "FIRST_HANDSHAKE", "NO_INCOMING_PACKETS", "ESTABLISHED"]
    wire = Wire(*(Expected("GET", PATH, tunnel(status=state)) for state in states))
    result = wire.run(TUNNEL, {**WANTED, "wait_established": 60})
    assert not result["changed"]
    assert result["resource"]["status"] == "ESTABLISHED"


@pytest.mark.parametrize(
    ("status", "remedy"),
    [
        ("AUTHORIZATION_ERROR", "update_secret: always"),
        ("NEGOTIATION_FAILURE", "cipher_suite"),
        ("NO_INCOMING_PACKETS", "UDP 500"),
        ("WAITING_FOR_FULL_CONFIG", "interfaces of the router"),
        ("FAILED", ""),
    ],
)
def test_a_tunnel_that_does_not_come_up_is_named_with_what_it_says(status: str, remedy: str) -> None:
    class Stuck(Wire):
        def __call__(self, method: str, url: str, body: Json | None) -> t.Any:
            self.expected = [Expected("GET", PATH, tunnel(status=status, peerIp="203.0.113.3"))]
            return super().__call__(method, url, body)

    wire = Stuck()
    error = wire.fails(TUNNEL, {**WANTED, "wait_established": 60})
    assert (error.code, error.reason, error.changed) == ("tunnel-not-established", status, False)
    for said in (PATH, status, f"It is {status}.", "60 s", "203.0.113.3", remedy):
        assert said in str(error)
    assert wire.time == pytest.approx(60, abs=LAST_PAUSE)


def test_check_mode_and_deletion_wait_for_nothing() -> None:
    waiting = {"wait_established": 60}
    wire = Wire(Expected("GET", PATH, tunnel(status="FIRST_HANDSHAKE")))
    assert not wire.run(TUNNEL, {**WANTED, **waiting}, check_mode=True)["changed"]
    wire = Wire(Expected("GET", PATH, tunnel()), Expected("DELETE", PATH, operation("delete", PATH)), absent(PATH))
    assert wire.run(TUNNEL, {**WHERE, **waiting, "state": "absent"})["changed"]


# -- gateways

IN_USE = Expected("GET", LISTED, {"items": {"regions/r1": {"vpnTunnels": [tunnel()]}}})


def test_a_gateway_with_tunnels_is_not_deleted() -> None:
    gateway = Expected("GET", f"{REGION}/vpnGateways/g", {"name": "g", "description": "[podreach.gke]"})
    error = Wire(gateway, IN_USE).fails(GATEWAY, {"name": "g", "region": "r1", "state": "absent"})
    assert (error.code, PATH in str(error)) == ("holds-others", True)


def test_without_the_right_to_list_tunnels_the_api_decides() -> None:
    path = f"{REGION}/vpnGateways/g"
    wire = Wire(
        Expected("GET", path, {"name": "g", "description": "[podreach.gke]"}),
        Expected("GET", LISTED, google_error(403, "forbidden"), status=403),
        Expected("DELETE", path, operation("delete", path)),
        absent(path),
    )
    assert wire.run(GATEWAY, {"name": "g", "region": "r1", "state": "absent"})["changed"]


def test_an_external_gateway_is_made_anew_while_no_tunnel_uses_it() -> None:
    path = "projects/p/global/externalVpnGateways/e"
    interfaces = [{"id": 0, "ipAddress": "203.0.113.1"}]
    now = {
        "name": "e",
        "description": "[podreach.gke]",
        "interfaces": interfaces,
        "redundancyType": "SINGLE_IP_INTERNALLY_REDUNDANT",
    }
    then = {**now, "interfaces": [{"id": 0, "ipAddress": "203.0.113.2"}]}
    params = {"name": "e", "interfaces": [{"id": 0, "ip_address": "203.0.113.2"}]}
    free = Expected("GET", LISTED, {"items": {}})
    error = Wire(Expected("GET", path, now), free).fails(EXTERNAL, params)
    assert error.code == "replace-not-confirmed"
    wire = Wire(
        Expected("GET", path, now),
        free,
        Expected("DELETE", path, operation("delete", path)),
        absent(path),
        Expected("POST", "projects/p/global/externalVpnGateways", operation("insert", path), then),
        Expected("GET", path, then),
    )
    assert wire.run(EXTERNAL, {**params, "confirm_replace": "e"})["changed"]
    # the numbers in another order, and the type said, are the same gateway
    same = {**params, "interfaces": [{"id": 0, "ip_address": "203.0.113.1"}]}
    assert not Wire(Expected("GET", path, now)).run(EXTERNAL, same)["changed"]


# -- reading


def test_reading_gives_no_secret() -> None:
    result = Wire(IN_USE).run(INFO, {"vpn_gateway": "g", "router": f"{BASE}{REGION}/routers/r"})
    assert [item["name"] for item in result["tunnels"]] == ["t"]
    assert "sharedSecret" not in str(result)
    assert Wire(IN_USE).run(INFO, {"vpn_gateway": "other"})["tunnels"] == []
    assert Wire(absent(PATH)).run(INFO, WHERE)["tunnels"] == []


# -- in a set


def test_the_secrets_of_a_sets_items_are_known_even_if_an_item_is_wrong() -> None:
    items = [{**WANTED, "vpn_gateway_interface": 7}, {**WANTED, "name": "u", "shared_secret": "another.of.the.tests"}]
    params: Json = {**{option: [] for option in resource_set.KINDS}, "vpn_tunnels": items, "defaults": {}}
    call = Call(params={**params, "state": "present", "timeout": 60})
    with pytest.raises(PodreachError):
        resource_set._resources(Wire().client(), call)
    assert {SECRET, "another.of.the.tests"} <= call.secrets
