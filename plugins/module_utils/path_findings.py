# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What readings of a path between pods and AWS mean: findings by cause, and a table of everything that was looked at.

Everything here is pure. :func:`judge` takes what router_status_info, vpn_tunnel_info, aws_vpn_info and pod_probe
returned. What was not read or not run is never taken for good: it is told, and keeps a report from being ``proven``.
"""

from __future__ import annotations

import collections
import dataclasses
import ipaddress
import textwrap
import typing as t

from . import addressing, bgp
from .errors import InvalidInput

Json = t.Mapping[str, t.Any]

TUNNEL_DOWN = "tunnel-down"
REDUNDANCY_LOST = "redundancy-lost"
PROPAGATION_OFF = "aws-propagation-off"
NOT_PROPAGATED = "aws-range-not-propagated"
NO_ROUTE_ACCEPTED = "aws-no-route-accepted"
SHADOWED = "aws-route-shadowed"

#: What decides about a flow where nothing else was found.
UNREACHABLE_MEND = (
    "with the path whole, look at the target's security group, network ACL and host, and at firewall rules and network "
    "policies"
)

#: Characters that a line of the table may have: with what Ansible prints around it, it fits into 120 columns.
WIDTH = 109
#: Wider names push their own details aside, not those of all.
WIDEST_NAME = 44
#: What AWS says where IPsec is up and BGP is not; its status is DOWN then.
#: https://docs.aws.amazon.com/vpn/latest/s2svpn/monitoring-overview-vpn.html
IPSEC_UP = "IPSEC IS UP"
#: Error codes of what is not there; before a first run that is no error.
NOT_THERE = ("vpc-not-found", "gateway-not-found")


@dataclasses.dataclass(frozen=True)
class Finding:
    """Something that is not as it should be: a code of the diagnosis, a sentence, the resource, what to do about it.

    ``fails`` is false where traffic still passes. Where ``mend`` is empty, the message says what to do.
    """

    code: str
    message: str
    where: str
    mend: str = ""
    fails: bool = True


@dataclasses.dataclass(frozen=True)
class Row:
    """A line of the table."""

    what: str
    name: str
    state: str
    detail: str = ""


@dataclasses.dataclass(frozen=True)
class Asked:
    """What is asked of a path.

    ``redundancy``: a lost tunnel or session is a failure even while others carry the traffic. ``planned``: nothing has
    been made yet (check mode), so that what is not there is no failure. ``router`` and ``vpn_gateway`` are names that
    the looking was confined to.
    """

    ranges: tuple[addressing.Range, ...] = ()
    redundancy: bool = False
    planned: bool = False
    router: str | None = None
    vpn_gateway: str | None = None


@dataclasses.dataclass
class Sheet:
    """What comes out, as it grows. ``absent`` counts what is not there yet, ``unproven`` what was not read or run."""

    asked: Asked
    rows: list[Row] = dataclasses.field(default_factory=list)
    findings: list[Finding] = dataclasses.field(default_factory=list)
    warnings: list[str] = dataclasses.field(default_factory=list)
    planned: int = 0
    unproven: int = 0

    def row(self, what: str, name: str, state: str, detail: str = "") -> None:
        self.rows.append(Row(what, name, state, detail))

    def find(self, code: str, where: str, message: str, mend: str = "", *, fails: bool = True) -> None:
        self.findings.append(Finding(code, message, where, mend, fails))

    def absent(self, what: str, name: str, code: str, message: str, mend: str) -> None:
        """Something is not there: planned before the first run, a failure otherwise."""
        if self.asked.planned:
            self.later(what, name, message)
        else:
            self.row(what, name, "not there")
            self.find(code, name, message, mend)

    def later(self, what: str, name: str, detail: str) -> None:
        """Something is to come about."""
        self.row(what, name, "planned", detail)
        self.planned += 1

    def unread(self, what: str, answer: Json) -> None:
        """Something could not be read."""
        self.row(what, "", "not read")
        code = str((answer.get("error") or {}).get("code") or "not-read")
        self.find(code, what, str(answer.get("msg") or "there was no answer"))
        self.unproven += 1


def judge(readings: Json, asked: Asked) -> dict[str, t.Any]:
    """The report on what was read.

    ``readings`` has ``routers``, ``tunnels``, ``aws`` and ``flows``, each a module's whole result (``flows`` those of a
    loop), failed or not; what was not looked at is missing or None. Raises InvalidInput for anything else.
    """
    unknown = sorted(set(readings) - {"routers", "tunnels", "aws", "flows"})
    if unknown:
        raise InvalidInput(f"{unknown[0]}: there is no such reading; there are routers, tunnels, aws and flows")
    flows = readings.get("flows") or []
    # ansible_check_mode says nothing of a play's or task's own keyword, and a check that was not run does
    looks_ahead = any(item.get("ran") is False and not item.get("error") for item in flows)
    sheet = Sheet(dataclasses.replace(asked, planned=asked.planned or looks_ahead))
    # before ansible-core 2.19, nothing may be an empty text
    routers, tunnels, aws = (readings.get(name) or None for name in ("routers", "tunnels", "aws"))
    google = Google(sheet, routers, tunnels, _aws_ends(aws))
    google.judge()
    if aws is not None:
        Amazon(sheet, aws, google).judge()
    ran = [_judge_flow(sheet, item) for item in flows]
    return _report(sheet, proven=bool(ran) and all(ran))


def _report(sheet: Sheet, *, proven: bool) -> dict[str, t.Any]:
    findings = sorted(sheet.findings, key=_rank)
    failing = [item for item in findings if item.fails]
    noted = [item for item in findings if not item.fails]
    proven = proven and not failing and not sheet.planned and not sheet.unproven
    state = "failed" if failing else "planned" if sheet.planned else "proven" if proven else "ok"
    if state == "ok" and sheet.unproven:
        state = "unproven"
    said = [f"{len(failing)} failing"] if failing else []
    said += [f"{len(noted)} to note"] if noted else []
    said += [f"{sheet.planned} not there yet"] if sheet.planned else []
    said += ["not everything was read or run"] if sheet.unproven else []
    said = said or ["every flow is as expected" if proven else "nothing wrong was read, no flow was tried"]
    warnings = list(dict.fromkeys(sheet.warnings))
    return {
        "ok": not failing,
        "proven": proven,
        "causes": list(dict.fromkeys(item.code for item in findings)),
        "findings": [dataclasses.asdict(item) for item in findings],
        "warnings": warnings,
        "rows": [dataclasses.asdict(item) for item in sheet.rows],
        "table": written([*sheet.rows, Row("result", "", state, ", ".join(said))]),
        "message": "; ".join(_sentences(findings)),
        "failures": _wrapped(_sentences(failing)),
        "notes": _wrapped([*_sentences(noted), *(f"warning: {text}" for text in warnings)]),
    }


def _sentences(findings: t.Sequence[Finding]) -> list[str]:
    """Findings in words, those with the same code and mend together."""
    groups: dict[tuple[str, str], list[str]] = collections.defaultdict(list)
    for item in findings:
        groups[item.code, item.mend].append(item.message)
    return [f"{code}: {', '.join(said)}" + (f": {mend}" if mend else "") for (code, mend), said in groups.items()]


def _rank(finding: Finding) -> tuple[bool, bool, int]:
    """Causes come before what follows from them, and flows last."""
    first = (TUNNEL_DOWN, bgp.OVER_LIMIT)
    place = first.index(finding.code) if finding.code in first else len(first)
    return finding.code.startswith("flow-"), not finding.fails, place


def written(rows: t.Sequence[Row]) -> list[str]:
    """The rows as aligned lines of :data:`WIDTH` characters at most, below a header."""
    head = Row("WHAT", "NAME", "STATE", "DETAIL")
    what = max(len(row.what) for row in [head, *rows])
    name = min(max(len(row.name) for row in [head, *rows]), WIDEST_NAME)
    state = max(len(row.state) for row in [head, *rows])
    before = what + name + state + 6
    lines = []
    for row in [head, *rows]:
        left = f"{row.what:{what}}  {row.name:{name}}  {row.state:{state}}  "
        if len(left) > before and row.detail:
            lines.append(left.rstrip())
            left = ""
        for part in textwrap.wrap(row.detail, max(WIDTH - before, 24), break_on_hyphens=False) or [""]:
            lines.append(f"{left:{before}}{part}".rstrip())
            left = ""
    return lines


def _wrapped(notes: t.Sequence[str]) -> list[str]:
    return [
        line
        for note in notes
        for line in textwrap.wrap(note, WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    ]


def _last(link: t.Any) -> str:
    """The name at the end of a URL."""
    return str(link or "").rpartition("/")[2]


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")


# ---------------------------------------------------------------------------------------------------------------------
# Google's side


@dataclasses.dataclass(frozen=True)
class End:
    """AWS's end of a tunnel, as far as a session must agree with it."""

    gateway_asn: int | None
    customer_asn: int | None
    aws_inside_address: str | None
    customer_inside_address: str | None
    status: str | None
    status_message: str


def _aws_ends(answer: Json | None) -> dict[str, End]:
    """AWS's ends by their outside addresses."""
    found = {}
    for vpn in (answer or {}).get("vpns") or []:
        for connection in vpn.get("connections") or []:
            for tunnel in connection.get("tunnels") or []:
                found[str(tunnel.get("outside_ip_address"))] = End(
                    (vpn.get("gateway") or {}).get("asn"),
                    connection.get("customer_asn"),
                    tunnel.get("aws_inside_address"),
                    str(tunnel.get("customer_inside_range") or "").partition("/")[0] or None,
                    tunnel.get("status"),
                    str(tunnel.get("status_message") or ""),
                )
    return found


@dataclasses.dataclass(frozen=True)
class Session:
    """A session with its router and the tunnel below it, where that is known."""

    router: Json
    peer: Json
    tunnel: Json | None

    @property
    def where(self) -> str:
        return f"{self.router['name']}/{self.peer['name']}"

    @property
    def enabled(self) -> bool:
        return bool(self.peer.get("enabled", True))

    @property
    def up(self) -> bool:
        return bool(self.peer.get("up"))

    @property
    def down(self) -> bool:
        return self.enabled and not self.up

    @property
    def state(self) -> str:
        return str(self.peer.get("state") or self.peer.get("status") or "down") if self.enabled else "disabled"

    @property
    def too_many(self) -> Json | None:
        headroom = self.peer.get("prefix_headroom") or {}
        return headroom if headroom.get("code") else None


class Google:
    """Routers, sessions, tunnels and what is advertised."""

    def __init__(self, sheet: Sheet, routers: Json | None, tunnels: Json | None, ends: t.Mapping[str, End]) -> None:
        self.sheet = sheet
        self.answers = {"Cloud Routers": routers, "VPN tunnels": tunnels}
        self.ends = ends
        self.read = routers is not None and routers.get("routers") is not None
        self.routers: list[Json] = list((routers or {}).get("routers") or [])
        self.tunnels = self._ours(list((tunnels or {}).get("tunnels") or []))
        self.tunnels_read = tunnels is not None and tunnels.get("tunnels") is not None
        self.sessions = self._sessions()
        self.pods: list[Json] = list((routers or {}).get("pod_ranges") or [])
        #: ranges that no session advertises, by CIDR
        self.missing: set[str] = set()

    def _linked(self) -> set[tuple[str, str]]:
        """Region and name of the tunnels below the routers' sessions."""
        return {
            (str(router.get("region")), str(peer["linked_vpn_tunnel"]))
            for router in self.routers
            for peer in router.get("peers") or []
            if peer.get("linked_vpn_tunnel")
        }

    def _ours(self, tunnels: list[Json]) -> list[Json]:
        """The tunnels of the gateway that was asked for, else those that a session or a router's interface uses. A name
        is good in one region only."""
        regions = {str(router.get("region")) for router in self.routers}
        names = {(str(router.get("region")), str(router["name"])) for router in self.routers}
        linked = self._linked()
        gateway = self.sheet.asked.vpn_gateway
        found = []
        for tunnel in tunnels:
            region, name = _last(tunnel.get("region")), str(tunnel["name"])
            if gateway:
                mine = _last(tunnel.get("vpnGateway")) == _last(gateway) and (not regions or region in regions)
            else:
                mine = (region, name) in linked or (region, _last(tunnel.get("router"))) in names
            if mine:
                found.append(tunnel)
        return found

    def _sessions(self) -> list[Session]:
        """The sessions that matter: with a gateway asked for, those over its tunnels and those without a tunnel."""
        below = {(_last(tunnel.get("region")), str(tunnel["name"])): tunnel for tunnel in self.tunnels}
        found = []
        for router in self.routers:
            for peer in router.get("peers") or []:
                tunnel = below.get((str(router.get("region")), str(peer.get("linked_vpn_tunnel"))))
                if tunnel or not (self.sheet.asked.vpn_gateway and peer.get("linked_vpn_tunnel") and self.tunnels_read):
                    found.append(Session(router, peer, tunnel))
        return found

    def judge(self) -> None:
        for what, answer in self.answers.items():
            if answer is not None and "routers" not in answer and "tunnels" not in answer:
                self.sheet.unread(what, answer)
        unread = (self.answers["Cloud Routers"] or {}).get("unread") or []
        self.sheet.unproven += len(unread)
        self.sheet.warnings += unread
        if not self.read:
            return
        if not self.routers:
            name = self.sheet.asked.router or ""
            message = f"there is no Cloud Router {name}".rstrip()
            self.sheet.absent("router", name, "router-not-found", message, "check project, network and region")
        elif not self.sessions:
            names = ", ".join(str(router["name"]) for router in self.routers)
            self.sheet.absent("router", names, bgp.SESSION_DOWN, f"{names}: no BGP peer", "give the router one")
        groups: dict[tuple[str, ...], list[Session]] = collections.defaultdict(list)
        for session in self.sessions:
            groups[self._group(session.router, session.tunnel, session.peer)].append(session)
        self._judge_tunnels(groups)
        for key, sessions in groups.items():
            self._judge_sessions(sessions, self._carries(groups, key))
        for key, sessions in groups.items():
            self._judge_redundancy(key, sessions)
        self._judge_ranges()

    # -- tunnels and sessions

    def _group(self, router: Json, tunnel: Json | None, peer: Json | None) -> tuple[str, ...]:
        """What stands in for one another: the sessions of a router with one peer gateway.

        One whose tunnel is not known goes with those that have the same peer's ASN.
        """
        asn = (peer or {}).get("peer_asn")
        alike = [
            session.tunnel
            for session in self.sessions
            if session.tunnel and session.router is router and session.peer.get("peer_asn") == asn
        ]
        for known in (tunnel, *alike):
            far = (known or {}).get("peerExternalGateway") or (known or {}).get("peerGcpGateway")
            if far:
                return str(router.get("region")), str(router["name"]), _last(far)
        return str(router.get("region")), str(router["name"]), f"AS {asn}"

    @staticmethod
    def _carries(groups: t.Mapping[tuple[str, ...], list[Session]], key: tuple[str, ...]) -> bool:
        return any(session.up and session.enabled for session in groups.get(key) or [])

    def _judge_tunnels(self, groups: t.Mapping[tuple[str, ...], list[Session]]) -> None:
        over = {id(session.tunnel): session for session in self.sessions if session.tunnel}
        for tunnel in self.tunnels:
            status, details = str(tunnel.get("status")), str(tunnel.get("detailedStatus") or "no reason given")
            self.sheet.row("tunnel", str(tunnel["name"]), status, details.rstrip("."))
            if status == "ESTABLISHED":
                continue
            session = over.get(id(tunnel))
            router = session.router if session else {"region": _last(tunnel["region"]), "name": _last(tunnel["router"])}
            key = self._group(router, tunnel, session.peer if session else None)
            self.sheet.find(
                TUNNEL_DOWN,
                str(tunnel["name"]),
                f"tunnel {tunnel['name']} is {status} ({details.rstrip('.')})",
                "compare keys, IKE versions and outside addresses of both ends",
                fails=self.sheet.asked.redundancy or not self._carries(groups, key),
            )

    def _judge_sessions(self, sessions: list[Session], carries: bool) -> None:
        fails = self.sheet.asked.redundancy or not carries
        disabled = not any(session.enabled for session in sessions)
        suspected = self._refused_by_peer(sessions)
        for session in sessions:
            peer = session.peer
            tunnel = peer.get("linked_vpn_tunnel")
            sent, learned = len(peer.get("advertised_ranges") or []), peer.get("num_learned_routes") or 0
            said = [f"sends {sent}, learns {learned}"] if session.up else []
            said += [f"{session.too_many['count']} of {session.too_many['limit']} prefixes"] if session.too_many else []
            said += [f"via {tunnel}"] if tunnel else []
            self.sheet.row("session", session.where, session.state, ", ".join(said))
            if session.too_many:
                self._find_too_many(session, session.too_many)
            if session.down:
                why = self._why_down(session, suspected=suspected)
                self.sheet.find(
                    bgp.SESSION_DOWN, session.where, f"{session.where} is {session.state}: {why}", fails=fails
                )
            elif disabled:
                self.sheet.find(bgp.SESSION_DOWN, session.where, f"{session.where} is disabled", "enable the peer")
        if suspected:
            router, first = sessions[0].router["name"], sessions[0].peer.get("prefix_headroom") or {}
            self.sheet.find(
                bgp.OVER_LIMIT,
                str(router),
                f"AWS probably ends {router}'s sessions for too many prefixes: all are Idle over tunnels that are up, "
                f"and addresses and ASNs agree. It takes {first.get('limit', bgp.PREFIX_LIMIT)} prefixes, and the "
                f"configuration makes {first.get('count', 0)}; what is advertised from elsewhere, such as a Network "
                "Connectivity Center hub, no API counts while a session is down",
                "see the router's log, and advertise aggregates (CUSTOM advertisement)",
            )

    def _find_too_many(self, session: Session, headroom: Json) -> None:
        count, fewer = headroom["count"], headroom.get("aggregated_count") or headroom["count"]
        aggregates = f"advertise aggregates (they would make {fewer}), or" if fewer < count else "advertise"
        self.sheet.find(
            bgp.OVER_LIMIT,
            session.where,
            f"{session.where} sends {count} prefixes, and its peer takes {headroom['limit']}",
            f"{aggregates} fewer ranges (CUSTOM advertisement), or use a peer that takes more (a transit gateway)",
        )

    def _refused_by_peer(self, sessions: list[Session]) -> bool:
        """Whether every session is ended by AWS for no reason that can be read.

        Its ends cannot be switched off, so that what is left is the limit on prefixes.
        """
        ends = [self.ends.get(str((session.tunnel or {}).get("peerIp"))) for session in sessions]
        return bool(sessions) and all(
            session.down
            and session.state == "Idle"
            and not session.too_many
            and (session.tunnel or {}).get("status") == "ESTABLISHED"
            and end is not None
            and end.status_message == IPSEC_UP
            and not _disagreements(session, end)
            for session, end in zip(sessions, ends, strict=True)
        )

    def _why_down(self, session: Session, *, suspected: bool) -> str:
        peer, name = session.peer, session.peer.get("linked_vpn_tunnel")
        if session.tunnel is None and name and self.tunnels_read:
            return f"its tunnel {name} does not exist"
        if session.tunnel is None and self.tunnels_read:
            return "no VPN tunnel is linked to its interface"
        if session.tunnel and session.tunnel.get("status") != "ESTABLISHED":
            return f"its tunnel {name} is {session.tunnel.get('status')}"
        if peer.get("status_reason"):
            return str(peer["status_reason"])
        end = self.ends.get(str((session.tunnel or {}).get("peerIp")))
        differ = _disagreements(session, end) if end else []
        if differ:
            return "; ".join(differ)
        if session.too_many:
            return f"its peer takes {session.too_many['limit']} prefixes, and it sends {session.too_many['count']}"
        if suspected:
            return f"its tunnel {name} is up, and AWS ends the session"
        on = f" (tunnel {name})" if name else ""
        return f"no cause is known{on}; compare addresses, ASNs and MD5 keys of both ends"

    def _judge_redundancy(self, key: tuple[str, ...], sessions: list[Session]) -> None:
        lost = [session.peer["name"] for session in sessions if session.down]
        enabled = [session for session in sessions if session.enabled]
        if not lost or len(lost) == len(enabled):
            return
        self.sheet.find(
            REDUNDANCY_LOST,
            key[1],
            f"{len(lost)} of {_count(len(enabled), 'session')} of {key[1]} with {key[2]} are down "
            f"({', '.join(lost)}); the others carry the traffic",
            fails=self.sheet.asked.redundancy,
        )

    # -- ranges

    def ranges(self, router: Json | None = None) -> list[addressing.Range]:
        """What the other side has to hear of: what was asked for, and pods' ranges (of a router's network)."""
        asked = list(self.sheet.asked.ranges)
        known = {item.cidr for item in asked}
        for item in self.pods:
            if item["cidr"] not in known and (router is None or item["network"] == router.get("network")):
                asked.append(addressing.Range(item["cidr"], item["name"]))
        return asked

    def _judge_ranges(self) -> None:
        for router in self.routers:
            mine = [session for session in self.sessions if session.router is router]
            if not mine:
                # of Cloud NAT, say
                continue
            nowhere = {item["range"]: item for item in router.get("missing_ranges") or []}
            for wanted in self.ranges(router):
                up = [session for session in mine if session.up]
                lacking = [
                    (session, item)
                    for session in up
                    for item in session.peer.get("missing_ranges") or []
                    if item["range"] == wanted.cidr
                ]
                everywhere = wanted.cidr in nowhere or not up
                if everywhere:
                    self.missing.add(wanted.cidr)
                state = "advertised"
                if everywhere:
                    state = "planned" if self.sheet.asked.planned else "not advertised"
                elif lacking:
                    state = "not on all"
                says = f"by {_count(len(up) - len(lacking), 'session')} of {router['name']}"
                self.sheet.row("range", wanted.label, state, wanted.cidr if everywhere else f"{wanted.cidr} {says}")
                if everywhere and self.sheet.asked.planned:
                    self.sheet.planned += 1
                elif everywhere and up:
                    item = nowhere[wanted.cidr]
                    self.sheet.find(item["code"], str(router["name"]), f"{router['name']}: {item['message']}")
                else:
                    for session, item in lacking:
                        self.sheet.find(item["code"], session.where, item["message"])


def _disagreements(session: Session, end: End) -> list[str]:
    """In what a session and AWS's end of its tunnel differ, in words."""
    peer, found = session.peer, []
    for what, ours, theirs in (
        ("peer's ASN", peer.get("peer_asn"), end.gateway_asn),
        ("router's ASN", session.router.get("asn"), end.customer_asn),
        ("peer's address", peer.get("peer_ip_address"), end.aws_inside_address),
        ("router's address", peer.get("ip_address"), end.customer_inside_address),
    ):
        if ours and theirs and str(ours) != str(theirs):
            found.append(f"the {what} is {ours}, and AWS has {theirs}")
    return found


# ---------------------------------------------------------------------------------------------------------------------
# AWS's side


class Amazon:
    """VPN connections at AWS, their tunnels, and what the route tables have."""

    def __init__(self, sheet: Sheet, answer: Json, google: Google) -> None:
        self.sheet = sheet
        self.answer = answer
        self.google = google
        #: Google's tunnels by AWS's addresses
        self.tunnels = {str(tunnel.get("peerIp")): tunnel for tunnel in google.tunnels if tunnel.get("peerIp")}
        self.sessions = {
            str(session.tunnel.get("peerIp")): session for session in google.sessions if session.tunnel is not None
        }

    def judge(self) -> None:
        vpns = self.answer.get("vpns")
        if vpns is None:
            code = (self.answer.get("error") or {}).get("code")
            if code in NOT_THERE and self.sheet.asked.planned:
                self.sheet.later("AWS VPN", "", "its VPC or gateway is not there")
            else:
                self.sheet.unread("AWS VPN", self.answer)
            return
        if not vpns:
            check = "check region, account and verify_aws_vpn"
            self.sheet.absent("AWS VPN", "", "aws-vpn-not-found", "AWS has no such VPN", check)
        for vpn in vpns:
            self._judge_tunnels(vpn)
            self._judge_ranges(vpn)

    def _ours(self, vpn: Json) -> list[tuple[str, Json]]:
        """The tunnels with their names; where Google's are known, only of connections that one of those leads to."""
        found = []
        for connection in vpn.get("connections") or []:
            tunnels = connection.get("tunnels") or []
            if not self.tunnels or any(str(item.get("outside_ip_address")) in self.tunnels for item in tunnels):
                found += [(f"{connection['id']}/{item.get('outside_ip_address')}", item) for item in tunnels]
        return found

    def _judge_tunnels(self, vpn: Json) -> None:
        ours = self._ours(vpn)
        connections = vpn.get("connections") or []
        gateway = (vpn.get("gateway") or {}).get("id") or vpn.get("name") or "the VPN"
        if connections and not ours:
            self.sheet.warnings.append(f"no VPN connection of {gateway} leads to a tunnel that was read at Google")
        carries = any(self._is_up(item) and item.get("accepted_route_count") for _name, item in ours)
        spoken = set()
        for name, item in ours:
            address = str(item.get("outside_ip_address"))
            status, said = (
                str(item.get("status") or "not reported"),
                str(item.get("status_message") or "no reason given"),
            )
            accepts = ", accepts 0" if status == "UP" and not item.get("accepted_route_count") else ""
            here = self.tunnels.get(address)
            leads = f"{here['name']}: " if here else ""
            self.sheet.row("AWS tunnel", name, status, f"{leads}{said}{accepts}")
            if status != "UP" or not item.get("accepted_route_count"):
                spoken.add(address)
                self._judge_tunnel(name, item, status, said, carries=carries)
        self.sheet.warnings += [
            text for text in vpn.get("warnings") or [] if not any(f"({address})" in text for address in spoken)
        ]

    @staticmethod
    def _is_up(item: Json) -> bool:
        return item.get("status") == "UP"

    def _judge_tunnel(self, name: str, item: Json, status: str, said: str, *, carries: bool) -> None:
        """One that is down or accepts nothing. What Google's side explains is not said again."""
        address = str(item.get("outside_ip_address"))
        here, session = self.tunnels.get(address), self.sessions.get(address)
        fails = self.sheet.asked.redundancy or not carries
        if self.tunnels and here is None:
            told = f"{name} at AWS has no tunnel at Google"
            self.sheet.find(TUNNEL_DOWN, name, told, "make it, as podreach.gke.site does", fails=fails)
        elif session and session.up and status != "UP":
            self.sheet.warnings.append(
                f"AWS still reports {name} {status} ({said}), while {session.where} is {session.state}: "
                "its report may lag by minutes"
            )
        elif (here and here.get("status") != "ESTABLISHED") or (session and not session.up):
            return
        elif status != "UP":
            code = bgp.SESSION_DOWN if said == IPSEC_UP else TUNNEL_DOWN
            self.sheet.find(code, name, f"AWS has {name} {status}: {said}", fails=fails)
        else:
            self.sheet.find(
                NO_ROUTE_ACCEPTED,
                name,
                f"{name} is up, and AWS accepted no route over it",
                "see what its session advertises",
                fails=fails,
            )

    def _judge_ranges(self, vpn: Json) -> None:
        tables = vpn.get("route_tables") or []
        gateway = vpn.get("gateway") or {}
        where = str(gateway.get("id") or vpn.get("name") or "AWS")
        by_transit = gateway.get("type") == "transit_gateway"
        learned = _ipv4(vpn.get("propagated_ranges") or [])
        routed = _ipv4([cidr for table in tables for cidr in table.get("ranges") or []])
        blocks = _ipv4(vpn.get("vpc_ranges") or [])
        for wanted in self.google.ranges():
            inside = [block for block in blocks if addressing.parse(block).overlaps(addressing.parse(wanted.cidr))]
            if inside:
                self.sheet.row("AWS route", wanted.label, "shadowed", f"{wanted.cidr}, the VPC has {inside[0]}")
                self.sheet.find(
                    SHADOWED,
                    where,
                    f"{wanted.label} ({wanted.cidr}) overlaps {inside[0]} of the VPC, whose local route always "
                    "wins, so no answer leaves AWS",
                    "give one of the two another range",
                )
                continue
            shown = wanted.cidr if wanted.label == wanted.cidr else f"{wanted.label} ({wanted.cidr})"
            unknown = bgp.coverage(wanted.cidr, learned if by_transit else {*learned, *routed}).missing
            unrouted = by_transit and bgp.coverage(wanted.cidr, routed).missing
            if not unknown and not unrouted:
                lacking = [
                    table for table in tables if bgp.coverage(wanted.cidr, _ipv4(table.get("ranges") or [])).missing
                ]
                some = f" in {len(tables) - len(lacking)} of {len(tables)} route tables" if lacking else ""
                self.sheet.row("AWS route", wanted.label, "present", f"{wanted.cidr}{some}")
                if by_transit:
                    self.sheet.warnings += [
                        f"route table {table.get('name') or table['id']} has no route to {shown}" for table in lacking
                    ]
                continue
            if self.sheet.asked.planned:
                self.sheet.later("AWS route", wanted.label, wanted.cidr)
                continue
            gaps = ", ".join(unknown or unrouted or ())
            gap = "" if gaps == wanted.cidr else f", {gaps} is missing"
            self.sheet.row("AWS route", wanted.label, "missing", f"{wanted.cidr}{gap}")
            off = [str(table.get("name") or table["id"]) for table in tables if not table.get("propagating")]
            if unrouted and not unknown:
                self.sheet.find(
                    "tgw-route-missing",
                    where,
                    f"no route table of the VPC sends {shown} to {where}{gap}",
                    "give the subnets' tables a route",
                )
            elif not by_transit and tables and len(off) == len(tables):
                self.sheet.find(
                    PROPAGATION_OFF,
                    where,
                    f"no route table takes routes of {where}, so {shown} has none",
                    f"enable propagation on the table of the instances' subnet ({', '.join(off)})",
                )
            elif wanted.cidr not in self.google.missing:
                # else what is missing at Google is the cause
                self.sheet.find(
                    "tgw-propagation" if by_transit else NOT_PROPAGATED,
                    where,
                    f"{shown} is in no route table behind {where}{gap}",
                    "see whether a session advertises it, AWS accepts it and the gateway propagates it",
                )


def _ipv4(ranges: t.Iterable[str]) -> list[str]:
    """IPv4 ranges among the texts; a prefix list's id, say, is none."""
    found = []
    for text in ranges:
        try:
            found.append(str(ipaddress.IPv4Network(text)))
        except ValueError:
            continue
    return found


# ---------------------------------------------------------------------------------------------------------------------
# Flows


def _judge_flow(sheet: Sheet, result: Json) -> bool:
    """One flow; returns whether it was run."""
    flow = result.get("item") or {}
    name = str(flow.get("name") or f"{flow.get('kind')} {flow.get('url') or flow.get('target')}")
    expected = str(flow.get("expect") or "reachable")
    code = (result.get("error") or {}).get("code")
    ran = bool(result.get("ran")) and code in (None, "not-as-expected")
    reachable = result.get("reachable")
    here = f"from {flow['cluster']}, " if flow.get("cluster") else ""
    if not ran or reachable is None:
        why = str(result.get("msg") or "the check gave no answer")
        if result.get("ran") is False and code is None:
            sheet.row("flow", name, "not run", f"{here}expected {expected}: check mode")
            sheet.unproven += 1
        else:
            sheet.row("flow", name, "not run", f"{here}expected {expected}")
            sheet.find("flow-not-run", name, f"{name}: {why}")
        return False
    seen = "reachable" if reachable else "unreachable"
    reason = "" if reachable else f": {result.get('reason') or 'no reason given'}"
    sheet.row("flow", name, seen, f"{here}expected {expected}{reason}")
    if expected not in ("any", seen):
        told = str(result.get("msg") or f"it is {seen}, and {expected} was expected")
        output = str(result.get("output") or "").strip()
        told = told.removesuffix(output).rstrip(". ") if output else told
        if reachable:
            sheet.find("flow-not-blocked", name, f"{name}: {told}")
        else:
            sheet.find("flow-unreachable", name, f"{name}: {told}", UNREACHABLE_MEND)
    return True
