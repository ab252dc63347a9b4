# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small client of the admin API. Standard library only: the `lab` command works before anything is installed."""

from __future__ import annotations

import http.client
import json
import typing as t

Json = dict[str, t.Any]


class LabUnreachable(Exception):
    """Nothing answers where the lab should be."""


def request(port: int, http_method: str, path: str, body: Json | None = None, timeout: float = 60.0) -> Json:
    """One call of the admin API; raises LabUnreachable or ValueError (its answer was an error)."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request(http_method, path, json.dumps(body) if body is not None else None)
        response = connection.getresponse()
        answer = json.loads(response.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise LabUnreachable(str(error)) from None
    finally:
        connection.close()
    if response.status != 200 or not isinstance(answer, dict):
        raise ValueError(answer.get("error", answer) if isinstance(answer, dict) else str(answer))
    return answer
