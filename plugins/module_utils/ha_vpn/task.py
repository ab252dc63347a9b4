# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a VPN to a module: its spec, and the result that a task shows."""

from __future__ import annotations

import typing as t

from ..arguments import ArgumentSpec, Call, Definition
from ..aws import session, vpn
from ..aws.task import rehearse as rehearse_aws
from ..aws.vpn_reading import shown_connection, shown_gateway
from ..engine import converge, missing_consent
from ..errors import InvalidInput, PodreachError, Refused, raise_all
from ..gcp import routers
from ..gcp.fields import dig
from ..gcp.task import BASE_SPEC
from ..gcp.task import rehearse as rehearse_google
from ..gcp.vpn_tunnels import SPEC as TUNNEL_SPEC
from . import amazon
from .making import Making
from .report import Report
from .slots import GOOGLE_ADDRESSES, Json, addresses, hidden, replaceable
from .states import State
from .vpn import HaVpn


def _aws_options() -> dict[str, t.Any]:
    """The options of AWS's half, without what the VPN gives it."""
    options = {name: spec for name, spec in vpn.SPEC.options.items() if name not in amazon.GIVEN}
    tunnels = options["connections"]["options"]["tunnels"]
    inside = {"inside_cidr": tunnels["options"]["inside_cidr"]}
    options["connections"] = {**options["connections"], "options": {"tunnels": {**tunnels, "options": inside}}}
    return options


_BGP = routers.SPEC.options["bgp"]["options"]
_AWS_AUTH = {f"aws_{name}": spec for name, spec in session.AUTH_SPEC.options.items() if name != "environment"}

SPEC = BASE_SPEC.merge(
    ArgumentSpec(
        options={
            "name": {"type": "str", "required": True},
            "region": {"type": "str", "required": True},
            "network": {"type": "str"},
            "router": {"type": "str"},
            "keep_router": {"type": "bool", "default": False},
            **{name: _BGP[name] for name in ("asn", "advertise_mode", "advertised_groups", "advertised_ip_ranges")},
            "purge_advertisement": {"type": "bool", "default": False},
            "confirm_withdraw_subnets": {"type": "str"},
            "advertised_prefix_limit": {"type": "int"},
            "external_gateway": {"type": "str"},
            "aws": {
                "type": "dict",
                "options": _aws_options(),
                "mutually_exclusive": [("vpc_id", "vpc_name")],
            },
            "peer_asn": {"type": "int"},
            "peer_interfaces": {
                "type": "list",
                "elements": "dict",
                "options": {
                    "ip_address": {"type": "str", "required": True},
                    "ip_range": {"type": "str"},
                    "peer_ip_address": {"type": "str"},
                },
            },
            "pre_shared_keys": {"type": "list", "elements": "str", "default": [], "no_log": True},
            "wait_established": {"type": "int", "default": 300},
            "prerequisite_timeout": {"type": "int", "default": 0},
            "confirm_replace": TUNNEL_SPEC.options["confirm_replace"],
            "unmarked": {"type": "str", "choices": ["refuse", "keep"], "default": "refuse"},
            "timeout": {"type": "int", "default": 1200},
            **_AWS_AUTH,
        },
        mutually_exclusive=(("aws", "peer_interfaces"), ("aws", "peer_asn")),
        required_together=(("aws_access_key", "aws_secret_key"), ("peer_asn", "peer_interfaces")),
        empty_is_unset=frozenset(
            {*(f"aws_{name}" for name in session.AUTH_SPEC.empty_is_unset if name != "environment")}
        ),
    )
)


def check(params: t.Mapping[str, t.Any]) -> None:
    """What can be known to be wrong without asking anybody, beyond what each resource says of its own options."""
    errors: list[PodreachError] = []

    def invalid(option: str, value: t.Any, problem: str) -> None:
        errors.append(InvalidInput(f"ha_vpn {params['name']}: {option}: {value}: {problem}"))

    keys, ends = params["pre_shared_keys"], params["peer_interfaces"]
    for option in ("wait_established", "prerequisite_timeout"):
        if params[option] < 0:
            invalid(option, params[option], "a number of seconds is wanted, 0 for no wait")
    if params["state"] == "present":
        if params["aws"] is None and not ends:
            invalid("aws", "not given", "give the AWS half, or the ends of another peer in peer_interfaces")
        if ends and len(ends) not in (1, 2, 4):
            invalid("peer_interfaces", len(ends), "1, 2 or 4 ends are possible, one for each tunnel")
        count = 4 if params["aws"] is not None else len(ends or [])
        if keys and len(keys) != count:
            invalid("pre_shared_keys", f"{len(keys)} keys", f"there are {count} tunnels: give one for each, in order")
        asn = params["asn"]
        if asn is not None and asn in (params["peer_asn"], ((params["aws"] or {}).get("gateway") or {}).get("asn")):
            invalid("asn", asn, "the peer has it too: BGP between two sides needs two AS numbers")
        name, external = params["name"], params["external_gateway"] or f"{params['name']}-peer"
        names = replaceable(name, external, count)
        if params["confirm_replace"] is not None and params["confirm_replace"] not in names:
            invalid(
                "confirm_replace",
                params["confirm_replace"],
                f"nothing of this VPN has that name. It may name the VPN ({name}), one of its tunnels "
                f"({', '.join(names[1 : 1 + count])}) or its external gateway ({external}; once its addresses have "
                f"changed, {', '.join(names[2 + count :])})",
            )
    raise_all(errors)


def execute(call: Call) -> dict[str, t.Any]:
    check(call.params)
    call.secrets.update(call.params["pre_shared_keys"])
    made = HaVpn(call)
    try:
        made.validate()
        result = _remove(made) if call.params["state"] == "absent" else _make(made)
    except Exception as error:
        # whoever reports it must know that something was changed before it happened
        error.changed = bool(getattr(error, "changed", False)) or (  # type: ignore[attr-defined]  # others take it
            made.report.changed and made.acting
        )
        raise
    for warning in dict.fromkeys(hidden([*made.notes, *made.report.warnings], made.report.unknown)):
        call.warn(warning)
    return {
        "changed": made.report.changed,
        **({"diff": made.report.shown_diffs()} if call.diff else {}),
        "plan": made.report.plan(),
        **result,
        "operation": ", ".join(made.report.operations) or None,
    }


def _make(made: HaVpn) -> Json:
    call = made.call
    if not call.check_mode:
        made.prerequisites()
        made.adopt()
    made.look()
    made.judge()
    if call.check_mode:
        return shown(made)
    planned = made.report.changed
    made.report, made.acting = _fresh(made), True
    maker = Making(made)
    if not call.params["wait"]:
        # whoever finishes it says them
        made.notes.clear()
        if planned:
            maker.begin()
        return shown(made)
    if planned:
        maker.make()
    maker.await_all()
    return shown(made)


def _fresh(made: HaVpn) -> Report:
    """An empty report: what was planned is done from now on."""
    report = made.report
    return Report(warnings=[] if report.changed else report.warnings, words=report.words, unknown=report.unknown)


def _remove(made: HaVpn) -> Json:
    call = made.call
    if not call.params["wait"]:
        return shown(made)
    if not call.check_mode:
        made.adopt()
    made.look()
    going = made.removal()
    if call.check_mode:
        errors: list[PodreachError] = []
        for resource in going:
            try:
                plan = resource.plan(resource.read(), check_mode=True)
            except (Refused, InvalidInput) as error:
                errors.append(error)
                continue
            made.report.warnings += [str(item) for item in missing_consent(resource, plan, made.consent())]
            made.report.planned(resource, plan)
        raise_all(errors)
        return shown(made, gone=True)
    made.acting = True
    made.report.done(converge(going, made.consent(), check_mode=False))
    made.look()
    return shown(made, gone=True)


def shown(made: HaVpn, *, gone: bool = False) -> Json:
    """What people need to know of the VPN; keys are not among it."""
    of = [] if gone else made.slots()
    there = bool(made.gateway_now) or (not gone and made.call.check_mode)
    known = not set(GOOGLE_ADDRESSES) & set(made.addresses)
    acted = made.acting and (not _established(made))
    states = made.states(of) if of and made.router_now and acted else made.before
    external = made.externals.get(made.external_name, {})
    numbers = {address: number for number, address in addresses(external).items()}
    tunnels = []
    for slot in of:
        state = states.get(slot.tunnel, State())
        tunnels.append(
            {
                "name": slot.tunnel,
                "status": state.tunnel,
                "detailed_status": state.detail,
                "vpn_gateway_interface": slot.place,
                "peer_external_gateway_interface": numbers.get(slot.end.ip_address),
                "peer_ip": slot.end.ip_address,
                "interface": slot.interface,
                "ip_range": slot.end.ip_range,
                "peer_ip_address": slot.end.peer_ip_address,
                "session": slot.session,
                "session_state": state.session,
                "learned_routes": state.learned,
                "advertised_routes": state.advertised,
            }
        )
    result: Json = {
        "gateway": {"name": made.name, "addresses": made.addresses if known or not gone else []} if there else None,
        "router": {"name": made.google.router_name, "asn": made.asn} if made.router_now or there else None,
        "external_gateway": None if gone else made.external_name,
        "tunnels": tunnels,
        "aws": _shown_aws(made, gone=gone),
        "new_routes": [] if gone else [item.as_result() for item in made.new_routes.coming],
    }
    return t.cast("Json", hidden(result, made.report.unknown))


def _established(made: HaVpn) -> bool:
    """Whether nothing was done, and all was up before."""
    return not made.report.changed and all(state.established for state in made.before.values())


def _shown_aws(made: HaVpn, *, gone: bool) -> Json | None:
    if made.aws is None or gone:
        return None
    estate = made.aws.estate
    if made.acting and made.report.changed:
        made.aws.read()
        estate = made.aws.estate
    return {
        "gateway": shown_gateway(estate.gateway),
        "vpc_id": dig(estate.vpc, "id"),
        "connections": [shown_connection(item) for item in made.aws.mine(estate)],
    }


def rehearse() -> None:
    rehearse_google()
    rehearse_aws()


DEFINITION = Definition(name="ha_vpn", spec=SPEC, execute=execute, rehearse=rehearse)
