# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No secret is in anything that a run leaves: its output and log at -vvvv, results, diffs, facts, variables, files.

Everything that a run has written is read, for every key, token and password that the lab or the test knows, in every
form of leaks.py. One thing is known to hold secrets, since Ansible makes it so: with ANSIBLE_KEEP_REMOTE_FILES, the
file AnsiballZ_NAME.py in which a module's process gets its arguments, the keys that were given among them. It is its
owner's alone, and nothing else than arguments is tolerated in it.
"""

from __future__ import annotations

import base64
import dataclasses
import pathlib
import re
import typing as t

import pytest
import yaml

from ansible_collections.podreach.gke.tests.integration.estates import ec2
from ansible_collections.podreach.gke.tests.integration.leaks import (
    leaks,
    private_key,
    secrets,
    shared_keys,
    written,
)
from ansible_collections.podreach.gke.tests.integration.playbooks import OTHER_SPELLING, Playbooks, Run, play, task
from ansible_collections.podreach.gke.tests.integration.sites import PODS_TO_AWS, Json, Sites, changed
from ansible_collections.podreach.gke.tests.integration.vaulted import PASSWORD, Vaulted
from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import Lab

#: Everything that may write, writes: a log, cached facts, a record of results, all variables, the modules' files.
WATCHED: dict[str, str | None] = {
    "ANSIBLE_LOG_PATH": "ansible.log",
    "ANSIBLE_CACHE_PLUGIN": "jsonfile",
    "ANSIBLE_CACHE_PLUGIN_CONNECTION": "facts",
    "ANSIBLE_KEEP_REMOTE_FILES": "1",
    "ANSIBLE_CALLBACKS_ENABLED": "record,variables",
    "PODREACH_VARIABLES": "variables.json",
}
#: What modules are given in a process of their own.
ARGUMENTS = re.compile(r"/remote/ansible-tmp-[^/]+/AnsiballZ_[a-z_]+\.py$")
KEYS = tuple(f"Key.of_the_user.number_{number}" for number in range(4))
VPN = "aws-vpn"
#: What of the topology a short case does without.
ELSEWHERE = ("clusters", "aws", "services", "flows")


@dataclasses.dataclass(frozen=True)
class Case:
    """Who makes the keys, how they are given, and which way the modules run."""

    aws: Json = dataclasses.field(default_factory=dict)
    #: keys of the topology's VPN, and extra variables
    vaulted: bool = False
    extra: bool = False
    process: bool = False
    #: the network and its VPN alone, and whether it works is not looked at
    short: bool = True

    @property
    def gives_keys(self) -> bool:
        return self.vaulted or self.extra


CASES = {
    "made by AWS": Case(short=False),
    "made here": Case(aws={"make_keys": True}, process=True),
    "in the topology": Case(vaulted=True),
    "in a file of variables": Case(extra=True, process=True),
}


@dataclasses.dataclass
class Watched:
    """Runs of one case; what they leave is below ``sites.directory``, what they were given is not."""

    sites: Sites
    case: Case
    given: pathlib.Path

    def __post_init__(self) -> None:
        self.given.mkdir()
        topology = yaml.safe_load(PODS_TO_AWS.read_text(encoding="utf-8"))
        vpn = topology["vpns"][VPN]
        vpn["aws"] |= self.case.aws
        if self.case.vaulted:
            vpn["pre_shared_keys"] = [Vaulted(key) for key in KEYS]
        if self.case.short:
            topology = {key: item for key, item in topology.items() if key not in ELSEWHERE}
        self.topology = self.file("topology.podreach.yml", topology)
        (self.given / "password").write_text(PASSWORD, encoding="utf-8")
        self.arguments = ["-vvvv", "--diff", "--vault-password-file", str(self.given / "password")]
        if self.case.short:
            self.arguments += ["--skip-tags", "verify"]
        if self.case.process:
            self.arguments += ["-e", f"ansible_python_interpreter={OTHER_SPELLING}"]
        if self.case.extra:
            self.arguments += ["-e", f"@{self.file('variables.yml', self.variables())}"]

    def variables(self) -> Json:
        """Every secret as an input of the roles, in clear or vaulted."""
        env = self.sites.lab.env
        contents = Vaulted(self.sites.lab.key_file().read_text(encoding="utf-8"))
        return {
            "vpn_pre_shared_keys": list(KEYS),
            **{f"{role}_service_account_contents": contents for role in ("network", "vpn")},
            "vpn_aws_access_key": env["AWS_ACCESS_KEY_ID"],
            "vpn_aws_secret_key": env["AWS_SECRET_ACCESS_KEY"],
        }

    def environment(self) -> dict[str, str | None]:
        """What is given by variables is not in the environment."""
        inputs = ("GCP_SERVICE_ACCOUNT_FILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
        return WATCHED | (dict.fromkeys(inputs) if self.case.extra else {})

    def file(self, name: str, content: Json) -> pathlib.Path:
        path = self.given / name
        path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
        return path

    def site(self, *arguments: str) -> Run:
        return self.kept(self.sites.site(self.topology, *self.arguments, *arguments, env=self.environment()))

    def teardown(self) -> Run:
        return self.kept(self.sites.teardown(self.topology, *self.arguments, env=self.environment()))

    def kept(self, run: Run) -> Run:
        directory = self.sites.directory / f"site-{self.sites.number}"
        (directory / "stdout").write_text(run.output, encoding="utf-8")
        for name in ("ansible.log", "record", "variables.json"):
            assert (directory / name).exists(), name
        return run

    def leaks(self) -> list[str]:
        texts = written(self.sites.directory)
        hidden = secrets(self.sites.lab, (*KEYS, PASSWORD))
        passed = {place: text for place, text in texts.items() if ARGUMENTS.search(place)}
        assert bool(passed) is self.case.process
        for place in passed:
            assert (self.sites.directory / place).parent.stat().st_mode & 0o077 == 0
        arguments = {*KEYS, *shared_keys(self.sites.lab)}
        if self.case.extra:
            arguments |= {*private_key(self.sites.lab), self.sites.lab.env["AWS_SECRET_ACCESS_KEY"]}
        never = {secret: what for secret, what in hidden.items() if secret not in arguments}
        others = {place: text for place, text in texts.items() if place not in passed}
        return leaks(others, hidden) + leaks(passed, never)


@pytest.fixture
def account(lab: Lab) -> Lab:
    lab.preset("aws-account")
    return lab


@pytest.mark.parametrize("name", CASES)
def test_no_secret_in_anything(name: str, account: Lab, tmp_path: pathlib.Path) -> None:
    """From a plan over failures to the end."""
    case = CASES[name]
    runs = Watched(Sites(account, tmp_path / "runs"), case, tmp_path / "given")
    if not case.short:
        runs.site("--check")
    keys: t.Sequence[str] = KEYS
    if not case.gives_keys:
        # refused by AWS when its half is nearly made
        refused = {"status": 403, "reason": "UnauthorizedOperation", "message": "You may not."}
        account.fault(method="EnableVgwRoutePropagation", **refused)
        assert "You may not." in runs.site().output
        keys = shared_keys(account)
        assert len(keys) == 4 and all(keys)
    # refused by Google, which quotes what it was sent, as it does with names
    quoted = "".join(f"Invalid value for field 'resource.sharedSecret': '{key}'. " for key in keys)
    account.fault(method="POST", path="/vpnTunnels$", status=400, reason="invalid", message=quoted)
    assert "resource.sharedSecret" in runs.site().output

    assert changed(runs.site())
    assert set(keys) == set(shared_keys(account))
    if not case.short:
        # again, when no session comes up
        sessions = [f"{VPN}-{connection}-bgp-{number}" for connection in (1, 2) for number in (1, 2)]
        for session in sessions:
            account.stop_session(f"{VPN}-router", session)
        assert runs.site("-e", "vpn_wait_established=1").rc
        for session in sessions:
            account.stop_session(f"{VPN}-router", session, end=True)
    if case.process or not case.short:
        # with tokens that are refused, once
        account.fault(path="/networks/", status=401, message="Invalid credentials.")
        assert changed(runs.teardown())
    assert runs.leaks() == []


CONTROLS = {
    "as it is": "{{ key }}",
    "in base64": "{{ ('user:' ~ key) | b64encode }}",
    "encoded for a URL": "{{ key | urlencode }}",
}


@pytest.mark.parametrize("form", CONTROLS)
def test_a_secret_that_is_shown_is_found(form: str, lab: Lab, playbooks: Playbooks, tmp_path: pathlib.Path) -> None:
    """Were there one, it would not be overlooked."""
    secret = "one/two+three four"
    shown = task("show", "ansible.builtin.debug", {"msg": CONTROLS[form]})
    set_fact = task("keep", "ansible.builtin.set_fact", {"kept": CONTROLS[form]}, no_log=True)
    run = playbooks.run(play([set_fact, shown], vars={"key": secret}), env=WATCHED)
    (tmp_path / "run-1" / "stdout").write_text(run.output, encoding="utf-8")
    found = leaks(written(tmp_path), {secret: "the key"})
    for name in ("stdout", "record", "ansible.log", "variables.json"):
        assert f"the key is in run-1/{name}, {form}" in found


def test_what_the_lab_gives_out_is_known(account: Lab) -> None:
    """Tokens, the private key and keys of tunnels are among what is looked for."""
    api = ec2(account)
    gateway = api.create_vpn_gateway(Type="ipsec.1")["VpnGateway"]["VpnGatewayId"]
    customer = api.create_customer_gateway(Type="ipsec.1", BgpAsn=65010, PublicIp="192.0.2.9")["CustomerGateway"]
    ends = {"CustomerGatewayId": customer["CustomerGatewayId"], "VpnGatewayId": gateway}
    made = api.create_vpn_connection(Type="ipsec.1", **ends)["VpnConnection"]
    hidden = secrets(account)
    assert made["Options"]["TunnelOptions"][0]["PreSharedKey"] in hidden
    texts = {
        "token": account.token("lab").encode(),
        "header": base64.b64encode(f"Bearer {account.token()}".encode()),
        "file": account.key_file().read_bytes(),
        "configuration": made["CustomerGatewayConfiguration"].encode(),
        "environment": (account.directory / "env").read_bytes(),
    }
    assert {line.partition(" is in ")[2].partition(",")[0] for line in leaks(texts, hidden)} == set(texts)
