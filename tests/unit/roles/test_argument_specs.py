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

from ansible_collections.podreach.gke.plugins.module_utils.aws import pod_access, vpn, vpn_info
from ansible_collections.podreach.gke.plugins.module_utils.aws import task as aws
from ansible_collections.podreach.gke.plugins.module_utils.aws.session import AUTH_SPEC as AWS_AUTH_SPEC
from ansible_collections.podreach.gke.plugins.module_utils.gcp import (
    addresses,
    bgp_peers,
    clusters,
    firewall_rules,
    networks,
    node_pools,
    peerings,
    resource_set,
    routers,
    shared_vpc,
    subnetworks,
)
from ansible_collections.podreach.gke.plugins.module_utils.gcp.auth import AUTH_SPEC, RESOURCE_MANAGER_SPEC
from ansible_collections.podreach.gke.plugins.module_utils.gcp.task import BASE_SPEC
from ansible_collections.podreach.gke.plugins.module_utils.ha_vpn import task as ha_vpn
from ansible_collections.podreach.gke.plugins.module_utils.kubernetes import access, masquerade, probes, services

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
#: what only the role knows
ROLE_ONLY = {"network": {"region"}, "cluster": {"profile"}}
COMMON = {
    *AUTH_SPEC.options,
    *("state", "projects", "allow_disruption", "unmarked", "timeout"),
}
#: roles whose tasks call one module: its options that are inputs, and the inputs that are the role's own
CALLS: dict[str, tuple[Options, set[str]]] = {
    "aws_access": (
        {**AWS_AUTH_SPEC.options, **aws.STATE_SPEC.without("wait", "timeout").options},
        {"name", "rules", "vpc", "timeout"},
    ),
    "vpn": (ha_vpn.SPEC.without("wait").options, set()),
    "peering": (BASE_SPEC.merge(peerings.SPEC).without("wait").options, set()),
    "shared_vpc": (BASE_SPEC.merge(RESOURCE_MANAGER_SPEC).merge(shared_vpc.SPEC).without("wait").options, set()),
    "internal_lb": (services.SPEC.options, {"address", "projects"}),
    "masquerade": (masquerade.SPEC.options, set()),
    "verify": (
        {
            **AUTH_SPEC.options,
            **{f"aws_{name}": spec for name, spec in AWS_AUTH_SPEC.options.items() if name != "environment"},
        },
        {
            *("vpn", "region", "network", "router", "vpn_gateway", "ranges", "advertised_prefix_limit"),
            *(
                "wait_established",
                "timeout",
                "aws_vpn",
                "flows",
                "fail",
                "pod_ranges",
                "redundancy",
                "masquerade_timeout",
            ),
        },
    ),
}
#: the same for items of lists: input, options, keys of the role's own
ITEMS: dict[str, tuple[Options, set[str]]] = {
    "aws_access_rules": (
        {name: spec for name, spec in pod_access.SPEC.options.items() if name not in pod_access.GROUP_OPTIONS},
        {"group", "vpc"},
    ),
    "internal_lb_address": (
        {name: spec for name, spec in addresses.SPEC.options.items() if name != "address_type"},
        set(),
    ),
    "verify_aws_vpn": (vpn_info.SPEC.without("include_pre_shared_keys").options, set()),
    # only clusters that Google names
    "verify_flows": (
        {
            **{name: access.ACCESS_SPEC.options[name] for name in ("cluster", "location")},
            **probes.SPEC.without(*access.ACCESS_SPEC.options).options,
        },
        {"name"},
    ),
}
EVERY = [*OWN, *CALLS]
#: what is judged before any role runs, and what roles set
NO_INPUTS = {"cluster_profile", "verify_report"}


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
    assert differences("aws", ha_vpn.SPEC.options["aws"]["options"], without(theirs, "pre_shared_key")) == []


SECRETS = ("pre_shared_keys", "aws_secret_key", "aws_session_token", "access_token", "service_account_contents")


@pytest.mark.parametrize("name", SECRETS)
def test_secrets_of_vpn_are_marked(name: str) -> None:
    assert inputs("vpn")[f"vpn_{name}"]["no_log"]


@pytest.mark.parametrize("role", CALLS)
def test_inputs_are_the_options_of_the_roles_module(role: str) -> None:
    theirs, own = CALLS[role]
    ours = {name.removeprefix(f"{role}_"): spec for name, spec in inputs(role).items()}
    assert own <= ours.keys()
    assert differences(role, {name: spec for name, spec in ours.items() if name not in own}, theirs) == []


@pytest.mark.parametrize("name", ITEMS)
def test_items_are_the_options_of_the_roles_module(name: str) -> None:
    theirs, own = ITEMS[name]
    ours = inputs(next(role for role in CALLS if name.startswith(f"{role}_")))[name]["options"]
    assert own <= ours.keys()
    assert differences(name, {key: spec for key, spec in ours.items() if key not in own}, theirs) == []


@pytest.mark.parametrize("role", CALLS)
def test_secrets_are_not_logged(role: str) -> None:
    secret = re.compile(r"(_secret_key|_session_token|_access_token|_api_key|_service_account_contents)$")
    assert all(spec.get("no_log") for name, spec in inputs(role).items() if secret.search(name))


@pytest.mark.parametrize("role", EVERY)
def test_defaults_are_those_of_the_spec(role: str) -> None:
    defaults = yaml.safe_load((ROLES / role / "defaults/main.yml").read_text())
    documented = {name: spec["default"] for name, spec in inputs(role).items() if "default" in spec}
    assert defaults == documented


@pytest.mark.parametrize("role", EVERY)
def test_every_input_is_used_and_every_used_one_is_an_input(role: str) -> None:
    files = [*(ROLES / role / "tasks").glob("*.yml"), *(ROLES / role / "vars").glob("*.yml")]
    lines = [line for file in files for line in file.read_text().splitlines() if not line.lstrip().startswith("#")]
    used = set(re.findall(rf"(?<![.'\w]){role}_[a-z0-9_]+\b(?!:)", "\n".join(lines)))
    assert used - NO_INPUTS == inputs(role).keys() - NO_INPUTS


@pytest.mark.parametrize("role", ["cluster", "vpn"])
def test_begin_takes_what_main_takes(role: str) -> None:
    assert inputs(role, "begin") == inputs(role)
