# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cutting a topology in slices, as AWX cuts it.

ansible-runner does not slice; AWX does, in ``Inventory.get_script_data``: the hosts in the order of their names, of
which slice i of n takes ``hosts[i::n]``; groups keep their variables, and of their hosts those of the slice.
https://github.com/ansible/awx/blob/devel/awx/main/models/inventory.py
"""

from __future__ import annotations

import json
import pathlib

import yaml

from ansible_collections.podreach.gke.tests.integration.sites import Json, Sites

SLICES = 3
SECONDS = 30


def inventory(topology: pathlib.Path, sites: Sites) -> Json:
    """What ``ansible-inventory --list`` says of a topology; AWX imports it by the same command."""
    started = sites.start("--list", "-i", str(topology), "--export", program="ansible-inventory")
    output, _nothing = started.process.communicate(timeout=SECONDS)
    assert started.process.returncode == 0, output
    listed: Json = json.loads(output[output.index("{") :])
    return listed


def slices(listed: Json, count: int) -> list[Json]:
    """Each slice as a static inventory, with all variables in place and no others' hosts."""
    variables = listed["_meta"]["hostvars"]
    hosts = sorted(variables)
    cut = []
    for number in range(count):
        mine = hosts[number::count]
        children = {
            name: {"hosts": {host: {} for host in group["hosts"] if host in mine}, "vars": group.get("vars", {})}
            for name, group in listed.items()
            if name not in ("_meta", "all") and "hosts" in group
        }
        common = listed["all"].get("vars", {})
        cut.append({"all": {"hosts": {host: variables[host] for host in mine}, "children": children, "vars": common}})
    return cut


def write(slice_: Json, number: int, directory: pathlib.Path) -> pathlib.Path:
    """The slice as a file; strings that are templates stay templates in it."""
    file = directory / f"slice-{number}.yml"
    file.write_text(yaml.safe_dump(slice_, sort_keys=False), encoding="utf-8")
    return file


def cut(topology: pathlib.Path, sites: Sites, count: int = SLICES) -> list[pathlib.Path]:
    return [write(one, number, sites.directory) for number, one in enumerate(slices(inventory(topology, sites), count))]
