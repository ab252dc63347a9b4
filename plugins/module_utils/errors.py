# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The errors that code of this collection raises, and how they look in a task's result.

Code below the edge raises one of these; the edge (module or action plugin) turns it into a failed result whose
``msg`` is :meth:`PodreachError.__str__` and whose ``error`` is :meth:`PodreachError.as_result`.
"""

from __future__ import annotations

import typing as t


class PodreachError(Exception):
    """Something that a user must hear about.

    ``code`` is a short stable identifier for programs (``range-overlap``, ``notFound``); ``message`` says what was
    wrong, where, with which value, and what to do.
    """

    code = "error"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        reason: str | None = None,
        resource: str | None = None,
        operation: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.code
        self.reason = reason
        self.resource = resource
        self.operation = operation
        #: True once something had been changed before this happened
        self.changed = False

    def as_result(self) -> dict[str, t.Any]:
        """The structured failure: always these five keys, unset ones are ``None``."""
        return {
            "code": self.code,
            "reason": self.reason,
            "message": self.message,
            "resource": self.resource,
            "operation": self.operation,
        }


class InvalidInput(PodreachError):
    """What the user gave is wrong; nothing was sent."""

    code = "invalid-input"


class Refused(PodreachError):
    """What the user asked cannot or may not be done; nothing was sent."""

    code = "refused"


class Timeout(PodreachError):
    """A deadline passed; what was begun may still go on."""

    code = "timeout"


class ApiError(PodreachError):
    """A service answered with an error. ``status`` is the HTTP status, or 0 where there was no answer.

    ``tries`` says how often it was asked: after more than one, an earlier try may have arrived.
    """

    code = "api-error"

    def __init__(self, message: str, *, status: int = 0, **kwargs: t.Any) -> None:
        super().__init__(message, **kwargs)
        self.status = status
        self.tries = 1


class Conflict(ApiError):
    """The estate moved under a call (a stale fingerprint, a lost race, a lost answer): read and plan again.

    ``unsure`` where the change may have been made all the same.
    """

    code = "conflict"

    def __init__(self, message: str, *, unsure: bool = False, **kwargs: t.Any) -> None:
        super().__init__(message, **kwargs)
        self.unsure = unsure


class Several(Refused):
    """Several refusals at once, so that a user can mend all of them in one go."""

    def __init__(self, errors: t.Sequence[PodreachError]) -> None:
        first = errors[0]
        super().__init__(
            "\n".join(dict.fromkeys(str(error) for error in errors)),
            code=first.code,
            reason=first.reason,
            resource=first.resource,
        )
        self.errors = tuple(errors)


def raise_all(errors: t.Sequence[PodreachError]) -> None:
    """Raise what there is: nothing, the one error, or all of them as one."""
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise Several(errors)
