# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several resources as one: everything is read, planned and judged before the first of them is changed."""

from __future__ import annotations

import typing as t

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ..arguments import ArgumentSpec, Call, Definition
from ..engine import converge
from ..errors import InvalidInput, PodreachError, raise_all
from . import (
    addresses,
    clusters,
    external_vpn_gateways,
    firewall_rules,
    networks,
    node_pools,
    routers,
    subnetworks,
    vpn_gateways,
    vpn_tunnels,
)
from .client import Client
from .resource import GcpResource
from .task import BASE_SPEC, afterwards, consent, diff, public, rehearse, state, warn

#: option -> the resource and the spec of its items, in the order in which they are created
KINDS: dict[str, tuple[type[GcpResource], ArgumentSpec]] = {
    "networks": (networks.Network, networks.SPEC),
    "subnetworks": (subnetworks.Subnetwork, subnetworks.SPEC),
    "routers": (routers.Router, routers.SPEC),
    "vpn_gateways": (vpn_gateways.VpnGateway, vpn_gateways.SPEC),
    "external_vpn_gateways": (external_vpn_gateways.ExternalVpnGateway, external_vpn_gateways.SPEC),
    "vpn_tunnels": (vpn_tunnels.VpnTunnel, vpn_tunnels.SPEC),
    "addresses": (addresses.Address, addresses.SPEC),
    "firewall_rules": (firewall_rules.FirewallRule, firewall_rules.SPEC),
    "clusters": (clusters.Cluster, clusters.SPEC),
    "node_pools": (node_pools.NodePool, node_pools.SPEC),
}

#: A router's options that need its tunnels, which need the router: brought about after the tunnels.
SESSIONS = ("interfaces", "bgp_peers")

SPEC = BASE_SPEC.merge(
    ArgumentSpec(
        options={
            **{option: {"type": "list", "elements": "dict", "default": []} for option in KINDS},
            "defaults": {"type": "dict", "default": {}},
            "unmarked": {"type": "str", "choices": ["refuse", "keep"], "default": "refuse"},
            "confirm_replace": {"type": "str"},
            "timeout": {"type": "int", "default": 1800},
        }
    )
)

#: What an item may say for itself although the set says it for all.
ITEM_OPTIONS: dict[str, t.Any] = {
    "project": {"type": "str"},
    "state": {"type": "str", "choices": ["present", "absent"]},
}


def execute(call: Call) -> dict[str, t.Any]:
    resources = _resources(Client.for_call(call), call)
    # what goes makes room for what comes, and what stands on something goes before it
    going = [resource for resource in resources if resource.params["state"] == "absent"]
    resources = going[::-1] + [resource for resource in resources if resource.params["state"] == "present"]
    outcomes = converge(resources, consent(call), check_mode=call.check_mode)
    warn(call, outcomes)
    afterwards(call, outcomes)
    return {
        "changed": any(outcome.changed for outcome in outcomes),
        **({"diff": [diff(outcome) for outcome in outcomes if outcome.changed]} if call.diff else {}),
        "plan": [
            {"resource": outcome.resource.label, **step.as_result()} for outcome in outcomes for step in outcome.steps
        ],
        "resources": [
            {
                "kind": resource.kind,
                "name": resource.name,
                "changed": outcome.changed,
                "operation": outcome.operation,
                "resource": public(state(outcome, call)),
            }
            for resource, outcome in zip(resources, outcomes, strict=True)
        ],
    }


def _resources(client: Client, call: Call) -> list[GcpResource]:
    """The resources of all items; raises everything that is wrong with any of them."""
    errors: list[PodreachError] = []
    resources: list[GcpResource] = []
    sessions: list[GcpResource] = []
    for option, (resource, spec) in KINDS.items():
        options = {**spec.options, **ITEM_OPTIONS}
        validator = ArgumentSpecValidator(options, **spec.rules())
        defaults = {name: value for name, value in call.params["defaults"].items() if name in options}
        for number, item in enumerate(call.params[option]):
            validation = validator.validate({**defaults, **item})
            call.secrets.update(validation._no_log_values)
            if validation.errors.errors:
                where = f"{option}[{number}] ({item.get('name', 'no name')})"
                errors.extend(InvalidInput(f"{where}: {message}") for message in validation.error_messages)
                continue
            own = {name: value for name, value in validation.validated_parameters.items() if value is not None}
            common = {name: value for name, value in call.params.items() if name not in KINDS}
            params = {**validation.validated_parameters, **common, **own, "timeout": common["timeout"]}
            if common["state"] == "absent":
                params["state"] = "absent"
            try:
                if option == "routers" and any(params[name] is not None for name in SESSIONS):
                    sessions.append(routers.RouterSessions(client, call, params))
                    params = {**params, **dict.fromkeys(SESSIONS)}
                resources.append(resource(client, call, params))
            except PodreachError as error:
                errors.append(error)
        if option == "vpn_tunnels":
            resources += sessions
    raise_all(errors)
    for resource_ in resources:
        resource_.siblings = resources
    return resources


DEFINITION = Definition(name="resource_set", spec=SPEC, execute=execute, rehearse=rehearse)
