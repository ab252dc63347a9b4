# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which destinations a node's pods reach with their own address: pure rules, no clock and no store.

The agent's configuration is read as https://github.com/kubernetes-sigs/ip-masq-agent does (cmd/ip-masq-agent); the
chain that GKE writes on a new node is that of https://github.com/GoogleCloudPlatform/netd. When each of them applies:
https://cloud.google.com/kubernetes-engine/docs/concepts/ip-masquerade-agent
"""

from __future__ import annotations

import dataclasses
import ipaddress
import posixpath
import typing as t

from . import golang
from .facts import MasqueradeChain

Object = dict[str, t.Any]

LINK_LOCAL = "169.254.0.0/16"
PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
RESERVED = (
    "100.64.0.0/10",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "240.0.0.0/4",
)
GKE_CHAIN = "IP-MASQ"
AGENT_CHAIN = "IP-MASQ-AGENT"
CONFIG_FILE = "/etc/config/ip-masq-agent"
RESYNC = 60.0


class Rejected(Exception):
    """Why the agent does not take a configuration, in its own words."""


# ---- the agent


@dataclasses.dataclass(frozen=True)
class Flags:
    """The agent's command line."""

    chain: str = AGENT_CHAIN
    all_reserved: bool = False
    ipv6: bool = False
    verbosity: int = 0


@dataclasses.dataclass(frozen=True)
class Config:
    """The agent's configuration in force. resync is in seconds."""

    cidrs: tuple[str, ...]
    cidr_limit: int = 64
    link_local: bool = False
    link_local_ipv6: bool = False
    resync: float = RESYNC


_KNOWN: dict[str, str | bool] = {
    "masq-chain": AGENT_CHAIN,
    "to-ports": "",
    "nomasq-all-reserved-ranges": False,
    "enable-ipv6": False,
    "random-fully": True,
    "v": "0",
    "vmodule": "",
    "version": "",
    "logtostderr": True,
    "alsologtostderr": False,
    "legacy_stderr_threshold_behavior": True,
    "stderrthreshold": "2",
    "log_dir": "",
    "log_file": "",
    "log_file_max_size": "1800",
    "log_backtrace_at": "",
    "one_output": False,
    "add_dir_header": False,
    "skip_headers": False,
    "skip_log_headers": False,
}


def flags_of(arguments: t.Iterable[str]) -> Flags:
    """What the arguments of its container tell the agent; Rejected when it would exit at once."""
    try:
        found = golang.parse_flags(arguments, _KNOWN)
    except golang.GoError as error:
        raise Rejected(str(error)) from None
    verbosity = str(found["v"])
    return Flags(
        str(found["masq-chain"]),
        bool(found["nomasq-all-reserved-ranges"]),
        bool(found["enable-ipv6"]),
        int(verbosity) if verbosity.isdigit() else 0,
    )


def defaults(flags: Flags) -> Config:
    """The configuration without a file."""
    return Config(PRIVATE + RESERVED if flags.all_reserved else PRIVATE)


def read(text: str, flags: Flags) -> Config:
    """The configuration that a file sets, over the defaults; Rejected when the agent keeps what it had."""
    try:
        config = _decode(golang.load(text), defaults(flags))
        _validate(config, flags)
    except golang.GoError as error:
        raise Rejected(str(error)) from None
    return config


def _decode(document: t.Any, config: Config) -> Config:
    """json.Unmarshal into the struct: case of keys is ignored, so are unknown keys; null changes nothing but a list."""
    if document is None:
        return config
    if not isinstance(document, golang.Members):
        raise golang.GoError(f"json: cannot unmarshal {golang.kind_of(document)} into Go value of type main.MasqConfig")
    values: dict[str, t.Any] = {}
    first_error = ""
    for key, value in document:
        name = _FIELDS.get(key.casefold())
        if name is None:
            continue
        try:
            before = values.get(name, getattr(config, name))
            values[name] = _DECODERS[name](value, before)
        except _Mismatch as error:
            first_error = first_error or str(error)
    if first_error:
        raise golang.GoError(first_error)
    return dataclasses.replace(config, **values)


class _Mismatch(Exception):
    """Go notes a wrong type and goes on; the first one is the error in the end."""

    def __init__(self, value: t.Any, field: str, kind: str, text: str = "") -> None:
        what = f"{golang.kind_of(value)}{text and ' ' + text}"
        super().__init__(f"json: cannot unmarshal {what} into Go struct field MasqConfig.{field} of type {kind}")


def _cidrs(value: t.Any, before: tuple[str, ...]) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or isinstance(value, golang.Members):
        raise _Mismatch(value, "nonMasqueradeCIDRs", "[]string")
    found = []
    for at, item in enumerate(value):
        if item is None:  # Go decodes into the elements that the list had before, and null leaves them alone
            found.append(before[at] if at < len(before) else "")
        elif not isinstance(item, str) or isinstance(item, golang.Number):
            raise _Mismatch(item, "nonMasqueradeCIDRs", "string")
        else:
            found.append(item)
    return tuple(found)


def _limit(value: t.Any, before: int) -> int:
    if value is None:
        return before
    if not isinstance(value, golang.Number):
        raise _Mismatch(value, "cidrLimit", "int")
    try:
        return int(value)
    except ValueError:
        raise _Mismatch(value, "cidrLimit", "int", value) from None


def _switch(field: str) -> t.Callable[[t.Any, bool], bool]:
    def decode(value: t.Any, before: bool) -> bool:
        if value is None:
            return before
        if not isinstance(value, bool):
            raise _Mismatch(value, field, "bool")
        return value

    return decode


def _resync(value: t.Any, before: float) -> float:
    """A duration decodes itself, from a string: null is the empty one, which is none."""
    if value is not None and (not isinstance(value, str) or isinstance(value, golang.Number)):
        raise golang.GoError(str(_Mismatch(value, "resyncInterval", "string")))
    return golang.duration(value or "")


_DECODERS: dict[str, t.Callable[[t.Any, t.Any], t.Any]] = {
    "cidrs": _cidrs,
    "cidr_limit": _limit,
    "link_local": _switch("masqLinkLocal"),
    "link_local_ipv6": _switch("masqLinkLocalIPv6"),
    "resync": _resync,
}
_FIELDS = {
    "nonmasqueradecidrs": "cidrs",
    "cidrlimit": "cidr_limit",
    "masqlinklocal": "link_local",
    "masqlinklocalipv6": "link_local_ipv6",
    "resyncinterval": "resync",
}


def _validate(config: Config, flags: Flags) -> None:
    count = len(config.cidrs)
    if count > config.cidr_limit:
        raise golang.GoError(
            f"the daemon can only accept up to {config.cidr_limit} CIDRs (excluding link-local), "
            f"but got {count} CIDRs (excluding link local)"
        )
    for cidr in config.cidrs:
        try:
            address, network = golang.parse_cidr(cidr)
        except golang.GoError as error:
            raise golang.GoError(f"CIDR {golang.quote(cidr)} could not be parsed, {error}") from None
        if address != network.network_address:
            raise golang.GoError(
                f'CIDR {golang.quote(cidr)} is not aligned to a CIDR block, ip: "{address}" network: "{network}"'
            )
        if address.version == 6 and not flags.ipv6:
            raise golang.GoError(
                f"ipv6 is not enabled, but ipv6 cidr {cidr} provided. Enable ipv6 using --enable-ipv6 agent flag"
            )


def agent_chain(config: Config, flags: Flags) -> MasqueradeChain:
    """The IPv4 rules that the agent writes. They do not look at the source: forwarded packets are masqueraded too."""
    keep = () if config.link_local else (LINK_LOCAL,)
    return MasqueradeChain(flags.chain, _distinct((*keep, *config.cidrs)), pods_only=False)


def as_json(config: Config) -> str:
    """The configuration as the agent logs it."""
    cidrs = ",".join(golang.quote(item) for item in config.cidrs)
    return (
        f'{{"nonMasqueradeCIDRs":{f"[{cidrs}]" if cidrs else "null"},"cidrLimit":{config.cidr_limit},'
        f'"masqLinkLocal":{str(config.link_local).lower()},"masqLinkLocalIPv6":{str(config.link_local_ipv6).lower()},'
        f'"resyncInterval":"{go_duration(config.resync)}"}}'
    )


def go_duration(seconds: float) -> str:
    """time.Duration.String of whole milliseconds."""
    if seconds == 0:
        return "0s"
    sign, left = ("-", -seconds) if seconds < 0 else ("", seconds)
    if left < 1:
        return f"{sign}{left * 1000:g}ms"
    hours, left = divmod(left, 3600)
    minutes, left = divmod(left, 60)
    text = f"{left:g}s"
    if hours or minutes:
        text = f"{minutes:.0f}m{text}"
    return f"{sign}{f'{hours:.0f}h' if hours else ''}{text}"


# ---- the agent's pod


def is_agent(container: Object) -> bool:
    """By its image: gke.gcr.io/ip-masq-agent:v2..., registry.k8s.io/networking/ip-masq-agent@sha256:..."""
    return image_name(container.get("image", "")) == "ip-masq-agent"


def image_name(image: str) -> str:
    """The last word of an image's repository, without tag and digest."""
    return image.split("@")[0].rsplit("/", 1)[-1].split(":")[0]


def arguments_of(container: Object) -> list[str]:
    """What follows the program's name, be it given in the image or in `command`."""
    return [*container.get("command", [])[1:], *container.get("args", [])]


def may_write(spec: Object, container: Object) -> bool:
    """Whether the agent can change the rules of its node: in the node's network, with the right to."""
    security = container.get("securityContext") or {}
    added = (security.get("capabilities") or {}).get("add") or []
    allowed = bool(security.get("privileged")) or any(item in ("NET_ADMIN", "CAP_NET_ADMIN", "ALL") for item in added)
    return bool(spec.get("hostNetwork")) and allowed


class Unmountable(Exception):
    """Why the kubelet cannot fill a volume: the pod does not start; one that runs keeps the files that it has."""


def config_file(spec: Object, container: Object, config_map: t.Callable[[str], Object | None]) -> str | None:
    """The content of the agent's file, None when there is none. `config_map` finds a ConfigMap of the namespace."""
    volumes = {item["name"]: item for item in spec.get("volumes", [])}
    mounts = sorted(container.get("volumeMounts", []), key=lambda item: -len(item["mountPath"]))
    for mount in mounts:
        where = posixpath.normpath(mount["mountPath"])
        if where != CONFIG_FILE and not CONFIG_FILE.startswith(where.rstrip("/") + "/"):
            continue
        source = volumes.get(mount["name"], {}).get("configMap")
        if source is None:
            return None
        files = volume_files(source, config_map(source.get("name", "")))
        inside = posixpath.relpath(CONFIG_FILE, where)
        path = posixpath.normpath(posixpath.join(mount.get("subPath", ""), "" if inside == "." else inside))
        return files.get(path)
    return None


def volume_files(source: Object, config_map: Object | None) -> dict[str, str]:
    """The files of a configMap volume: https://kubernetes.io/docs/concepts/storage/volumes/#configmap"""
    name, optional = source.get("name", ""), bool(source.get("optional"))
    if config_map is None:
        if optional:
            return {}
        raise Unmountable(f'configmap "{name}" not found')
    data = dict(config_map.get("data") or {})
    if "items" not in source or source["items"] is None:
        return data
    found = {}
    for item in source["items"]:
        if item["key"] in data:
            found[posixpath.normpath(item["path"])] = data[item["key"]]
        elif not optional:
            raise Unmountable(f"configmap references non-existent config key: {item['key']}")
    return found


# ---- what GKE does without an agent


def node_chain() -> MasqueradeChain:
    """GKE's own chain of a Linux node."""
    return MasqueradeChain(GKE_CHAIN, (LINK_LOCAL, *PRIVATE, *RESERVED), pods_only=False)


def windows_chain(ranges: t.Iterable[str]) -> MasqueradeChain:
    """Windows nodes keep pods' addresses within the cluster's own ranges only."""
    return MasqueradeChain("WINDOWS-NAT", _distinct(ranges), pods_only=True)


def policy_chain(policies: t.Iterable[Object], ranges: t.Iterable[str]) -> MasqueradeChain:
    """Autopilot: EgressNATPolicy objects name what is not translated; the cluster's own ranges never are.
    https://cloud.google.com/kubernetes-engine/docs/how-to/egress-nat-policy-ip-masq-autopilot"""
    named = [
        destination["cidr"]
        for policy in policies
        if policy.get("spec", {}).get("action") == "NoSNAT"
        for destination in policy["spec"].get("destinations") or []
        if _is_ipv4(destination.get("cidr"))
    ]
    return MasqueradeChain("EGRESS-NAT-POLICY", _distinct((LINK_LOCAL, *ranges, *named)), pods_only=True)


def default_policy() -> Object:
    """The policy named default that a new Autopilot cluster has; its owner may edit it."""
    destinations = [{"cidr": item} for item in PRIVATE + RESERVED]
    return _policy("default", destinations)


def managed_policy(digest: str, ranges: t.Iterable[str]) -> Object:
    """The one that GKE keeps for itself."""
    return _policy(f"gke-{digest}-1", [{"cidr": item} for item in _distinct(ranges)])


def _policy(name: str, destinations: list[Object]) -> Object:
    return {
        "apiVersion": "networking.gke.io/v1",
        "kind": "EgressNATPolicy",
        "metadata": {"name": name},
        "spec": {"action": "NoSNAT", "destinations": destinations},
    }


def deployed(cluster: Object) -> bool:
    """The lab's rule for whether GKE deploys the agent to a cluster (its body). Google documents no complete one:
    clusters with pods outside 10.0.0.0/8 have it, so do those with network policy or Workload Identity."""
    if is_autopilot(cluster):
        return False
    pods = cluster.get("clusterIpv4Cidr")
    if pods and not ipaddress.IPv4Network(pods).subnet_of(ipaddress.IPv4Network("10.0.0.0/8")):
        return True
    if cluster.get("networkPolicy", {}).get("enabled"):
        return True
    return bool(cluster.get("workloadIdentityConfig", {}).get("workloadPool")) and not snat_disabled(cluster)


def snat_disabled(cluster: Object) -> bool:
    return bool(cluster.get("networkConfig", {}).get("defaultSnatStatus", {}).get("disabled"))


def is_autopilot(cluster: Object) -> bool:
    return bool(cluster.get("autopilot", {}).get("enabled"))


def _is_ipv4(text: t.Any) -> bool:
    try:
        ipaddress.IPv4Network(str(text))
    except ValueError:
        return False
    return True


def _distinct(items: t.Iterable[str]) -> tuple[str, ...]:
    """IPv4 only, each once, in order."""
    return tuple(dict.fromkeys(item for item in items if ":" not in item))
