# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""vpn_confirm_replace as an extra variable reaches every VPN of a topology: each takes only what means it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

ROLE = Path(__file__).parents[3] / "roles" / "vpn"
INVENTORY = "[podreach_vpns]\naws vpn_external_gateway=aws-peer\naws-vpn vpn_external_gateway=far\n"
# the role's variables as Ansible ranks them, without its tasks
PLAY = [
    {
        "hosts": "podreach_vpns",
        "gather_facts": False,
        "vars_files": [str(ROLE / "vars" / "main.yml")],
        "vars": {"vpn_name": "{{ inventory_hostname }}"},
        "tasks": [{"ansible.builtin.debug": {"msg": "{{ __vpn_meant_elsewhere | ternary('no', 'yes') }}"}}],
    }
]


@pytest.mark.parametrize(
    ("word", "taken_by"),
    [
        ("aws", ["aws"]),
        ("aws-vpn", ["aws-vpn"]),
        ("aws-vpn-1-tunnel-2", ["aws-vpn"]),
        ("aws-peer-2", ["aws"]),
        ("far", ["aws-vpn"]),
        ("aws-vpn-1-tunnel-9", ["aws", "aws-vpn"]),
    ],
)
def test_each_takes_what_means_it(word: str, taken_by: list[str], tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text(INVENTORY, encoding="utf-8")
    (tmp_path / "play.yml").write_text(json.dumps(PLAY), encoding="utf-8")
    command = ["ansible-playbook", "-i", "hosts", "play.yml", "-e", f"vpn_confirm_replace={word}"]
    settings = {
        "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.oneline",
        "ANSIBLE_NOCOLOR": "1",
    }
    done = subprocess.run(
        command, cwd=tmp_path, env=os.environ | settings, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    taken = [line.split()[0] for line in lines if '"yes"' in line]
    assert sorted(taken) == taken_by, done.stdout
