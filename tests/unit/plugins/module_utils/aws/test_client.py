# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose keys are used, and what a client sends again."""

from __future__ import annotations

import pathlib
import types
import typing as t

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, NoCredentialsError

from ansible_collections.podreach.gke.plugins.module_utils.aws import session
from ansible_collections.podreach.gke.plugins.module_utils.aws.client import Client
from ansible_collections.podreach.gke.plugins.module_utils.errors import (
    ApiError,
    Conflict,
    InvalidInput,
    PodreachError,
    Refused,
    Timeout,
)

ENV = {"AWS_ACCESS_KEY_ID": "env-id", "AWS_SECRET_ACCESS_KEY": "env-secret", "AWS_SESSION_TOKEN": "env-token"}


@pytest.mark.parametrize(
    ("params", "environ", "wanted"),
    [
        ({}, ENV, {"access_key": "env-id", "session_token": "env-token", "profile": None}),
        ({}, {**ENV, "AWS_SESSION_TOKEN": ""}, {"session_token": None}),
        ({"access_key": "id", "secret_key": "s"}, ENV, {"access_key": "id", "secret_key": "s", "session_token": None}),
        ({"profile": "p"}, ENV, {"profile": "p", "access_key": None, "secret_key": None}),
        ({"access_key": "id"}, {"AWS_PROFILE": "p"}, {"profile": None}),
        ({}, {"AWS_REGION": "", "AWS_DEFAULT_REGION": "b"}, {"region": "b"}),
        ({}, {"AWS_REGION": "a", "AWS_DEFAULT_REGION": "b"}, {"region": "a"}),
        ({"region": "c"}, {"AWS_REGION": "a"}, {"region": "c"}),
    ],
)
def test_settle(params: dict[str, str], environ: dict[str, str], wanted: dict[str, str | None]) -> None:
    settled = session.settle(params, environ)
    assert {name: settled[name] for name in wanted} == wanted


def test_the_lab_needs_keys_of_its_own(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PODREACH_LAB_DIR", str(tmp_path))
    with pytest.raises(Refused, match="there are no keys of the lab"):
        session.settle({"environment": "lab"}, {"AWS_PROFILE": "p"})
    (tmp_path / "env").write_text(
        "export AWS_ACCESS_KEY_ID='lab-id'\nexport AWS_SECRET_ACCESS_KEY='lab-secret'\n"
        "export AWS_ENDPOINT_URL='http://127.0.0.1:1'\nexport AWS_DEFAULT_REGION='ap-northeast-1'\n",
        encoding="utf-8",
    )
    settled = session.settle({"environment": "lab"}, {"AWS_PROFILE": "p"})
    assert settled["access_key"] == "lab-id"
    assert settled["endpoint_url"] == "http://127.0.0.1:1"
    assert settled["profile"] is None


class Later:
    """A clock that passes while somebody sleeps."""

    time = 0.0

    @classmethod
    def now(cls) -> float:
        return cls.time

    @classmethod
    def sleep(cls, seconds: float) -> None:
        cls.time += max(seconds, 0.01)


def refusal(code: str, status: int = 400) -> ClientError:
    answer = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(t.cast(t.Any, answer), "X")


class Api:
    """boto3's client of EC2, with answers in order; the last one stays."""

    def __init__(self, *answers: t.Any) -> None:
        mapping = {"create_vpn_gateway": "CreateVpnGateway", "describe_vpcs": "DescribeVpcs"}
        self.meta = types.SimpleNamespace(method_to_api_mapping=mapping, endpoint_url="https://ec2.example.com")
        self.answers = list(answers)
        self.calls = 0

    def _answer(self, **arguments: t.Any) -> t.Any:
        self.calls += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    create_vpn_gateway = describe_vpcs = _answer


def client(api: Api, timeout: float = 1000) -> Client:
    Later.time = 0.0
    holder = types.SimpleNamespace(client=lambda service: api, region="r")
    return Client(t.cast(session.Session, holder), timeout=timeout, clock=t.cast(t.Any, Later))


CLOSED = ConnectionClosedError(endpoint_url="https://ec2.example.com")


@pytest.mark.parametrize(
    ("operation", "answers", "calls", "raised"),
    [
        ("create_vpn_gateway", [refusal("RequestLimitExceeded", 503), {}], 2, None),
        ("create_vpn_gateway", [refusal("InternalError", 500)], 1, Conflict),
        ("create_vpn_gateway", [CLOSED], 1, Conflict),
        ("create_vpn_gateway", [refusal("VpnGatewayLimitExceeded")], 1, ApiError),
        ("describe_vpcs", [refusal("InternalError", 500), CLOSED, refusal("Throttling"), {}], 4, None),
        ("describe_vpcs", [refusal("UnauthorizedOperation", 403)], 1, ApiError),
        ("describe_vpcs", [NoCredentialsError()], 1, InvalidInput),
    ],
)
def test_what_is_sent_again(
    operation: str, answers: list[t.Any], calls: int, raised: type[PodreachError] | None
) -> None:
    api = Api(*answers)
    if raised is None:
        client(api).call(operation)
    else:
        with pytest.raises(raised) as caught:
            client(api).call(operation, resource="aws_vpn google")
        assert "ec2:" in str(caught.value)
    assert api.calls == calls


def test_throttling_ends() -> None:
    api = Api(refusal("RequestLimitExceeded", 503))
    with pytest.raises(ApiError, match=r"ec2:DescribeVpcs: RequestLimitExceeded"):
        client(api).call("describe_vpcs")
    assert 5 < api.calls < 100


def test_what_was_just_made_may_be_unknown_for_a_while() -> None:
    missing = refusal("InvalidVpnGatewayID.NotFound")
    with pytest.raises(ApiError):
        client(Api(missing, {})).call("create_vpn_gateway", VpnGatewayId="vgw-1")
    api = Api(missing, missing, {})
    one = client(api)
    one.made.add("vgw-1")
    one.call("create_vpn_gateway", Nested=[{"VpnGatewayId": "vgw-1"}])
    assert api.calls == 3


def test_a_wait_has_a_deadline_and_names_what_it_waits_for() -> None:
    with pytest.raises(Timeout, match=r"aws_vpn google: vpn-1 pending after .* \(timeout 60 s\)"):
        client(Api({}), timeout=60).until(lambda: ["vpn-1 pending"], "aws_vpn google")


def test_forbidden_calls_name_the_permission() -> None:
    with pytest.raises(ApiError, match="need the permission ec2:CreateVpnGateway"):
        client(Api(refusal("UnauthorizedOperation", 403))).call("create_vpn_gateway")
