# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an API answers instead of a result, and how each of Google's services words it on the wire.

Compute errors carry `errors[]` with a reason and no `status`; container and the newer services add google.rpc's status
name. A fault raised inside a running operation becomes the operation's `error` instead.
"""

from __future__ import annotations

import re
import typing as t

RPC_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ALREADY_EXISTS",
    412: "FAILED_PRECONDITION",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
RPC_CODE = {
    "INVALID_ARGUMENT": 3,
    "DEADLINE_EXCEEDED": 4,
    "NOT_FOUND": 5,
    "ALREADY_EXISTS": 6,
    "PERMISSION_DENIED": 7,
    "RESOURCE_EXHAUSTED": 8,
    "FAILED_PRECONDITION": 9,
    "ABORTED": 10,
    "UNIMPLEMENTED": 12,
    "INTERNAL": 13,
    "UNAVAILABLE": 14,
    "UNAUTHENTICATED": 16,
}
REASON = {
    400: "badRequest",
    401: "authError",
    403: "forbidden",
    404: "notFound",
    409: "alreadyExists",
    412: "conditionNotMet",
    429: "rateLimitExceeded",
    500: "backendError",
    501: "notImplemented",
    503: "backendError",
}


class ApiFault(Exception):
    """A refusal. `code` is the HTTP status, `reason` Google's camelCase word, `status` google.rpc's name."""

    def __init__(
        self,
        code: int,
        message: str,
        reason: str = "",
        *,
        status: str = "",
        location: str = "",
        details: list[dict[str, t.Any]] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.reason = reason or REASON.get(code, "invalid")
        self.status = status or RPC_STATUS.get(code, "UNKNOWN")
        self.location = location
        self.details = details or []

    def body(self, service: str) -> dict[str, t.Any]:
        """The JSON body of the HTTP error, as `service` (compute, container, ...) writes it."""
        entry: dict[str, t.Any] = {"message": self.message, "domain": "global", "reason": self.reason}
        if self.location:
            entry |= {"location": self.location, "locationType": "header"}
        error: dict[str, t.Any] = {"code": self.code, "message": self.message, "errors": [entry]}
        if service != "compute" or self.code == 401:
            error["status"] = self.status
        if self.details:
            error["details"] = self.details
        return {"error": error}

    def compute_operation_error(self) -> dict[str, t.Any]:
        """The `error` of a finished compute operation: codes are UPPER_SNAKE there."""
        code = re.sub(r"(?<!^)(?=[A-Z])", "_", self.reason).upper()
        return {"errors": [{"code": code, "message": self.message}]}

    def rpc_status(self) -> dict[str, t.Any]:
        """The `error` of a finished container operation: a google.rpc.Status."""
        return {"code": RPC_CODE.get(self.status, 2), "message": self.message}


def show(value: t.Any) -> str:
    """A value as Google's messages print it between quotes."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if isinstance(value, (dict, list)) else str(value)


def invalid(field: str, value: t.Any, why: str) -> ApiFault:
    return ApiFault(400, f"Invalid value for field '{field}': '{show(value)}'. {why}", "invalid")


def required(field: str) -> ApiFault:
    return ApiFault(400, f"Required field '{field}' not specified", "required")


def not_found(path: str) -> ApiFault:
    return ApiFault(404, f"The resource '{path}' was not found", "notFound")


def already_exists(path: str) -> ApiFault:
    return ApiFault(409, f"The resource '{path}' already exists", "alreadyExists")


def not_ready(path: str) -> ApiFault:
    return ApiFault(400, f"The resource '{path}' is not ready", "resourceNotReady")


def in_use(what: str, path: str, by: str) -> ApiFault:
    return ApiFault(
        400, f"The {what} resource '{path}' is already being used by '{by}'", "resourceInUseByAnotherResource"
    )


def bad_fingerprint() -> ApiFault:
    return ApiFault(412, "Invalid fingerprint.", "conditionNotMet")
