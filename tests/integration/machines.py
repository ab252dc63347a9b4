# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks, machines and rules for tests of packets, each in one line."""

from __future__ import annotations

import pathlib
import typing as t

from ansible_collections.podreach.gke.tests.integration.api import Api

PROJECT = "podreach-lab"
REGION, ZONE = "asia-northeast1", "asia-northeast1-a"
IMAGE = "projects/debian-cloud/global/images/family/debian-12"

Json = dict[str, t.Any]

#: Variables of an inventory host that is a VM of the lab, named as there: Ansible's connection ssh, to `lab exec`.
OVER_SSH: Json = {
    "ansible_connection": "ssh",
    "ansible_ssh_executable": str(pathlib.Path(__file__).parents[1] / "lab" / "ssh"),
    "ansible_ssh_transfer_method": "piped",
    "ansible_pipelining": True,
    "ansible_remote_tmp": "/tmp/ansible",
    "ansible_python_interpreter": "/usr/bin/python3",
}


def compute(project: str = PROJECT) -> str:
    return f"/compute/v1/projects/{project}"


def network(api: Api, name: str, primary: str, project: str = PROJECT, **secondary: str) -> None:
    """A network with one subnetwork of the same name; `secondary` are ranges by name."""
    api.post(f"{compute(project)}/global/networks", {"name": name, "autoCreateSubnetworks": False})
    body: Json = {"name": name, "network": f"projects/{project}/global/networks/{name}", "ipCidrRange": primary}
    body["secondaryIpRanges"] = [{"rangeName": key, "ipCidrRange": value} for key, value in secondary.items()]
    api.post(f"{compute(project)}/regions/{REGION}/subnetworks", body)


def rule(api: Api, network_name: str, name: str, project: str = PROJECT, **fields: t.Any) -> None:
    body = {"name": name, "network": f"projects/{project}/global/networks/{network_name}"}
    api.post(f"{compute(project)}/global/firewalls", body | fields)


def vm(api: Api, network_name: str, name: str, address: str, project: str = PROJECT, **fields: t.Any) -> None:
    card = {
        "network": f"projects/{project}/global/networks/{network_name}",
        "subnetwork": f"projects/{project}/regions/{REGION}/subnetworks/{network_name}",
        "networkIP": address,
    }
    body = {
        "name": name,
        "machineType": f"zones/{ZONE}/machineTypes/e2-micro",
        "networkInterfaces": [card],
        "disks": [{"boot": True, "initializeParams": {"sourceImage": IMAGE}}],
    }
    api.post(f"{compute(project)}/zones/{ZONE}/instances", body | fields)
