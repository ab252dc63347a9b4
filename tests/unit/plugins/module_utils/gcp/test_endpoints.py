# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What counts as this machine, where requests go, and what a running lab supplies."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest

from ansible_collections.podreach.gke.plugins.module_utils.errors import InvalidInput, Refused
from ansible_collections.podreach.gke.plugins.module_utils.gcp import auth, endpoints

HERE = [
    "http://127.0.0.1:8080/compute/v1/",
    "http://127.0.0.2/",
    "https://127.255.255.254",
    "http://[::1]:80/",
    "http://localhost:1/",
    "http://LOCALHOST/",
    "127.0.0.1:80",
]
ELSEWHERE = [
    "https://compute.googleapis.com/compute/v1/",
    "http://127.evil.com/",
    "http://127.0.0.1.evil.com/",
    "http://localhost.evil.com/",
    "http://evil.com/127.0.0.1",
    "http://evil.com/?http://localhost",
    "http://127.0.0.1@evil.com/",
    "http://localhost:80@evil.com/",
    "http://10.0.0.1/",
    "http://128.0.0.1/",
    "http://[2001:db8::1]/",
    "http://169.254.169.254",
    "",
    "http://",
    "http://[::1",
]
#: Ends on this machine with common resolvers, or could: neither the lab nor the cloud takes it.
NEITHER = [
    "http://0.0.0.0:80/",
    "http://0/",
    "http://[::]/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0177.0.0.1/",
    "http://127.1/",
    "http://[::ffff:127.0.0.1]/",
    "http://localhost./",
    "http://lab.localhost/",
]


@pytest.mark.parametrize("url", HERE)
def test_this_machine(url: str) -> None:
    assert endpoints.is_loopback(url)
    endpoints.check("lab", {"x": url})
    with pytest.raises(Refused, match=r"environment is cloud, but x is at .*nothing was sent") as caught:
        endpoints.check("cloud", {"x": url})
    assert caught.value.code == "environment-mismatch"


@pytest.mark.parametrize("url", ELSEWHERE)
def test_another_machine(url: str) -> None:
    assert not endpoints.is_loopback(url)
    endpoints.check("cloud", {"x": url})
    with pytest.raises(Refused, match=r"environment is lab, but x is at .*nothing was sent") as caught:
        endpoints.check("lab", {"x": url})
    assert caught.value.code == "environment-mismatch"


@pytest.mark.parametrize("url", NEITHER)
@pytest.mark.parametrize("environment", ["lab", "cloud"])
def test_odd_writings_of_this_machine_are_taken_by_neither(url: str, environment: str) -> None:
    with pytest.raises(Refused, match="nothing was sent"):
        endpoints.check(environment, {"x": url})


def test_two_readers_of_one_url_may_not_disagree_about_its_host() -> None:
    # urllib takes what stands before the @ for a user's name; urllib3 ends the host at the backslash
    url = "http://evil.com\\@127.0.0.1/"
    assert not endpoints.is_loopback(url)
    with pytest.raises(InvalidInput):
        endpoints.resolve({"compute_endpoint": url})


def test_without_an_environment_nothing_is_checked() -> None:
    endpoints.check(None, {"x": "http://127.0.0.1/", "y": "https://compute.googleapis.com/"})


def test_googles_addresses_are_the_defaults() -> None:
    assert endpoints.resolve({}) == {
        "compute": "https://compute.googleapis.com/compute/v1/",
        "container": "https://container.googleapis.com/v1/",
        "iamcredentials": "https://iamcredentials.googleapis.com/v1/",
        "cloudresourcemanager": "https://cloudresourcemanager.googleapis.com/v1/",
    }
    endpoints.check("cloud", endpoints.resolve({}))


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/compute/v1", "http://127.0.0.1:9/compute/v1//"])
def test_an_override_ends_in_one_slash(url: str) -> None:
    assert endpoints.resolve({"compute_endpoint": url})["compute"] == "http://127.0.0.1:9/compute/v1/"


@pytest.mark.parametrize("option", [option for option, _variable, _url in endpoints.SERVICES.values()])
@pytest.mark.parametrize(
    "url", ["127.0.0.1:80", "ftp://x/", "http://", "nonsense", "http://[::1", "http://x:port/", "http://u:p@x/"]
)
def test_what_is_no_url_is_refused_with_option_variable_and_value(option: str, url: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        endpoints.resolve({option: url})
    message = str(caught.value)
    assert option in message
    assert "GOOGLE_" in message
    assert "write it like https://" in message


# -- .lab/env


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> t.Callable[[str], None]:
    monkeypatch.chdir(tmp_path)

    def write(text: str, directory: str = ".lab") -> None:
        (tmp_path / directory).mkdir(exist_ok=True)
        (tmp_path / directory / "env").write_text(text, encoding="utf-8")

    return write


def test_no_lab_supplies_nothing(lab: t.Callable[[str], None]) -> None:
    assert endpoints.lab_settings(auth.ENVIRONMENT.values()) == {}


def test_the_settings_of_a_lab(lab: t.Callable[[str], None]) -> None:
    lab(
        "# a comment\n"
        "export GCP_PROJECT='podreach-lab'\n"
        "export EMPTY=''\n"
        "export SPACED='a b'\n"
        "export QUOTED='it'\\''s'\n"
        "GCP_ACCESS_TOKEN='not exported'\n"
        "export NOTHING\n"
        "echo 'hello'\n"
        "export BROKEN='no end\n"
        "export LAST=x=y\n"
    )
    wanted = ("GCP_PROJECT", "EMPTY", "SPACED", "QUOTED", "GCP_ACCESS_TOKEN", "NOTHING", "BROKEN", "LAST", "MISSING")
    assert endpoints.lab_settings(wanted) == {
        "GCP_PROJECT": "podreach-lab",
        "EMPTY": "",
        "SPACED": "a b",
        "QUOTED": "it's",
        "LAST": "x=y",
    }


def test_another_state_directory(lab: t.Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lab("export GCP_PROJECT='here'\n")
    lab("export GCP_PROJECT='there'\n", "other")
    monkeypatch.setenv("PODREACH_LAB_DIR", str(tmp_path / "other"))
    assert endpoints.lab_settings(auth.ENVIRONMENT.values())["GCP_PROJECT"] == "there"
    monkeypatch.setenv("PODREACH_LAB_DIR", "")
    assert endpoints.lab_settings(auth.ENVIRONMENT.values())["GCP_PROJECT"] == "here"


LAB = (
    "export GCP_PROJECT='podreach-lab'\n"
    "export GCP_AUTH_KIND='accesstoken'\n"
    "export GCP_ACCESS_TOKEN='lab-token'\n"
    "export GOOGLE_COMPUTE_CUSTOM_ENDPOINT='http://127.0.0.1:5/compute/v1/'\n"
    "export GOOGLE_CONTAINER_CUSTOM_ENDPOINT='http://127.0.0.1:5/v1/'\n"
)


def test_a_lab_supplies_what_was_not_said(lab: t.Callable[[str], None]) -> None:
    lab(LAB)
    settled = auth.settle({"environment": "lab", "project": None, "container_endpoint": "http://127.0.0.1:6/v1/"})
    assert settled["project"] == "podreach-lab"
    assert settled["auth_kind"] == "accesstoken"
    assert settled["access_token"] == "lab-token"
    assert settled["compute_endpoint"] == "http://127.0.0.1:5/compute/v1/"
    assert settled["container_endpoint"] == "http://127.0.0.1:6/v1/"


@pytest.mark.parametrize("environment", ["cloud", None])
def test_a_lab_supplies_nothing_to_the_cloud(lab: t.Callable[[str], None], environment: str | None) -> None:
    lab(LAB)
    assert auth.settle({"environment": environment}) == {"environment": environment, "auth_kind": "application"}


@pytest.mark.parametrize(
    "own",
    [
        {"access_token": "mine"},
        {"service_account_file": "/key.json"},
        {"service_account_contents": "{}"},
        {"auth_kind": "application"},
    ],
)
def test_credentials_of_ones_own_are_not_mixed_with_the_labs(lab: t.Callable[[str], None], own: dict[str, str]) -> None:
    lab(LAB)
    settled = auth.settle({"environment": "lab", **own})
    assert settled["access_token" if "access_token" in own else "project"] in ("mine", "podreach-lab")
    assert settled.get("access_token") != "lab-token"
    assert settled["auth_kind"] == auth.settle(own)["auth_kind"]
