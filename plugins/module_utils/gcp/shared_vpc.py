# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shared VPC for GKE: a host project, the service projects attached to it, and what GKE's accounts need there.

https://cloud.google.com/kubernetes-engine/docs/how-to/cluster-shared-vpc
A host project, an attachment and a member of a policy have no place for a mark of who made them: the declaration alone
says what is meant, and undo takes back what it names. What others have in the same policies stays as it is.
"""

from __future__ import annotations

import contextlib
import re
import typing as t

from ..arguments import ArgumentSpec, Call
from ..engine import Grade, Plan, Step, Usual
from ..errors import ApiError, InvalidInput, PodreachError, Refused, raise_all
from . import policies
from .client import Client, relative
from .fields import Json, Request
from .locks import locked
from .other_credentials import CREDENTIALS_OPTION
from .policies import Grants
from .resource import NAME
from .service_agents import HOST_AGENT_USER, NETWORK_USER, SECURITY_ADMIN, gke_agent, google_agent, member
from .shared_vpc_users import users

SERVICES = ("compute", "container", "cloudresourcemanager")
#: https://cloud.google.com/resource-manager/docs/creating-managing-projects, and older ones within a domain
PROJECT = re.compile(r"(?:[a-z0-9.-]+:)?[a-z](?:[-a-z0-9]*[a-z0-9])?")
#: how many of the resources that use a host's networks are named
NAMED = 5
SPEC = ArgumentSpec(
    options={
        "host_project": {"type": "str"},
        "service_projects": {"type": "list", "elements": "str", "required": True},
        "subnetworks": {
            "type": "list",
            "elements": "dict",
            "default": [],
            "options": {"name": {"type": "str", "required": True}, "region": {"type": "str"}},
        },
        "all_subnetworks": {"type": "bool", "default": False},
        "firewall_admin": {"type": "bool", "default": False},
        "disable_host": {"type": "bool", "default": False},
        "service_auth": CREDENTIALS_OPTION,
        "prerequisite_timeout": {"type": "int", "default": 0},
        "timeout": {"type": "int", "default": 600},
    }
)


class SharedVpc(Usual):
    """A host project and some of its service projects, as the engine brings them about."""

    def __init__(self, client: Client, service_client: Client, call: Call) -> None:
        self.client, self.service_client, self.call, self.params = client, service_client, call, call.params
        self.name: str = call.params.get("host_project") or str(client.project)
        self.services: list[str] = list(dict.fromkeys(call.params["service_projects"]))
        self.errors: list[PodreachError] = []
        for option, given in (("host_project", [self.name]), ("service_projects", self.services)):
            for name in given:
                if not PROJECT.fullmatch(name):
                    self._invalid(option, f"{name!r}: write the ID of a project, not its number or display name")
        if not self.services:
            self._invalid("service_projects", "it is empty: name at least one project")
        if self.name in self.services:
            self._invalid("service_projects", f"{self.name} is the host project itself")
        if call.params["prerequisite_timeout"] < 0:
            wait = f"{call.params['prerequisite_timeout']}: a number of seconds is wanted, 0 for no wait"
            self._invalid("prerequisite_timeout", wait)
        self.subnetworks = list(dict.fromkeys(self._subnetwork(item) for item in call.params["subnetworks"]))
        raise_all(self.errors)
        #: what was read, by path, until it is written or somebody else may have written it
        self.seen: dict[str, t.Any] = {}

    @property
    def host(self) -> str:
        return f"projects/{self.name}"

    @property
    def label(self) -> str:
        return f"shared_vpc {self.name}"

    def _invalid(self, option: str, problem: str) -> None:
        self.errors.append(InvalidInput(f"{self.label}: {option}: {problem}", resource=self.label))

    def refused(self, problem: str, code: str = "refused") -> Refused:
        return Refused(f"{self.label}: {problem}", code=code, resource=self.label)

    def _subnetwork(self, item: Json) -> str:
        """The path of a subnetwork that is given by name and region, or by URL."""
        owner, path = relative(item["name"])
        parts = path.split("/")
        region, name = (parts[1], parts[3]) if len(parts) == 4 and parts[2] == "subnetworks" else (item["region"], path)
        if not NAME.fullmatch(name):
            rule = "write the name of a subnetwork, or its URL"
            self._invalid("subnetworks", f"{item['name']!r}: {rule}")
        elif owner not in ("", self.name):
            self._invalid("subnetworks", f"{item['name']} is of project {owner}, not of the host project")
        elif not region or not NAME.fullmatch(region) or item["region"] not in (None, region):
            self._invalid("subnetworks", f"{name}: region: {item['region']!r}: write the region that it is in")
        return f"{self.host}/regions/{region}/subnetworks/{name}"

    # -- reading

    def prerequisites(self) -> None:
        """Wait for the subnetworks as long as the caller allows: another job may be building them."""
        seconds = self.params["prerequisite_timeout"]
        if not seconds or self.call.check_mode or self.params["state"] == "absent":
            return

        def missing() -> list[str]:
            return [f"{path} does not exist" for path in self.subnetworks if self.client.get("compute", path) is None]

        self.client.wait_until(missing, seconds, f"{self.label}: waits for what it needs")
        self.client.renew()
        self.service_client.renew()

    def _once(self, what: str, read: t.Callable[..., t.Any], *args: t.Any) -> t.Any:
        if what not in self.seen:
            self.seen[what] = read(*args)
        return self.seen[what]

    def read(self) -> Json | None:
        host = self._once("host", self.client.get, "compute", self.host)
        if host is None:
            raise self.refused("there is no such project, or it may not be seen: correct host_project", "not-found")
        enabled = host.get("xpnProjectStatus") == "HOST"
        return {
            "enabled": enabled,
            "attached": self._once("attached", self._attached) if enabled else [],
            "numbers": {name: self._once(f"number of {name}", self._number, name) for name in self.services},
            "policies": {path: self._once(path, policies.read, self.client, path) for path in self._grants_by_path()},
        }

    def _attached(self) -> list[str]:
        found = self.client.list_all("compute", f"{self.host}/getXpnResources", "resources")
        return [str(item["id"]) for item in found if item.get("type", "PROJECT") == "PROJECT"]

    def _number(self, service: str) -> str:
        try:
            return str(
                self.service_client.request("cloudresourcemanager", "GET", f"projects/{service}")["projectNumber"]
            )
        except ApiError as error:
            if error.status not in (403, 404):
                raise
            raise self.refused(
                f"the number of project {service}, by which Google's accounts there are called, cannot be read "
                f"({error.status}). Correct service_projects, or use credentials with resourcemanager.projects.get on "
                "it (service_auth takes others than those for the host).",
                "project-unreadable",
            ) from None

    def _host_of(self, project: str) -> str:
        """The host that a project is attached to, empty without one."""
        client = self.client if project == self.name else self.service_client
        return str((client.get("compute", f"projects/{project}/getXpnHost") or {}).get("name") or "")

    # -- what is wanted

    def _grants_by_path(self) -> list[str]:
        return [self.host, *self.subnetworks]

    def _grants(self, path: str, numbers: t.Mapping[str, str]) -> Grants:
        """The roles that this declaration gives in one policy."""
        gke = [member(gke_agent(numbers[name])) for name in self.services]
        both = [
            who for name in self.services for who in (member(gke_agent(numbers[name])), self._google(numbers[name]))
        ]
        if path != self.host:
            return {NETWORK_USER: both}
        return {
            HOST_AGENT_USER: gke,
            **({NETWORK_USER: both} if self.params["all_subnetworks"] else {}),
            **({SECURITY_ADMIN: gke} if self.params["firewall_admin"] else {}),
        }

    @staticmethod
    def _google(number: str) -> str:
        return member(google_agent(number))

    def shown(self, current: Json) -> Json:
        """What of the estate this declaration is about."""
        bindings = []
        for path, policy in current["policies"].items():
            for role, members in policies.held(policy or {}, self._grants(path, current["numbers"])).items():
                bindings.append({"resource": path, "role": role, "members": members})
        return {
            "host_project": self.name,
            "enabled": current["enabled"],
            "service_projects": [
                {"project": name, "number": current["numbers"][name], "attached": name in current["attached"]}
                for name in self.services
            ],
            "bindings": bindings,
        }

    # -- planning

    def plan(self, current: Json | None, *, check_mode: bool) -> Plan:
        now: Json = current or {}
        then: Json = {**now, "policies": dict(now["policies"])}
        warnings: list[str] = []
        if self.params["state"] == "absent":
            steps = self._removal(now, then, warnings)
        else:
            steps = self._bringing(now, then, warnings, check_mode=check_mode)
        if steps and self.client.projects and self.name not in self.client.projects:
            raise self.refused(
                f"project {self.name} is not among the projects that may be written "
                f"({', '.join(self.client.projects)}): add it to projects, or correct host_project",
                "project-not-listed",
            )
        return Plan(self.shown(now), self.shown(then), tuple(steps), tuple(warnings))

    def _bringing(self, now: Json, then: Json, warnings: list[str], *, check_mode: bool) -> list[Step]:
        errors: list[PodreachError] = []
        steps: list[Step] = []
        if not now["enabled"]:
            self._refuse(errors, self._once(f"host of {self.name}", self._host_of, self.name), self.name)
            request = Request("POST", f"{self.host}/enableXpnHost")
            steps.append(Step("create", f"make project {self.name} a Shared VPC host project", request))
        for name in self.services:
            if name in now["attached"]:
                continue
            self._refuse(errors, self._once(f"host of {name}", self._host_of, name), name)
            request = Request("POST", f"{self.host}/enableXpnResource", _service(name))
            steps.append(Step("create", f"attach service project {name} to {self.name}", request))
        for path, policy in now["policies"].items():
            if policy is None and not check_mode:
                errors.append(self.refused(f"{path} does not exist: create it first", "missing-prerequisite"))
            elif policy is None:
                warnings.append(f"{self.label}: {path} does not exist yet; counted as planned.")
            grants = policies.lacking(policy or {}, self._grants(path, now["numbers"]))
            if grants:
                then["policies"][path] = policies.added(policy or {}, grants)
                summary = f"give {_words(grants, 'to')} on {path}"
                steps.append(
                    Step("update", summary, Request("POLICY", path, then["policies"][path]), fields=("bindings",))
                )
        raise_all(errors)
        then.update(enabled=True, attached=[*now["attached"], *(n for n in self.services if n not in now["attached"])])
        return steps

    def _refuse(self, errors: list[PodreachError], host: str, project: str) -> None:
        """Note that a project has a host already."""
        if not host:
            return
        what = "a host project" if project == self.name else f"attached to {self.name}"
        errors.append(
            self.refused(
                f"project {project} is attached to the host project {host}, so it cannot become {what}. If it shall, "
                f"detach it there first: gcloud compute shared-vpc associated-projects remove {project} "
                f"--host-project {host}",
                "attached-elsewhere",
            )
        )

    def _removal(self, now: Json, then: Json, warnings: list[str]) -> list[Step]:
        errors: list[PodreachError] = []
        steps: list[Step] = []
        for name in self.services:
            if name not in now["attached"]:
                continue
            using = self._once(f"users of {name}", self._users, name, warnings)
            if using:
                told = ", ".join(using[:NAMED]) + (f" and {len(using) - NAMED} more" if len(using) > NAMED else "")
                problem = f"service project {name} uses networks of this host project: {told}. Delete these first"
                errors.append(self.refused(problem, "in-use"))
            request = Request("POST", f"{self.host}/disableXpnResource", _service(name))
            summary = f"detach service project {name} from {self.name}"
            steps.append(Step("delete", summary, request, Grade.DESTRUCTIVE))
        then["attached"] = [name for name in now["attached"] if name not in self.services]
        for path, policy in now["policies"].items():
            grants = policies.held(policy or {}, self._grants(path, now["numbers"]))
            if policy is not None and grants:
                then["policies"][path] = policies.taken(policy, grants)
                request = Request("POLICY", path, then["policies"][path])
                summary = f"take back {_words(grants, 'from')} on {path}"
                steps.append(Step("delete", summary, request, Grade.DESTRUCTIVE, ("bindings",)))
        if self.params["disable_host"] and now["enabled"]:
            if then["attached"]:
                others = ", ".join(then["attached"])
                problem = f"it has other service projects, and is not disabled: {others}. Detach them first, or leave"
                errors.append(self.refused(f"{problem} disable_host away", "holds-others"))
            then["enabled"] = False
            request = Request("POST", f"{self.host}/disableXpnHost")
            summary = f"no longer have project {self.name} as a Shared VPC host project"
            steps.append(Step("delete", summary, request, Grade.DESTRUCTIVE))
        raise_all(errors)
        return steps

    def _users(self, service: str, warnings: list[str]) -> list[str]:
        def unread(where: str) -> None:
            problem = f"{where} could not be read, so what of {service} uses the host's networks there is not known"
            warnings.append(f"{self.label}: {problem}; Google refuses to detach it if there is anything.")

        return users(self.service_client, service, self.name, unread)

    # -- doing

    def send(self, step: Step) -> str | None:
        request: Request = step.request
        if request.method != "POLICY":
            self._forget()
            operation = self.client.mutate("compute", request.method, request.path, request.body, resource=self.label)
            return self.client.finish("compute", operation, self.label)
        self.seen.pop(request.path, None)
        policies.write(self.client, request.path, request.body or {}, self.label)
        return None

    def _forget(self) -> None:
        """Look again at all that may change but policies, which are written only as they were read."""
        kept = (*self._grants_by_path(), *(f"number of {name}" for name in self.services))
        self.seen = {what: value for what, value in self.seen.items() if what in kept}

    def settle(self, current: Json | None) -> tuple[Json | None, str | None]:
        """Adopt an operation on the host project that is in flight, where there still is something to be had by one."""
        now: Json = current or {}
        attached = [name in now["attached"] for name in self.services]
        if self.params["state"] == "present":
            awaited = not now["enabled"] or not all(attached)
        else:
            awaited = any(attached) or (self.params["disable_host"] and now["enabled"])
        if not awaited:
            return current, None
        operation = self.client.in_flight("compute", f"{self.host}/global", self.host)
        if operation is None:
            return current, None
        pending = self.client.finish("compute", operation, self.label)
        self._forget()
        return (current, pending) if pending else (self.read(), None)

    def exclusive(self) -> contextlib.AbstractContextManager[t.Any] | None:
        return self._in_turn()

    @contextlib.contextmanager
    def _in_turn(self) -> t.Iterator[None]:
        """The host project's lock. What was waited for it is not taken from the time for operations."""
        with locked(self.client, [f"{self.host}/shared-vpc"], self.label, self.params["timeout"]):
            self.client.renew()
            self.seen = {}
            yield

    def pause(self, attempt: int) -> None:
        # somebody else wrote: nothing that was read before counts
        self.seen = {}
        self.client.pause(attempt)

    def word(self, option: str, value: str) -> str:
        return f"{option}: {value} (from a role or playbook of this collection: -e shared_vpc_{option}={value})"


def _service(project: str) -> Json:
    return {"xpnResource": {"id": project, "type": "PROJECT"}}


def _words(grants: Grants, preposition: str) -> str:
    return "; ".join(
        f"{role} {preposition} {', '.join(who.partition(':')[2] for who in members)}"
        for role, members in grants.items()
    )
