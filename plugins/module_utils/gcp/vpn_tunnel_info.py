# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading tunnels and what they say of themselves."""

from __future__ import annotations

import dataclasses
import typing as t

from ..arguments import ArgumentSpec, Call, Definition
from .auth import AUTH_SPEC
from .client import Client
from .fields import Link
from .task import public, rehearse

SPEC = AUTH_SPEC.merge(
    ArgumentSpec(
        options={
            "name": {"type": "str"},
            "region": {"type": "str"},
            "vpn_gateway": {"type": "str"},
            "router": {"type": "str"},
            "timeout": {"type": "int", "default": 600},
        }
    )
)


def execute(call: Call) -> dict[str, t.Any]:
    params = call.params
    client = Client.for_call(dataclasses.replace(call, params={**params, "wait": True}))
    name, region, project = params["name"], params["region"], f"projects/{client.project}"
    if name and region:
        one = client.get("compute", f"{project}/regions/{region}/vpnTunnels/{name}")
        found = [one] if one else []
    else:
        place = f"regions/{region}" if region else "aggregated"
        found = client.list_all("compute", f"{project}/{place}/vpnTunnels")
    ends = {"vpnGateway": params["vpn_gateway"], "router": params["router"]}
    tunnels = [
        public(tunnel)
        for tunnel in sorted(found, key=lambda tunnel: (str(tunnel["name"]), str(tunnel.get("region"))))
        if name in (None, tunnel["name"])
        and all(Link().same(tunnel.get(field), wanted) for field, wanted in ends.items() if wanted)
    ]
    return {"changed": False, "tunnels": tunnels}


DEFINITION = Definition(name="vpn_tunnel_info", spec=SPEC, execute=execute, rehearse=rehearse)
