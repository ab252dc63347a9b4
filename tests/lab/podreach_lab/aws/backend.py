# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""EC2's stores of the lab's account, one a region: moto's classes with the lab's extensions.

Only service.py imports this, and late: it brings moto.
"""

from __future__ import annotations

import re
import typing as t

from moto.core.model_instances import reset_model_data
from moto.core.request import Request
from moto.core.utils import camelcase_to_underscores, get_service_model
from moto.ec2.models import EC2Backend

from ..state import State
from . import answers, reading
from .credentials import ACCOUNT
from .interfaces import InterfaceBackend, InterfaceResponse
from .network_acls import NetworkAclBackend, NetworkAclResponse
from .networks import NetworkBackend, NetworkResponse
from .places import Place
from .route_tables import RouteTableBackend, RouteTableResponse
from .transit import TransitBackend, TransitResponse
from .vpn import VpnBackend, VpnResponse

Json = dict[str, t.Any]


class Backend(VpnBackend, TransitBackend, RouteTableBackend, NetworkAclBackend, InterfaceBackend, NetworkBackend):
    """One region. It starts without a default VPC, as the lab's Google projects do without a default network."""

    def __init__(self, place: Place, region: str) -> None:
        self.place = place
        self.propagation: dict[str, list[str]] = {}
        self.going = ""
        self.born = False
        EC2Backend.__init__(self, region, ACCOUNT)
        self.born = True

    def create_default_vpc(self) -> t.Any:
        return super().create_default_vpc() if self.born else None


class Response(
    VpnResponse, TransitResponse, RouteTableResponse, NetworkAclResponse, InterfaceResponse, NetworkResponse
):
    """The calls, answered by the store of their region."""

    def __init__(self, backends: Backends) -> None:
        super().__init__()
        self.backends = backends

    @property
    def ec2_backend(self) -> Backend:
        return self.backends.of(self.region)

    def get_current_account(self) -> str:
        return ACCOUNT


class Backends:
    """The stores of all regions that were asked for."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.regions: dict[str, Backend] = {}
        self.place = Place(state, self.tunnels, self.learn)

    def of(self, region: str) -> Backend:
        if region not in self.regions:
            self.regions[region] = Backend(self.place, region)
        return self.regions[region]

    def clear(self) -> None:
        self.regions.clear()
        reset_model_data()  # moto's own list of everything ever made

    def tunnels(self) -> list[Json]:
        """The options of every tunnel of the lab."""
        return [item for one in self.regions.values() for made in one.connections for item in made.living_tunnels()]

    def learn(self) -> None:
        """Tell the rest of the lab what there is now."""
        self.state.learn_aws(reading.facts(self.regions.values()))

    def dispatch(self, method: str, target: str, headers: t.Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        """One request to EC2, already authenticated: status and XML."""
        request = Request.from_primitives(method, f"http://{headers.get('Host', 'ec2')}{target}", headers, body)
        action = request.values.get("Action", "")
        refused = self._unknown(action)
        if refused is None and request.values.get("DryRun", "").lower() == "true":
            text = "Request would have succeeded, but DryRun flag is set."
            refused = 412, answers.ec2_error("DryRunOperation", text)
        if refused is not None:
            return refused
        try:
            status, _headers, text = Response(self)._dispatch(request)
        except answers.Refused as refusal:
            return 400, answers.ec2_error(refusal.code, refusal.message)
        except NotImplementedError as error:
            return not_implemented(action, str(error))
        return int(status), text.encode() if isinstance(text, str) else text

    @staticmethod
    def _unknown(action: str) -> tuple[int, bytes] | None:
        if action not in get_service_model("ec2").operation_names:
            text = f"The action {action} is not valid for this web service."
            return 400, answers.ec2_error("InvalidAction", text)
        if not hasattr(Response, camelcase_to_underscores(action)):
            return 501, answers.ec2_error("UnsupportedOperation", f"The lab does not model {action}.")
        return None


def not_implemented(action: str, why: str) -> tuple[int, bytes]:
    """What moto lacks: a filter that EC2's model does not tell of is the caller's mistake, all else the lab's lack."""
    why = why.partition(" Feel free")[0].replace(" in Moto", "")
    name = re.search("'(.+?)'", why)
    if name and "ilter" in why and not knows_filter(action, name[1]):
        return 400, answers.ec2_error("InvalidParameterValue", f"The filter '{name[1]}' is invalid")
    return 501, answers.ec2_error("UnsupportedOperation", f"The lab does not model all of {action}: {why}")


def knows_filter(action: str, name: str) -> bool:
    """Whether botocore's model lists the filter, in the documentation of the parameter."""
    shape = get_service_model("ec2").operation_model(action).input_shape
    filters = shape.members.get("Filters") if shape else None
    return filters is None or f"<code>{name}</code>" in filters.documentation
