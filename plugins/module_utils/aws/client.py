# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls of AWS's APIs: retries, errors that name the operation, waiting.

Sent again: what was throttled (it was not carried out), and reads that failed on the way. Changes are not: most of
EC2's create calls know no idempotency token, so a lost answer becomes a :class:`Conflict`, and the caller looks, by the
tags of the create call, whether it was carried out. What this client made itself may be unknown to EC2 for some
seconds: https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html
"""

from __future__ import annotations

import random
import time
import typing as t

from ..arguments import Call
from ..errors import ApiError, Conflict, InvalidInput, Refused, Timeout
from ..gcp import endpoints
from .session import Session, forget_empty_variables

try:
    import botocore.exceptions as boto
except ImportError:
    boto = None

#: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html and botocore's list of throttling codes
THROTTLED = frozenset(
    {
        "RequestLimitExceeded",
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "RequestThrottled",
        "RequestThrottledException",
        "TooManyRequestsException",
        "SlowDown",
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
    }
)
UNKNOWN_CALLER = frozenset(
    {
        "AuthFailure",
        "InvalidClientTokenId",
        "SignatureDoesNotMatch",
        "ExpiredToken",
        "ExpiredTokenException",
        "RequestExpired",
        "OptInRequired",
        "Blocked",
    }
)
FORBIDDEN = frozenset({"UnauthorizedOperation", "AccessDenied", "AccessDeniedException"})
#: Seconds that trouble on the way is put up with for one call, and that a new resource may be unknown to EC2.
PATIENCE = 120
#: Seconds that something in use is waited for, where what used it was deleted just before.
BUSY = 60
#: After this many seconds a waiting task says its first line; the next ones come at doubling intervals.
FIRST_LINE = 10
READING = ("describe_", "get_", "search_")


class Clock:
    """Time as the waits see it; tests put their own in its place."""

    now = staticmethod(time.monotonic)
    sleep = staticmethod(time.sleep)


class Client:
    """AWS's APIs for one call of a module."""

    def __init__(
        self,
        session: Session,
        *,
        timeout: float,
        wait: bool = True,
        progress: t.Callable[[str], None] | None = None,
        clock: type[Clock] | None = None,
    ) -> None:
        self.session = session
        self.wait = wait
        self._progress = progress or (lambda line: None)
        self._clock = clock or Clock
        self._timeout = timeout
        self._deadline = self._clock.now() + timeout
        #: ids of what this client made
        self.made: set[str] = set()

    @classmethod
    def for_call(cls, call: Call) -> Client:
        """The client that a module's parameters ask for; the account is checked where one is expected."""
        forget_empty_variables()
        client = cls(
            Session(call.params, call.secrets),
            timeout=call.params.get("timeout") or 60,
            wait=bool(call.params.get("wait", True)),
            progress=call.progress,
        )
        client.session.client("ec2")
        client.check_account(call.params.get("account"))
        return client

    def check_account(self, expected: str | None) -> None:
        """Refuse another account than the expected one, before anything is read or written in it."""
        if not expected:
            return
        found = self.call("get_caller_identity", service="sts")["Account"]
        if found != expected:
            raise Refused(
                f"account: {expected} is expected, but the credentials are of account {found}: nothing was sent to "
                "EC2. Use the credentials of that account, or correct the option.",
                code="account-mismatch",
            )

    def renew(self) -> None:
        """Let the time that the task may wait begin anew, for the next part of a task of many."""
        self._deadline = self._clock.now() + self._timeout

    @property
    def near(self) -> bool:
        """Whether EC2 is on this machine, where things show at once."""
        return endpoints.is_loopback(self.session.client("ec2").meta.endpoint_url)

    # -- calls

    def describe(self, operation: str, key: str, **arguments: t.Any) -> list[dict[str, t.Any]]:
        """Everything that a describing call lists, of all its pages."""
        found: list[dict[str, t.Any]] = []
        while True:
            page = self.call(operation, **arguments)
            found.extend(page.get(key) or [])
            if not page.get("NextToken"):
                return found
            arguments = {**arguments, "NextToken": page["NextToken"]}

    def call(
        self,
        operation: str,
        *,
        service: str = "ec2",
        resource: str = "",
        busy: t.Collection[str] = (),
        **arguments: t.Any,
    ) -> dict[str, t.Any]:
        """One call by boto3's name of it. ``busy``: codes of refusals that pass by themselves."""
        api = self.session.client(service)
        what = f"{service}:{api.meta.method_to_api_mapping[operation]}"
        reading = operation.startswith(READING)
        began, attempt = self._clock.now(), 0
        while True:
            attempt += 1
            waited = self._clock.now() - began
            try:
                return t.cast("dict[str, t.Any]", getattr(api, operation)(**arguments))
            except boto.ClientError as error:
                problem = as_error(error, what, resource)
                problem.tries = attempt
                if problem.status >= 500 and not reading and problem.code not in THROTTLED:
                    raise Conflict(str(problem), unsure=True, reason=problem.reason, resource=resource) from None
                slow = problem.code in THROTTLED or problem.status >= 500
                new = problem.code.endswith(".NotFound") and self._is_new(arguments)
                patience = PATIENCE if slow or new else BUSY if problem.code in busy else 0
                if waited >= patience or self._clock.now() >= self._deadline:
                    raise problem from None
            except (boto.NoCredentialsError, boto.PartialCredentialsError, boto.CredentialRetrievalError) as error:
                raise InvalidInput(
                    f"{what}: {error}. Give access_key and secret_key, a profile, or the environment variables of "
                    "either.",
                    code="credentials",
                ) from None
            except (boto.EndpointConnectionError, boto.ConnectTimeoutError) as error:
                if endpoints.is_loopback(api.meta.endpoint_url):
                    raise ApiError(
                        f"{what}: nobody answers at {api.meta.endpoint_url}, on this machine. If this is the lab's "
                        "address, the lab is down or was started anew: start it, and source .lab/env again.",
                        code="no-answer",
                    ) from None
                if waited >= PATIENCE or self._clock.now() >= self._deadline:
                    raise ApiError(f"{what}: no answer: {error}", code="no-answer") from None
            except boto.HTTPClientError as error:
                if not reading:
                    text = f"{what}: no answer: {error}"
                    raise Conflict(text, unsure=True, reason="no-answer", resource=resource) from None
                if waited >= PATIENCE or self._clock.now() >= self._deadline:
                    raise ApiError(f"{what}: no answer: {error}", code="no-answer") from None
            except boto.BotoCoreError as error:
                raise ApiError(f"{what}: {error}", code="client-error", resource=resource or None) from None
            self.pause(attempt)

    def _is_new(self, arguments: t.Any) -> bool:
        if isinstance(arguments, dict):
            return any(self._is_new(value) for value in arguments.values())
        if isinstance(arguments, list):
            return any(self._is_new(value) for value in arguments)
        return isinstance(arguments, str) and arguments in self.made

    # -- time

    def pause(self, attempt: int) -> None:
        """Let some time pass before the ``attempt``-th further look at something; more each time."""
        pause = random.uniform(0.5, 1.0) * min((0.2 if self.near else 1.0) * 2 ** (attempt - 1), 15)
        self._clock.sleep(max(0.0, min(pause, self._deadline - self._clock.now())))

    def until(self, pending: t.Callable[[], list[str]], what: str, seconds: float | None = None) -> list[str]:
        """Ask again, with growing pauses, until ``pending`` names nothing. Without ``seconds`` the task's own deadline
        counts, and passing it is an error; with them, what is left is returned."""
        began, interval, attempt = self._clock.now(), float(FIRST_LINE), 0
        next_line = interval
        while True:
            left = pending()
            waited = self._clock.now() - began
            if not left or (seconds is not None and waited >= seconds):
                return left
            if self._clock.now() >= self._deadline:
                raise Timeout(
                    f"{what}: {'; '.join(left)} after {waited:.0f} s (timeout {self._timeout:.0f} s). It goes on at "
                    "AWS; the next run adopts it.",
                    resource=what,
                    operation=left[0],
                )
            if waited >= next_line:
                self._progress(f"{what}: {'; '.join(left)}, {waited:.0f} s")
                interval *= 2
                next_line = waited + interval
            attempt += 1
            self.pause(attempt)


def as_error(error: t.Any, what: str, resource: str) -> ApiError:
    """AWS's refusal as one exception; ``code`` and ``reason`` are AWS's (``IncorrectState``)."""
    details = error.response.get("Error", {})
    meta = error.response.get("ResponseMetadata", {})
    code = str(details.get("Code") or "Unknown")
    help_ = ""
    if code in UNKNOWN_CALLER:
        help_ = " Check access_key and secret_key (or the profile), session_token, and this machine's clock."
    elif code in FORBIDDEN:
        help_ = f" The credentials need the permission {what}."
    place = f"{resource}: " if resource else ""
    return ApiError(
        f"{place}{what}: {code}: {details.get('Message') or 'no message'}{help_}",
        status=int(meta.get("HTTPStatusCode") or 400),
        code=code,
        reason=code,
        resource=resource or None,
        operation=what,
    )
