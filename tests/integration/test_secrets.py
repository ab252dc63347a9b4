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

import dataclasses
import pathlib
import re

import pytest
import yaml

from ansible_collections.podreach.gke.tests.integration.leaks import leaks, secrets, shared_keys, written
from ansible_collections.podreach.gke.tests.integration.playbooks import OTHER_SPELLING, Run
from ansible_collections.podreach.gke.tests.integration.sites import PODS_TO_AWS, Json, Sites, changed, failures
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
ARGUMENTS = re.compile(r"/\.ansible/tmp/ansible-tmp-[^/]+/AnsiballZ_[a-z_]+\.py$")
KEYS = tuple(f"Key.of_the_user.number_{number}" for number in range(4))
VPN = "aws-vpn"


@dataclasses.dataclass(frozen=True)
class Case:
    """Who makes the keys, how they are given, and which way the modules run."""

    aws: Json = dataclasses.field(default_factory=dict)
    #: keys of the topology's VPN, and extra variables
    vaulted: bool = False
    extra: bool = False
    process: bool = False
    #: the network and its VPN alone
    short: bool = True


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
    count: int = 0

    def __post_init__(self) -> None:
        self.given.mkdir()
        topology = yaml.safe_load(PODS_TO_AWS.read_text(encoding="utf-8"))
        vpn = topology["vpns"][VPN]
        vpn["aws"] |= self.case.aws
        if self.case.vaulted:
            vpn["pre_shared_keys"] = [Vaulted(key) for key in KEYS]
        if self.case.short:
            topology = {key: item for key, item in topology.items() if key not in ("clusters", "services", "flows")}
        self.topology = self.file("topology.podreach.yml", topology)
        (self.given / "password").write_text(PASSWORD, encoding="utf-8")
        self.arguments = ["-vvvv", "--diff", "--vault-password-file", str(self.given / "password")]
        if self.case.process:
            self.arguments += ["-e", f"ansible_python_interpreter={OTHER_SPELLING}"]
        if self.case.extra:
            self.arguments += ["-e", f"@{self.file('keys.yml', {'vpn_pre_shared_keys': list(KEYS)})}"]

    def file(self, name: str, content: Json) -> pathlib.Path:
        path = self.given / name
        path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
        return path

    def site(self, *arguments: str) -> Run:
        return self.kept(self.sites.site(self.topology, *self.arguments, *arguments, env=WATCHED))

    def teardown(self) -> Run:
        return self.kept(self.sites.teardown(self.topology, *self.arguments, env=WATCHED))

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
        for place in passed:
            assert (self.sites.directory / place).parent.stat().st_mode & 0o077 == 0
        arguments = {*KEYS, *shared_keys(self.sites.lab)}
        never = {secret: what for secret, what in hidden.items() if secret not in arguments}
        others = {place: text for place, text in texts.items() if place not in passed}
        return leaks(others, hidden) + leaks(passed, never)


@pytest.fixture
def account(lab: Lab) -> Lab:
    lab.preset("aws-account")
    return lab


@pytest.mark.parametrize("name", CASES)
def test_no_secret_in_anything(name: str, account: Lab, tmp_path: pathlib.Path) -> None:
    """From a plan over failures of all kinds to the end."""
    case = CASES[name]
    runs = Watched(Sites(account, tmp_path / "runs"), case, tmp_path / "given")
    runs.site("--check")

    account.fault(method="CreateVpnConnection", status=403, reason="UnauthorizedOperation", message="You may not.")
    assert "You may not." in failures(runs.site())[VPN]

    # AWS's half comes to be, and Google quotes what it was sent, as it does with names
    account.fault(method="POST", path="/vpnTunnels$", status=503, count=20)
    assert runs.site().rc
    keys = shared_keys(account)
    assert len(keys) == 4 and all(keys)
    account.admin("DELETE", "faults")
    quoted = "".join(f"Invalid value for field 'resource.sharedSecret': '{key}'. " for key in keys)
    account.fault(method="POST", path="/vpnTunnels$", status=400, reason="invalid", message=quoted)
    assert "resource.sharedSecret" in failures(runs.site())[VPN]

    assert changed(runs.site())
    assert changed(runs.site()) == []
    account.stop_session(f"{VPN}-router", f"{VPN}-1-bgp-1")
    assert runs.site("-e", "vpn_wait_established=2").rc
    account.stop_session(f"{VPN}-router", f"{VPN}-1-bgp-1", end=True)

    account.fault(path="/networks/", status=401, message="Invalid credentials.")
    runs.teardown()
    assert changed(runs.teardown())
    assert runs.leaks() == []
