# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Can this machine hold the lab's packets? If not: why, and what would help."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import pathlib
import resource
import shutil

from . import nft

LEAST_DESCRIPTORS = 2048
"""Namespaces are held open above descriptor 1024."""


class Unavailable(Exception):
    """This machine can't. `reason` says why, `remedy` what would help; both are sentences for the user."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(f"{reason} {remedy}".strip())
        self.reason = reason
        self.remedy = remedy


def check() -> None:
    """Raise Unavailable for what can be seen without trying."""
    if not os.path.isdir("/proc/self/ns"):
        raise Unavailable("Packets need Linux with network namespaces.", "The APIs work without them.")
    if shutil.which("unshare") is None:
        raise Unavailable("The program unshare is missing.", "Install util-linux: apt install util-linux")
    try:
        ctypes.CDLL(nft.LIBRARY)
    except OSError as error:
        raise Unavailable(
            f"The library {nft.LIBRARY} cannot be loaded ({error}).", "Install it: apt install nftables"
        ) from error
    if importlib.util.find_spec("pyroute2") is None:
        raise Unavailable(
            "The Python package pyroute2 is missing.", "Install it: pip install -r tests/lab/requirements.txt"
        )
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < LEAST_DESCRIPTORS:
        raise Unavailable(
            f"A process may open only {hard} files here; the lab's namespaces need {LEAST_DESCRIPTORS} and more.",
            "Raise the hard limit: `nofile` in /etc/security/limits.conf, LimitNOFILE= of a systemd service, or"
            " `docker run --ulimit nofile=16384`.",
        )


def refused(said: str) -> Unavailable:
    """Why the kernel refused the namespaces, given what unshare or the child said on its way out."""
    said = " ".join(said.split()) or "the child ended without a word"
    return Unavailable(f"The kernel refuses the lab's namespaces: {said}.", remedy(said))


def remedy(said: str) -> str:
    if setting("user/max_user_namespaces") == "0" and os.geteuid():
        return "User namespaces are switched off: sysctl -w user.max_user_namespaces=15000"
    if setting("user/max_net_namespaces") == "0":
        return "Network namespaces are switched off: sysctl -w user.max_net_namespaces=15000"
    if setting("kernel/unprivileged_userns_clone") == "0" and os.geteuid():
        return "User namespaces are root's alone here: sysctl -w kernel.unprivileged_userns_clone=1"
    if setting("kernel/apparmor_restrict_unprivileged_userns") == "1" and os.geteuid():
        return (
            "AppArmor restricts user namespaces: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or give"
            " unshare a profile with `userns,`."
        )
    if status("Seccomp") == "2":
        return (
            "A system call filter is active, as in a container. With docker: --security-opt seccomp=unconfined"
            " --security-opt apparmor=unconfined --security-opt systempaths=unconfined"
        )
    if "Read-only" in said:
        return "/proc/sys is read-only here. With docker: --security-opt systempaths=unconfined"
    if "not supported" in said:
        return "The kernel lacks a part: it needs veth, nf_tables with NAT and connection tracking, policy routing."
    return "Try `unshare -Urnpm --fork true` to see it by itself."


def setting(name: str) -> str | None:
    try:
        return pathlib.Path("/proc/sys", name).read_text(encoding="ascii").strip()
    except OSError:
        return None


def status(name: str) -> str | None:
    """A line of /proc/self/status."""
    for line in pathlib.Path("/proc/self/status").read_text(encoding="utf-8", errors="replace").splitlines():
        field, _colon, value = line.partition(":")
        if field == name:
            return value.strip()
    return None
