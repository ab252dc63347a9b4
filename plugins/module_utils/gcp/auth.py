# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who asks: credentials by google-auth, for every kind that google.cloud knows, plus impersonation.

Options and environment variables carry google.cloud's names. Tokens are shared between the tasks of one run through
locked files in Ansible's per-run directory, so that twenty tasks fetch one token.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import json
import os
import typing as t

from ansible.module_utils.basic import missing_required_lib

from ..arguments import ArgumentSpec, env_unless_empty
from ..errors import InvalidInput, PodreachError
from . import endpoints

try:
    import fcntl

    import google.auth
    import google.auth.compute_engine
    import google.auth.crypt
    import google.auth.exceptions
    import google.auth.impersonated_credentials
    import google.auth.transport.requests
    import google.oauth2.credentials
    import google.oauth2.service_account
    import requests
except ImportError as import_error:
    IMPORT_ERROR: ImportError | None = import_error
else:
    IMPORT_ERROR = None

    class _LateSigner(google.auth.crypt.Signer):
        """A service account's key, read only when something is to be signed: reading it costs ten times a request."""

        def __init__(self, info: dict[str, t.Any], source: str) -> None:
            self._info = info
            self._source = source

        @property
        def key_id(self) -> str | None:
            return self._info.get("private_key_id")

        def sign(self, message: t.Any) -> t.Any:
            try:
                signer = google.auth.crypt.RSASigner.from_service_account_info(self._info)
            except ValueError as error:
                raise InvalidInput(f"{self._source}: no usable credentials: {error}", code="credentials") from None
            return signer.sign(message)


def _unaltered(request: t.Any) -> t.Any:
    """As the authentication of a session, keeps requests from putting a password of ~/.netrc in the token's place."""
    return request


def _session(*, proxies: bool) -> requests.Session:
    """A session without connections."""
    session = requests.Session()
    session.trust_env = proxies
    session.auth = _unaltered
    return session


#: By whether the environment's proxies are heeded. Made when this is imported: every task is a fork of the controller.
_SESSIONS = {} if IMPORT_ERROR else {proxies: _session(proxies=proxies) for proxies in (True, False)}

CLOUD_PLATFORM = "https://www.googleapis.com/auth/cloud-platform"
KINDS = ("application", "machineaccount", "serviceaccount", "accesstoken")

#: option -> the environment variable that stands in for it
ENVIRONMENT = {
    "project": "GCP_PROJECT",
    "auth_kind": "GCP_AUTH_KIND",
    "service_account_file": "GCP_SERVICE_ACCOUNT_FILE",
    "service_account_contents": "GCP_SERVICE_ACCOUNT_CONTENTS",
    "service_account_email": "GCP_SERVICE_ACCOUNT_EMAIL",
    "access_token": "GCP_ACCESS_TOKEN",
    "scopes": "GCP_SCOPES",
    "impersonate_service_account": "GOOGLE_IMPERSONATE_SERVICE_ACCOUNT",
    "environment": "PODREACH_ENVIRONMENT",
    **{option: variable for option, variable, _url in endpoints.SERVICES.values()},
}


def _option(name: str, **more: t.Any) -> dict[str, t.Any]:
    return {"type": "str", "fallback": (env_unless_empty, [ENVIRONMENT[name]]), **more}


AUTH_SPEC = ArgumentSpec(
    options={
        "project": _option("project"),
        "auth_kind": _option("auth_kind", choices=list(KINDS)),
        "service_account_file": _option("service_account_file", type="path"),
        "service_account_contents": _option("service_account_contents", type="jsonarg", no_log=True),
        "service_account_email": _option("service_account_email"),
        "access_token": _option("access_token", no_log=True),
        "scopes": _option("scopes", type="list", elements="str"),
        "impersonate_service_account": _option("impersonate_service_account"),
        "environment": _option("environment", choices=["lab", "cloud"]),
        "compute_endpoint": _option("compute_endpoint"),
        "container_endpoint": _option("container_endpoint"),
        "iam_credentials_endpoint": _option("iam_credentials_endpoint"),
    },
    empty_is_unset=frozenset(ENVIRONMENT),
)
#: of modules that read or write projects themselves
RESOURCE_MANAGER_SPEC = ArgumentSpec(options={"resource_manager_endpoint": _option("resource_manager_endpoint")})


def settle(params: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The parameters, with what a running lab supplies where ``environment`` is lab and nothing else was said."""
    settled = dict(params)
    if settled.get("environment") == "lab":
        kinds = ("auth_kind", "service_account_file", "service_account_contents", "access_token")
        supplied = set(ENVIRONMENT) - {"environment"}
        if any(settled.get(option) for option in kinds):
            supplied -= set(kinds)
        unset = [option for option in supplied if not settled.get(option)]
        settings = endpoints.lab_settings(ENVIRONMENT[option] for option in unset)
        for option in unset:
            if settings.get(ENVIRONMENT[option]):
                settled[option] = settings[ENVIRONMENT[option]]
    if not settled.get("auth_kind"):
        if settled.get("access_token"):
            settled["auth_kind"] = "accesstoken"
        elif settled.get("service_account_file") or settled.get("service_account_contents"):
            settled["auth_kind"] = "serviceaccount"
        else:
            settled["auth_kind"] = "application"
    return settled


#: what application default credentials depend on besides the options
_SURROUNDINGS = ("GOOGLE_APPLICATION_CREDENTIALS", "CLOUDSDK_CONFIG", "HOME", "GCE_METADATA_HOST", "GCE_METADATA_ROOT")


class Session:
    """A requests session that carries a Google token, and knows every address it may speak to.

    Made without any request: ``addresses`` can be checked first. ``token_addresses`` maps what an address is for to
    its URL, for each place that a token of this session comes from.
    """

    def __init__(
        self,
        params: t.Mapping[str, t.Any],
        service_urls: t.Mapping[str, str],
        run_dir: str | None = None,
        secrets: set[str] | None = None,
    ) -> None:
        if IMPORT_ERROR:
            library = "google-auth with requests"
            raise PodreachError(missing_required_lib(library), code="missing-library") from IMPORT_ERROR
        self.token_addresses: dict[str, str] = {}
        self._proxies = not any(endpoints.is_loopback(url) for url in service_urls.values())
        self.http = _SESSIONS[self._proxies]
        self._environment = params.get("environment")
        self._run_dir = run_dir
        self._secrets = secrets if secrets is not None else set()
        try:
            self.credentials = self._credentials(params, service_urls)
        except (google.auth.exceptions.GoogleAuthError, ValueError) as error:
            what = (
                _key_source(params) if params["auth_kind"] == "serviceaccount" else f"auth_kind {params['auth_kind']}"
            )
            raise InvalidInput(f"{what}: no usable credentials: {error}", code="credentials") from None
        self.project = params.get("project") or self._own_project
        identity = [params.get(name) for name in ENVIRONMENT if name != "project"]
        identity += [os.environ.get(name) for name in _SURROUNDINGS]
        self._identity = hashlib.sha256(repr(identity).encode()).hexdigest()[:32]

    def _token_request(self) -> t.Callable[..., t.Any]:
        """How google-auth asks for tokens: each address is checked when it is asked, whichever way it came to it."""
        plain = google.auth.transport.requests.Request(self.http)

        def send(url: str, *args: t.Any, **kwargs: t.Any) -> t.Any:
            endpoints.check(
                self._environment, {"a source of tokens (for example application default credentials)": url}
            )
            return plain(url, *args, **kwargs)

        return send

    def _credentials(self, params: t.Mapping[str, t.Any], service_urls: t.Mapping[str, str]) -> t.Any:
        kind, scopes = params["auth_kind"], params.get("scopes") or [CLOUD_PLATFORM]
        self._own_project: str | None = None
        credentials: t.Any
        if kind == "accesstoken":
            if not params.get("access_token"):
                raise InvalidInput("auth_kind accesstoken needs access_token (or GCP_ACCESS_TOKEN), which is not set")
            credentials = google.oauth2.credentials.Credentials(params["access_token"])
        elif kind == "serviceaccount":
            info = self._service_account_info(params)
            self._secrets.add(info["private_key"])
            self._own_project = info.get("project_id")
            credentials = google.oauth2.service_account.Credentials(
                signer=_LateSigner(info, _key_source(params)),
                service_account_email=info["client_email"],
                token_uri=info["token_uri"],
                scopes=scopes,
                project_id=self._own_project,
            )
            self.token_addresses["the token endpoint of the service account"] = info["token_uri"]
        elif kind == "machineaccount":
            host = os.environ.get("GCE_METADATA_HOST") or os.environ.get("GCE_METADATA_ROOT") or "169.254.169.254"
            # Google's metadata server answers on its own link-local address: not loopback, and no way around it
            self.token_addresses["the metadata server (GCE_METADATA_HOST)"] = f"http://{host}"
            email = params.get("service_account_email") or "default"
            credentials = google.auth.compute_engine.Credentials(email, scopes=scopes)
        else:
            credentials, self._own_project = google.auth.default(scopes=scopes, request=self._token_request())
            for attribute in ("_token_uri", "_token_url"):
                if getattr(credentials, attribute, None):
                    self.token_addresses["the token endpoint of the application default credentials"] = getattr(
                        credentials, attribute
                    )
        target = params.get("impersonate_service_account")
        if target:
            base = service_urls["iamcredentials"]
            self.token_addresses["the IAM credentials service"] = base
            credentials = google.auth.impersonated_credentials.Credentials(
                source_credentials=credentials,
                target_principal=target,
                target_scopes=scopes,
                iam_endpoint_override=f"{base}projects/-/serviceAccounts/{target}:generateAccessToken",
            )
        return credentials

    @staticmethod
    def _service_account_info(params: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
        path, contents = params.get("service_account_file"), params.get("service_account_contents")
        where = _key_source(params)
        if path:
            try:
                with open(path, encoding="utf-8") as file:
                    contents = file.read()
            except OSError as error:
                hint = ". Is the lab running?" if params.get("environment") == "lab" else ""
                raise InvalidInput(f"{where}: cannot be read: {error.strerror}{hint}", code="credentials") from None
            except UnicodeDecodeError:
                contents = "not a text"
        if not contents:
            raise InvalidInput(
                "auth_kind serviceaccount needs service_account_file (or GCP_SERVICE_ACCOUNT_FILE) or "
                "service_account_contents (or GCP_SERVICE_ACCOUNT_CONTENTS); neither is set",
                code="credentials",
            )
        try:
            info = json.loads(contents) if isinstance(contents, str) else contents
        except ValueError:
            info = None
        needed = ("client_email", "private_key", "token_uri")
        if not isinstance(info, dict) or not all(isinstance(info.get(name), str) for name in needed):
            raise InvalidInput(
                f"{where}: this is no service account key: a JSON object with client_email, private_key and token_uri "
                "is expected, as 'gcloud iam service-accounts keys create' writes it",
                code="credentials",
            )
        return t.cast("dict[str, t.Any]", info)

    def authorize(self, headers: dict[str, str], *, renew: bool = False) -> None:
        """Put a valid token into ``headers``, fetching or renewing it if need be."""
        credentials = self.credentials
        if renew or not credentials.valid:
            refused = credentials.token if renew else None
            with self._shared_token() as share:
                if share and share["token"] != refused:
                    credentials.token, credentials.expiry = share["token"], share["expiry"]
                elif renew:
                    credentials.token = None
                if not credentials.valid:
                    self._refresh()
                    share.update(token=credentials.token, expiry=credentials.expiry)
        self._secrets.add(credentials.token)
        headers["authorization"] = f"Bearer {credentials.token}"

    def _refresh(self) -> None:
        try:
            self.credentials.refresh(self._token_request())
        except google.auth.exceptions.GoogleAuthError as error:
            raise PodreachError(
                f"No access token could be had: {error.args[0] if error.args else error}. "
                f"Asked: {', '.join(self.token_addresses.values()) or 'nobody (an access token cannot be renewed)'}.",
                code="credentials",
            ) from None

    @contextlib.contextmanager
    def _shared_token(self) -> t.Iterator[dict[str, t.Any]]:
        """The token that other tasks of this run have fetched for the same identity; written back when changed."""
        if not self._run_dir:
            yield {}
            return
        path = os.path.join(self._run_dir, f"podreach-token-{self._identity}")
        with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            share = _read_token(file.read())
            before = dict(share)
            yield share
            if share != before and share["expiry"]:
                file.seek(0)
                file.truncate()
                json.dump({**share, "expiry": share["expiry"].isoformat()}, file)


def _key_source(params: t.Mapping[str, t.Any]) -> str:
    path = params.get("service_account_file")
    return f"service_account_file {path}" if path else "service_account_contents"


def _read_token(text: str) -> dict[str, t.Any]:
    """Token and expiry as another task wrote them; nothing if it was stopped in the midst of it."""
    try:
        data = json.loads(text)
        return {"token": str(data["token"]), "expiry": datetime.datetime.fromisoformat(data["expiry"])}
    except (KeyError, TypeError, ValueError):
        return {}
