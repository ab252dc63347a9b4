# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a pod's status says of why it does not run. Pure.

Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/
"""

from __future__ import annotations

from .client import Json

#: reasons of a container that waits which somebody has to mend
WRONG = frozenset({"InvalidImageName", "ErrImageNeverPull", "ImagePullBackOff", "CreateContainerConfigError"})
#: those, and what seldom passes by itself while anyone waits
HOPELESS = WRONG | {"CrashLoopBackOff"}


def waiting(pod: Json) -> list[Json]:
    """Containers that wait and say why, those that initialise the pod first."""
    status = pod.get("status") or {}
    found = [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]
    return [item for item in found if ((item.get("state") or {}).get("waiting") or {}).get("reason")]


def needs_mending(pod: Json) -> bool:
    """Whether it waits for somebody to correct something, and no restart helps."""
    return any(item["state"]["waiting"]["reason"] in WRONG for item in waiting(pod))


def is_ready(pod: Json) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or []
    return any(item.get("type") == "Ready" and item.get("status") == "True" for item in conditions)


def trouble(pod: Json) -> tuple[str, bool]:
    """Why a pod does not run yet, as its status says it, and whether waiting is of no use."""
    status = pod.get("status") or {}
    for item in status.get("containerStatuses") or []:
        ended = (item.get("state") or {}).get("terminated") or {}
        if ended:
            return _ending(ended), True
    for item in waiting(pod):
        reason = item["state"]["waiting"]["reason"]
        before = (item.get("lastState") or {}).get("terminated") or {}
        told = filter(None, (reason, item["state"]["waiting"].get("message"), before and _ending(before)))
        return ": ".join(told), reason in HOPELESS
    for condition in status.get("conditions") or []:
        if condition.get("status") == "False" and condition.get("message"):
            return f"{condition.get('reason')}: {condition['message']}", False
    phase = status.get("phase") or "Pending"
    return f"phase {phase} {status.get('reason') or ''} {status.get('message') or ''}".strip(), phase == "Failed"


def _ending(ended: Json) -> str:
    return f"{ended.get('reason')}: {ended.get('message') or 'exit status ' + str(ended.get('exitCode'))}"
