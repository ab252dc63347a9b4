# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Google's side of a path: routers, sessions, tunnels and what is advertised."""

from __future__ import annotations

import collections
import dataclasses
import typing as t

from .. import addressing, bgp
from .sheet import Json, Sheet, count, last

TUNNEL_DOWN = "tunnel-down"
REDUNDANCY_LOST = "redundancy-lost"

#: What AWS says where IPsec is up and BGP is not; its status is DOWN then.
#: https://docs.aws.amazon.com/vpn/latest/s2svpn/monitoring-overview-vpn.html
IPSEC_UP = "IPSEC IS UP"


@dataclasses.dataclass(frozen=True)
class End:
    """AWS's end of a tunnel, as far as a session must agree with it."""

    gateway_asn: int | None
    customer_asn: int | None
    aws_inside_address: str | None
    customer_inside_address: str | None
    status: str | None
    status_message: str


def aws_ends(answer: Json | None) -> dict[str, End]:
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
            region, name = last(tunnel.get("region")), str(tunnel["name"])
            if gateway:
                mine = last(tunnel.get("vpnGateway")) == last(gateway) and (not regions or region in regions)
            else:
                mine = (region, name) in linked or (region, last(tunnel.get("router"))) in names
            if mine:
                found.append(tunnel)
        return found

    def _sessions(self) -> list[Session]:
        """The sessions that matter: with a gateway asked for, those over its tunnels and those without a tunnel."""
        below = {(last(tunnel.get("region")), str(tunnel["name"])): tunnel for tunnel in self.tunnels}
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
                return str(router.get("region")), str(router["name"]), last(far)
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
            router = session.router if session else {"region": last(tunnel["region"]), "name": last(tunnel["router"])}
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
                f"AWS probably ends {router}'s sessions for too many prefixes: all keep failing over tunnels that are "
                f"up, and addresses and ASNs agree. It takes {first.get('limit', bgp.PREFIX_LIMIT)} prefixes, and the "
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
        # one that was ended is tried again after a while: not all need be Idle at the same moment
        ended = any(session.state == "Idle" for session in sessions)
        return ended and all(
            session.down
            and not session.too_many
            and (session.tunnel or {}).get("status") == "ESTABLISHED"
            and end is not None
            and end.status_message == IPSEC_UP
            and not disagreements(session, end)
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
        differ = disagreements(session, end) if end else []
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
            f"{len(lost)} of {count(len(enabled), 'session')} of {key[1]} with {key[2]} are down "
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
                says = f"by {count(len(up) - len(lacking), 'session')} of {router['name']}"
                self.sheet.row("range", wanted.label, state, wanted.cidr if everywhere else f"{wanted.cidr} {says}")
                if everywhere and self.sheet.asked.planned:
                    self.sheet.planned += 1
                elif everywhere and up:
                    item = nowhere[wanted.cidr]
                    self.sheet.find(item["code"], str(router["name"]), f"{router['name']}: {item['message']}")
                else:
                    for session, item in lacking:
                        self.sheet.find(item["code"], session.where, item["message"])


def disagreements(session: Session, end: End) -> list[str]:
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
