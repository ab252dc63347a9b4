# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may call, and how a caller comes by a token."""

from __future__ import annotations

import json
import time
import typing as t

import pytest
from google.auth import crypt, jwt

from ansible_collections.podreach.gke.tests.lab.podreach_lab.auth import GRANT, Accounts, TokenRefusal
from ansible_collections.podreach.gke.tests.unit.lab.cloud import Cloud

Json = dict[str, t.Any]
NETWORKS = "/compute/v1/projects/{}/global/networks"
CLUSTERS = "/v1/projects/{}/locations/-/clusters"


def bearer(cloud: Cloud, account: str, seconds: float = 60) -> dict[str, str]:
    return {"Authorization": f"Bearer {cloud.accounts.issue(cloud.accounts.accounts[account].caller, seconds)}"}


def assertion(accounts: Accounts, account: str = "lab", signer: str = "", **claims: t.Any) -> str:
    key = accounts.accounts[signer or account].key_file(accounts.token_uri)
    now = int(time.time())
    payload = {
        "iss": accounts.accounts[account].email,
        "aud": "https://oauth2.googleapis.com/token",
        "iat": now,
        "exp": now + 3600,
        "scope": "https://www.googleapis.com/auth/cloud-platform",
        **claims,
    }
    return jwt.encode(crypt.RSASigner.from_service_account_info(key), payload).decode()


@pytest.mark.parametrize("path", [NETWORKS, CLUSTERS])
@pytest.mark.parametrize("header", [{}, {"Authorization": "Basic eDp5"}, {"Authorization": "Bearer ya29.unknown"}])
def test_without_a_known_token_it_is_401(cloud: Cloud, path: str, header: dict[str, str]) -> None:
    reply = cloud.raw("GET", path.format("podreach-lab"), headers=header)
    assert reply.status == 401
    assert reply.headers["WWW-Authenticate"].startswith("Bearer")
    error = reply.json()["error"]
    assert error["status"] == "UNAUTHENTICATED"
    assert error["errors"][0]["reason"] in ("required", "authError")


@pytest.mark.parametrize("path", [NETWORKS, CLUSTERS])
@pytest.mark.parametrize(
    ("account", "allowed"),
    [
        ("lab", {"podreach-lab"}),
        ("peer", {"podreach-peer"}),
        ("operator", {"podreach-lab", "podreach-peer"}),
    ],
)
def test_each_account_has_its_projects(cloud: Cloud, path: str, account: str, allowed: set[str]) -> None:
    for project in ("podreach-lab", "podreach-peer", "podreach-forbidden", "unheard-of"):
        reply = cloud.raw("GET", path.format(project), headers=bearer(cloud, account))
        assert reply.status == (200 if project in allowed else 403)
        if reply.status == 403:
            error = reply.json()["error"]
            assert error["errors"][0]["reason"] == "forbidden"
            assert project in error["message"]
            assert ("status" in error) is (path == CLUSTERS)


def test_a_token_ends(cloud: Cloud) -> None:
    assert cloud.raw("GET", NETWORKS.format("podreach-lab"), headers=bearer(cloud, "lab", -1)).status == 401


def test_a_signed_assertion_becomes_a_token(cloud: Cloud, accounts: Accounts) -> None:
    for audience in ("https://oauth2.googleapis.com/token", accounts.token_uri):
        answer = accounts.exchange({"grant_type": GRANT, "assertion": assertion(accounts, aud=audience)})
        assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 3599)
        headers = {"Authorization": f"Bearer {answer['access_token']}"}
        assert cloud.raw("GET", NETWORKS.format("podreach-lab"), headers=headers).status == 200
        assert cloud.lab.log[-1]["caller"] == "lab@podreach-lab.iam.gserviceaccount.com"


@pytest.mark.parametrize(
    ("claims", "message"),
    [
        ({"signer": "peer"}, "Invalid JWT Signature."),
        ({"aud": "https://example.com/"}, "audience"),
        ({"exp": 1000, "iat": 900}, "short-lived"),
        ({"exp": 2**33}, "short-lived"),
        ({"iat": 2**33, "exp": 2**33 + 60}, "short-lived"),
        ({"iss": "nobody@example.com"}, "account not found"),
        ({"iat": None}, "iss, iat and exp"),
    ],
)
def test_bad_assertions(accounts: Accounts, claims: Json, message: str) -> None:
    with pytest.raises(TokenRefusal, match=message) as refusal:
        accounts.exchange({"grant_type": GRANT, "assertion": assertion(accounts, **claims)})
    assert refusal.value.body["error"] == "invalid_grant"


@pytest.mark.parametrize(
    "form", [{}, {"grant_type": "password"}, {"grant_type": GRANT}, {"grant_type": GRANT, "assertion": "a.b.c"}]
)
def test_bad_forms(accounts: Accounts, form: dict[str, str]) -> None:
    with pytest.raises(TokenRefusal):
        accounts.exchange(form)


def test_a_self_signed_token_is_accepted(cloud: Cloud, accounts: Accounts) -> None:
    for claims, status in (
        ({"aud": "https://compute.googleapis.com/"}, 200),
        ({"aud": None}, 200),
        ({"aud": "https://storage.googleapis.com/"}, 401),
    ):
        headers = {"Authorization": f"Bearer {assertion(accounts, **claims)}"}
        assert cloud.raw("GET", NETWORKS.format("podreach-lab"), headers=headers).status == status


def test_impersonation(cloud: Cloud, accounts: Accounts) -> None:
    peer = accounts.accounts["peer"].email
    path = f"/v1/projects/-/serviceAccounts/{peer}:generateAccessToken"
    body = {"scope": ["https://www.googleapis.com/auth/cloud-platform"], "lifetime": "300s"}
    answer = cloud.call("POST", path, body)
    assert answer["expireTime"].endswith("Z")
    headers = {"Authorization": f"Bearer {answer['accessToken']}"}
    assert cloud.raw("GET", NETWORKS.format("podreach-peer"), headers=headers).status == 200
    assert cloud.raw("GET", NETWORKS.format("podreach-lab"), headers=headers).status == 403
    assert cloud.raw("POST", path, body, bearer(cloud, "lab")).status == 403
    assert cloud.raw("POST", path, {**body, "lifetime": "1 day"}).status == 400
    assert not cloud.lab.mutations


def test_the_metadata_server(accounts: Accounts) -> None:
    projects = {"podreach-lab": "100000000001"}
    base = "/instance/service-accounts/default"
    found = accounts.metadata(f"{base}/", True, projects)
    assert found is not None
    assert json.loads(found[0])["email"] == accounts.accounts["lab"].email
    assert accounts.metadata("/project/project-id", False, projects) == ("podreach-lab", "application/text")
    token = accounts.metadata(f"{base}/token", False, projects)
    assert token is not None
    assert accounts.caller({"authorization": f"Bearer {json.loads(token[0])['access_token']}"}).projects == (
        "podreach-lab",
    )
    assert accounts.metadata("/instance/disks", False, projects) is None
