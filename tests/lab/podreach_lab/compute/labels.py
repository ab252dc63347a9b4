# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""setLabels, which several collections have alike."""

from __future__ import annotations

from ..core import Call
from ..faults import bad_fingerprint
from ..state import Body, Resource
from .common import ready


def set_labels(call: Call, resource: Resource) -> Body:
    """Replace all labels; the request must name the fingerprint of the present ones."""
    ready(resource)
    if call.body.get("labelFingerprint") != resource.body["labelFingerprint"]:
        raise bad_fingerprint()
    resource.body |= {"labels": call.body.get("labels", {}), "labelFingerprint": call.state.new_fingerprint()}
    if not resource.body["labels"]:
        del resource.body["labels"]
    call.state.changed_phase(resource)
    return call.compute_operation("setLabels", resource.path, resource.body["id"])
