# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The roles' inputs are the modules' options: same names, types, choices and rules, all the way down."""

from __future__ import annotations

import re
import typing as t
from pathlib import Path

import pytest
import yaml

from ansible_collections.podreach.gke.plugins.module_utils.aws import session, vpn
from ansible_collections.podreach.gke.plugins.module_utils.gcp import (
    bgp_peers,
    clusters,
    firewall_rules,
    networks,
    node_pools,
    resource_set,
    routers,
    subnetworks,
)
from ansible_collections.podreach.gke.plugins.module_utils.gcp.auth import AUTH_SPEC

ROLES = Path(__file__).parents[3] / "roles"
Options = dict[str, dict[str, t.Any]]

#: inputs of a role that hold a list of resources, and the options of these
LISTS: dict[str, Options] = {
    "network_subnetworks": {**subnetworks.SPEC.options, **resource_set.ITEM_OPTIONS},
    # sessions run over tunnels, which are no part of a network
    "network_routers": {
        **{name: spec for name, spec in routers.SPEC.options.items() if name not in bgp_peers.OPTIONS},
        **resource_set.ITEM_OPTIONS,
    },
    "network_firewall_rules": {**firewall_rules.SPEC.options, **resource_set.ITEM_OPTIONS},
    "cluster_node_pools": {**node_pools.SPEC.options, **resource_set.ITEM_OPTIONS},
}
#: options of an item that the role gives itself, for every item
GIVEN = {"network", "cluster", "location", "timeout", "project", "advertised_prefix_limit"}
OWN = {"network": networks.SPEC.options, "cluster": clusters.SPEC.options}
ROLES_HERE = (*OWN, "vpn")
#: what only the role knows
ROLE_ONLY = {"network": {"region"}, "cluster": {"profile"}}
COMMON = {
    *AUTH_SPEC.options,
    *("state", "projects", "allow_disruption", "unmarked", "timeout"),
}


#: what the role vpn gives AWS's half itself, or takes as an input of its own
AWS_GIVEN = {"name", "customer_asn", "customer_addresses", "include_pre_shared_keys"}


def inputs(role: str, entry: str = "main") -> Options:
    return yaml.safe_load((ROLES / role / "meta/argument_specs.yml").read_text())["argument_specs"][entry]["options"]


def differences(where: str, ours: Options, theirs: Options) -> list[str]:
    """How a role's options differ from a module's."""
    found = [f"{where}.{name}: only in the role" for name in ours.keys() - theirs.keys()]
    found += [f"{where}.{name}: only in the module" for name in theirs.keys() - ours.keys()]
    for name in sorted(ours.keys() & theirs.keys()):
        for key in ("type", "elements", "choices", "required"):
            less_strict = key == "required" and not ours[name].get(key, False)
            if ours[name].get(key) != theirs[name].get(key) and not less_strict:
                found.append(f"{where}.{name}: {key} is {ours[name].get(key)}, of the module {theirs[name].get(key)}")
        if theirs[name].get("options"):
            found += differences(f"{where}.{name}", ours[name].get("options", {}), theirs[name]["options"])
    return found


@pytest.mark.parametrize("name", LISTS)
def test_items_have_the_options_of_their_module(name: str) -> None:
    ours = inputs(name.split("_")[0])[name]["options"]
    theirs = {option: spec for option, spec in LISTS[name].items() if option not in GIVEN}
    assert differences(name, {k: v for k, v in ours.items() if k not in GIVEN}, theirs) == []


@pytest.mark.parametrize("role", OWN)
def test_inputs_are_the_options_of_the_roles_resource(role: str) -> None:
    ours = {name.removeprefix(f"{role}_"): spec for name, spec in inputs(role).items() if name not in LISTS}
    theirs = {name: spec for name, spec in OWN[role].items() if name not in ("node_pools", "timeout")}
    missing = COMMON - ours.keys()
    assert not missing
    ours = {name: spec for name, spec in ours.items() if name not in COMMON | ROLE_ONLY[role]}
    assert differences(role, ours, theirs) == []


def without(options: Options, *names: str) -> Options:
    """Options without those of these names, at any depth."""
    return {
        name: {**spec, "options": without(spec["options"], *names)} if "options" in spec else spec
        for name, spec in options.items()
        if name not in names
    }


def test_vpn_takes_the_options_of_awss_half() -> None:
    theirs = {name: spec for name, spec in vpn.SPEC.options.items() if name not in AWS_GIVEN}
    assert differences("vpn_aws", inputs("vpn")["vpn_aws"]["options"], without(theirs, "pre_shared_key")) == []


def test_vpn_signs_in_to_both_clouds() -> None:
    ours = {name.removeprefix("vpn_"): spec for name, spec in inputs("vpn").items()}
    assert not COMMON - ours.keys()
    amazon = {name.removeprefix("aws_"): spec for name, spec in ours.items() if name.startswith("aws_")}
    theirs = {name: spec for name, spec in session.AUTH_SPEC.options.items() if name != "environment"}
    assert differences("vpn_aws_", amazon, theirs) == []


def test_vpn_advertises_as_a_router_does() -> None:
    names = ("advertise_mode", "advertised_groups", "advertised_ip_ranges", "asn")
    theirs = {name: routers.SPEC.options["bgp"]["options"][name] for name in names}
    assert differences("vpn", {name: inputs("vpn")[f"vpn_{name}"] for name in names}, theirs) == []


SECRETS = ("pre_shared_keys", "aws_secret_key", "aws_session_token", "access_token", "service_account_contents")


@pytest.mark.parametrize("name", SECRETS)
def test_secrets_of_vpn_are_marked(name: str) -> None:
    assert inputs("vpn")[f"vpn_{name}"]["no_log"]


@pytest.mark.parametrize("role", ROLES_HERE)
def test_defaults_are_those_of_the_spec(role: str) -> None:
    defaults = yaml.safe_load((ROLES / role / "defaults/main.yml").read_text())
    documented = {name: spec["default"] for name, spec in inputs(role).items() if "default" in spec}
    assert defaults == documented


@pytest.mark.parametrize("role", ROLES_HERE)
def test_every_input_is_used_and_every_used_one_is_an_input(role: str) -> None:
    files = [*(ROLES / role / "tasks").glob("*.yml"), *(ROLES / role / "vars").glob("*.yml")]
    templates = re.findall(r"{{.*?}}", "".join(file.read_text() for file in files), re.DOTALL)
    used = {name for template in templates for name in re.findall(rf"\b{role}_[a-z0-9_]+", template)}
    topology_only = {f"{role}_profile"}
    assert used == inputs(role).keys() - topology_only


def test_begin_takes_what_main_takes() -> None:
    assert inputs("cluster", "begin") == inputs("cluster")
