# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who asks AWS, and where: a boto3 session from options named as amazon.aws names them, and the check that keeps the
lab and the cloud apart.

What an option does not say, boto3 finds as it always does (environment, profile, instance role); a variable that is set
to nothing counts as unset. With ``environment: lab`` only keys that are given, or that the running lab wrote, are used:
other sources of credentials would be asked over the network.
"""

from __future__ import annotations

import functools
import os
import typing as t

from ansible.module_utils.basic import missing_required_lib

from ..arguments import ArgumentSpec, env_unless_empty
from ..errors import InvalidInput, PodreachError, Refused
from ..gcp import endpoints

try:
    import boto3
    import botocore.config
    import botocore.exceptions
    import botocore.loaders
    import botocore.session
except ImportError as import_error:
    IMPORT_ERROR: ImportError | None = import_error
else:
    IMPORT_ERROR = None

#: option -> the environment variables that stand for it, in the order in which amazon.aws looks at them
VARIABLES: dict[str, tuple[str, ...]] = {
    "region": ("AWS_REGION", "AWS_DEFAULT_REGION"),
    "profile": ("AWS_PROFILE", "AWS_DEFAULT_PROFILE"),
    "access_key": ("AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY"),
    "secret_key": ("AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY"),
    "session_token": ("AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN"),
    "endpoint_url": ("AWS_ENDPOINT_URL",),
}
KEYS = ("access_key", "secret_key", "session_token")
#: what the running lab writes of these
LAB = ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION")

AUTH_SPEC = ArgumentSpec(
    options={
        "region": {"type": "str"},
        "profile": {"type": "str"},
        "access_key": {"type": "str", "no_log": False},
        "secret_key": {"type": "str", "no_log": True},
        "session_token": {"type": "str", "no_log": True},
        "endpoint_url": {"type": "str"},
        "account": {"type": "str"},
        "environment": {
            "type": "str",
            "choices": ["lab", "cloud"],
            "fallback": (env_unless_empty, ["PODREACH_ENVIRONMENT"]),
        },
    },
    required_together=(("access_key", "secret_key"),),
    empty_is_unset=frozenset({*VARIABLES, "account", "environment"}),
)


def settle(params: t.Mapping[str, t.Any], environ: t.Mapping[str, str]) -> dict[str, str | None]:
    """The options of :data:`VARIABLES` as they hold: given, else of the environment, else of the running lab.

    A profile that is given by option is not mixed with keys of the environment.
    """
    settled: dict[str, str | None] = {}
    for option, names in VARIABLES.items():
        settled[option] = params.get(option) or None
        unasked = (option in KEYS and (params.get("profile") or params.get("access_key"))) or (
            option == "profile" and params.get("access_key")
        )
        if settled[option] is None and not unasked:
            settled[option] = next((environ[name] for name in names if environ.get(name)), None)
    if params.get("environment") == "lab":
        known = endpoints.lab_settings(LAB)
        for option, name in (("endpoint_url", LAB[0]), ("region", LAB[3])):
            settled[option] = settled[option] or known.get(name)
        if not settled["access_key"]:
            settled.update(access_key=known.get(LAB[1]), secret_key=known.get(LAB[2]), session_token=None)
        settled["profile"] = None
        if not settled["access_key"]:
            raise Refused(
                "environment is lab, but there are no keys of the lab: nothing was sent. Start the lab and source "
                ".lab/env, or give access_key and secret_key.",
                code="environment-mismatch",
            )
    return settled


def forget_empty_variables() -> None:
    """Unset, in this process, what is set to nothing: botocore would take it for a value."""
    for name in [name for names in VARIABLES.values() for name in names if os.environ.get(name) == ""]:
        del os.environ[name]


@functools.cache
def loader() -> t.Any:
    """botocore's models, loaded once for all tasks: EC2's takes a fifth of a second."""
    return botocore.loaders.create_loader()


class Session:
    """boto3 for one call of a module. Clients are made when first asked for, and their address is judged then."""

    def __init__(self, params: t.Mapping[str, t.Any], secrets: set[str]) -> None:
        if IMPORT_ERROR:
            raise PodreachError(missing_required_lib("boto3"), code="missing-library") from IMPORT_ERROR
        self.environment = params.get("environment")
        settled = settle(params, os.environ)
        secrets.update(value for value in (settled["secret_key"], settled["session_token"]) if value)
        self._endpoint = settled["endpoint_url"] if params.get("endpoint_url") or self.environment == "lab" else None
        self._clients: dict[str, t.Any] = {}
        try:
            core = botocore.session.Session(profile=settled["profile"])
            core.register_component("data_loader", loader())
            self.session = boto3.session.Session(
                aws_access_key_id=settled["access_key"],
                aws_secret_access_key=settled["secret_key"],
                aws_session_token=settled["session_token"],
                region_name=settled["region"],
                botocore_session=core,
            )
        except botocore.exceptions.BotoCoreError as error:
            raise InvalidInput(f"No session with AWS: {error}", code="credentials") from None
        self.region: str | None = self.session.region_name
        if not self.region:
            raise InvalidInput(
                "region is not set: give the option region, or AWS_REGION, or a profile that names one",
                code="region",
            )

    def client(self, service: str) -> t.Any:
        """boto3's client of a service, which tries nothing twice by itself: see client.py."""
        if service not in self._clients:
            try:
                made = self.session.client(service, endpoint_url=self._endpoint, config=self._config(self._endpoint))
                url = made.meta.endpoint_url
                endpoints.check(self.environment, {f"the {service} API of AWS": url})
                if endpoints.is_loopback(url) and not self._endpoint:
                    # by a variable or a profile: proxies are none of the lab's
                    made = self.session.client(service, config=self._config(url))
            except (botocore.exceptions.BotoCoreError, ValueError) as error:
                raise InvalidInput(
                    f"No client of the {service} API of AWS, region {self.region}, endpoint "
                    f"{self._endpoint or 'of AWS'}: {error}"
                ) from None
            self._clients[service] = made
        return self._clients[service]

    @staticmethod
    def _config(url: str | None) -> t.Any:
        return botocore.config.Config(
            retries={"mode": "standard", "total_max_attempts": 1},
            connect_timeout=15,
            read_timeout=60,
            user_agent_extra="podreach.gke",
            **({"proxies": {}} if url and endpoints.is_loopback(url) else {}),
        )
