# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Credentials of every kind, against a token server on this machine that counts what it is asked."""

from __future__ import annotations

import datetime
import http.server
import json
import multiprocessing
import stat
import threading
import typing as t
from pathlib import Path
from urllib.parse import parse_qs

import google.auth.compute_engine._metadata as metadata
import google.auth.transport.requests
import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from ansible_collections.podreach.gke.plugins.module_utils.arguments import Call
from ansible_collections.podreach.gke.plugins.module_utils.errors import InvalidInput, PodreachError, Refused
from ansible_collections.podreach.gke.plugins.module_utils.gcp import auth, endpoints
from ansible_collections.podreach.gke.plugins.module_utils.gcp.client import Client
from ansible_collections.podreach.gke.plugins.module_utils.gcp.networks import SPEC
from ansible_collections.podreach.gke.plugins.module_utils.gcp.task import BASE_SPEC
from ansible_collections.podreach.gke.plugins.module_utils.gcp.transport import HttpTransport

EMAIL = "robot@p.iam.gserviceaccount.com"
OTHER = "deployer@q.iam.gserviceaccount.com"


class TokenServer(http.server.ThreadingHTTPServer):
    """Tokens token-1, token-2, … for whoever asks, and an API that takes those in ``good`` (all, if it is None)."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, str, dict[str, str], str]] = []
        self.tokens = 0
        self.good: set[str] | None = None
        self.refuses = False
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def paths(self) -> list[str]:
        return [path for _method, path, _headers, _body in self.asked]


class Handler(http.server.BaseHTTPRequestHandler):
    server: TokenServer

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
        headers = {name.lower(): value for name, value in self.headers.items()}
        server = self.server
        with server.lock:
            path = self.path.split("?")[0]
            server.asked.append((self.command, path, headers, body))
            status, reply = 200, t.cast("dict[str, t.Any]", {})
            if path.startswith("/compute/"):
                token = headers.get("authorization", "").removeprefix("Bearer ")
                if server.good is not None and token not in server.good:
                    status, reply = 401, {"error": {"code": 401, "message": "Invalid Credentials"}}
                else:
                    reply = {"name": "n"}
            elif server.refuses:
                status, reply = 400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}
            elif path == "/computeMetadata/v1/" or path.endswith("/default/"):
                reply = {"email": EMAIL, "scopes": [], "aliases": ["default"]}
            else:
                server.tokens += 1
                token = f"token-{server.tokens}"
                expire = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1)
                reply = {"access_token": token, "expires_in": 3600, "token_type": "Bearer"}
                if path.endswith(":generateAccessToken"):
                    reply = {"accessToken": token, "expireTime": expire.strftime("%Y-%m-%dT%H:%M:%SZ")}
        data = json.dumps(reply).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("metadata-flavor", "Google")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: t.Any) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> t.Iterator[TokenServer]:
    with TokenServer() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def _nothing_of_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the credentials of whoever runs the tests, nor a lab of theirs, nor a proxy."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path / "gcloud"))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", "")  # no gcloud that is asked for its project


@pytest.fixture(scope="module")
def private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


@pytest.fixture
def key(private_key: str, server: TokenServer) -> dict[str, t.Any]:
    """A service account's key whose tokens come from the test's server."""
    return {
        "type": "service_account",
        "project_id": "project-of-the-key",
        "private_key_id": "1",
        "private_key": private_key,
        "client_email": EMAIL,
        "client_id": "1",
        "token_uri": f"{server.url}/token",
    }


def params_of(**given: t.Any) -> dict[str, t.Any]:
    """The parameters of a module (network, with its defaults), validated as Ansible does."""
    spec = BASE_SPEC.merge(auth.RESOURCE_MANAGER_SPEC).merge(SPEC)
    validation = ArgumentSpecValidator(spec.options, **spec.rules()).validate(spec.tidy({"name": "n", **given}))
    assert not validation.errors.errors, validation.error_messages
    return t.cast("dict[str, t.Any]", validation.validated_parameters)


def session_of(*, run_dir: Path | None = None, secrets: set[str] | None = None, **given: t.Any) -> auth.Session:
    params = auth.settle(params_of(**given))
    return auth.Session(params, endpoints.resolve(params), str(run_dir) if run_dir else None, secrets)


def token_of(session: auth.Session) -> str:
    headers: dict[str, str] = {}
    session.authorize(headers)
    assert list(headers) == ["authorization"]
    return headers["authorization"].removeprefix("Bearer ")


# -- which kind


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ({}, "application"),
        ({"access_token": "x"}, "accesstoken"),
        ({"service_account_file": "/x"}, "serviceaccount"),
        ({"service_account_contents": "{}"}, "serviceaccount"),
        ({"access_token": "x", "service_account_file": "/x"}, "accesstoken"),
        ({"access_token": "x", "auth_kind": "application"}, "application"),
        ({"access_token": "", "service_account_file": "", "auth_kind": ""}, "application"),
    ],
)
def test_the_kind_follows_from_what_is_given(given: dict[str, str], kind: str) -> None:
    assert auth.settle(params_of(**given))["auth_kind"] == kind


@pytest.mark.parametrize("option", sorted(auth.ENVIRONMENT))
def test_every_option_falls_back_to_its_variable(option: str, monkeypatch: pytest.MonkeyPatch) -> None:
    values: dict[str, t.Any] = {"auth_kind": "accesstoken", "environment": "cloud", "scopes": "a,b"}
    monkeypatch.setenv(auth.ENVIRONMENT[option], values.get(option, "/value"))
    expected = ["a", "b"] if option == "scopes" else values.get(option, "/value")
    assert params_of()[option] == expected
    if option != "scopes":
        assert params_of(**{option: ""})[option] == expected, "an empty option is an unset one"


@pytest.mark.parametrize("option", sorted(auth.ENVIRONMENT))
def test_an_empty_variable_is_an_unset_one(option: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(auth.ENVIRONMENT[option], "")
    assert params_of()[option] is None


def test_the_names_are_those_of_google_cloud() -> None:
    assert {option: auth.ENVIRONMENT[option] for option in ("project", "auth_kind", "scopes")} == {
        "project": "GCP_PROJECT",
        "auth_kind": "GCP_AUTH_KIND",
        "scopes": "GCP_SCOPES",
    }


# -- access token


def test_an_access_token_is_sent_as_it_is(server: TokenServer) -> None:
    secrets: set[str] = set()
    session = session_of(access_token="mine", project="p", secrets=secrets)
    assert token_of(session) == "mine"
    assert session.token_addresses == {}
    assert secrets == {"mine"}
    assert server.asked == []


def test_the_kind_access_token_without_a_token() -> None:
    with pytest.raises(InvalidInput, match=r"accesstoken needs access_token \(or GCP_ACCESS_TOKEN\)"):
        session_of(auth_kind="accesstoken")


# -- service account


@pytest.mark.parametrize("how", ["file", "text", "structure", "variable"])
def test_a_service_account(
    how: str, key: dict[str, t.Any], server: TokenServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, t.Any] = {"text": {"service_account_contents": json.dumps(key)}}.get(how, {})
    if how == "structure":
        given = {"service_account_contents": key}
    elif how == "file":
        (tmp_path / "key.json").write_text(json.dumps(key), encoding="utf-8")
        given = {"service_account_file": str(tmp_path / "key.json")}
    elif how == "variable":
        monkeypatch.setenv("GCP_SERVICE_ACCOUNT_CONTENTS", json.dumps(key))
    secrets: set[str] = set()
    session = session_of(secrets=secrets, **given)
    assert server.asked == [], "making a session sends nothing"
    assert session.project == "project-of-the-key"
    assert session.token_addresses == {"the token endpoint of the service account": f"{server.url}/token"}
    assert token_of(session) == "token-1"
    assert token_of(session) == "token-1"
    assert server.paths() == ["/token"]
    assert parse_qs(server.asked[0][3])["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    assert secrets == {key["private_key"], "token-1"}


def test_the_option_project_is_stronger_than_the_keys(key: dict[str, t.Any]) -> None:
    assert session_of(service_account_contents=key, project="mine").project == "mine"


def test_the_kind_service_account_without_a_key() -> None:
    with pytest.raises(
        InvalidInput, match=r"needs service_account_file .* or service_account_contents .* neither is set"
    ):
        session_of(auth_kind="serviceaccount")


def test_a_key_file_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "none.json"
    with pytest.raises(InvalidInput, match=f"service_account_file {path}: cannot be read: No such file") as caught:
        session_of(service_account_file=str(path))
    assert caught.value.code == "credentials"


SECRET = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"
PEM = f"-----BEGIN PRIVATE KEY-----\n{SECRET}\n-----END PRIVATE KEY-----\n"


@pytest.mark.parametrize(
    "text",
    [
        f"not json {SECRET}",
        f'"{SECRET}"',
        f'["{SECRET}"]',
        json.dumps({"private_key": SECRET}),
        json.dumps({"type": "authorized_user", "refresh_token": SECRET, "client_secret": SECRET}),
        json.dumps({"client_email": EMAIL, "token_uri": "http://127.0.0.1/", "private_key": PEM}),
        json.dumps({"client_email": EMAIL, "token_uri": "http://127.0.0.1/", "private_key": SECRET}),
        json.dumps({"client_email": EMAIL, "token_uri": "http://127.0.0.1/", "private_key": [SECRET]}),
        json.dumps({"client_email": 5, "token_uri": {"a": SECRET}, "private_key": PEM}),
    ],
)
@pytest.mark.parametrize("how", ["file", "contents"])
def test_a_garbled_key_is_refused_without_showing_it(text: str, how: str, tmp_path: Path) -> None:
    if how == "file":
        (tmp_path / "key.json").write_text(text, encoding="utf-8")
        given: dict[str, t.Any] = {"service_account_file": str(tmp_path / "key.json")}
    else:
        given = {"service_account_contents": text}
    with pytest.raises(InvalidInput) as caught:
        # the key itself is read when something is to be signed, still before anything is sent
        session_of(**given).authorize({})
    assert caught.value.code == "credentials"
    assert "key" in str(caught.value) or "service_account" in str(caught.value)
    for hidden in (SECRET, SECRET[:12]):
        assert hidden not in str(caught.value)
        assert hidden not in repr(caught.value.as_result())
    assert caught.value.__cause__ is None


def test_a_key_file_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "key.p12").write_bytes(b"\x80\x81\xff")
    with pytest.raises(InvalidInput, match="service_account_file"):
        session_of(service_account_file=str(tmp_path / "key.p12"))


def test_a_token_that_is_refused_names_who_refused_it(key: dict[str, t.Any], server: TokenServer) -> None:
    server.refuses = True
    with pytest.raises(PodreachError, match=r"No access token could be had: .*Invalid JWT Signature") as caught:
        token_of(session_of(service_account_contents=key))
    assert f"Asked: {server.url}/token" in str(caught.value)
    assert caught.value.code == "credentials"
    assert SECRET not in str(caught.value)
    assert server.paths() == ["/token"]


# -- machine account


def test_a_machine_account(server: TokenServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "_GCE_METADATA_HOST", server.url.removeprefix("http://"))
    monkeypatch.setenv("GCE_METADATA_HOST", server.url.removeprefix("http://"))
    session = session_of(auth_kind="machineaccount", project="p", environment="lab")
    assert session.token_addresses == {"the metadata server (GCE_METADATA_HOST)": server.url}
    assert server.asked == []
    assert token_of(session) == "token-1"
    assert all(path.startswith("/computeMetadata/v1/instance/service-accounts/") for path in server.paths())


def test_the_metadata_server_is_not_this_machine() -> None:
    session = session_of(auth_kind="machineaccount", project="p")
    assert session.token_addresses == {"the metadata server (GCE_METADATA_HOST)": "http://169.254.169.254"}


# -- application default credentials


def adc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, info: dict[str, t.Any]) -> None:
    (tmp_path / "adc.json").write_text(json.dumps(info), encoding="utf-8")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "adc.json"))


def test_application_default_credentials(
    key: dict[str, t.Any], server: TokenServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    adc(tmp_path, monkeypatch, key)
    session = session_of(environment="lab")
    assert server.asked == []
    assert session.project == "project-of-the-key"
    assert list(session.token_addresses.values()) == [f"{server.url}/token"]
    assert token_of(session) == "token-1"


def test_a_missing_file_of_application_default_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere/adc.json")
    with pytest.raises(InvalidInput, match=r"auth_kind application: no usable credentials: .*/nowhere/adc.json"):
        session_of()


# -- impersonation


def test_impersonation_asks_the_service_at_the_overridden_address(
    key: dict[str, t.Any], server: TokenServer, tmp_path: Path
) -> None:
    session = session_of(
        service_account_contents=key,
        impersonate_service_account=OTHER,
        iam_credentials_endpoint=f"{server.url}/v1",
        project="p",
    )
    assert session.token_addresses["the IAM credentials service"] == f"{server.url}/v1/"
    assert server.asked == []
    assert token_of(session) == "token-2"
    assert server.paths() == ["/token", f"/v1/projects/-/serviceAccounts/{OTHER}:generateAccessToken"]
    assert server.asked[1][2]["authorization"] == "Bearer token-1"
    assert json.loads(server.asked[1][3])["scope"] == [auth.CLOUD_PLATFORM]


def test_impersonation_with_an_access_token(server: TokenServer) -> None:
    session = session_of(
        access_token="mine", impersonate_service_account=OTHER, iam_credentials_endpoint=f"{server.url}/v1/"
    )
    assert token_of(session) == "token-1"
    assert server.asked[0][2]["authorization"] == "Bearer mine"


# -- sharing tokens between the tasks of a run


def test_a_token_is_shared_through_the_run_directory(
    key: dict[str, t.Any], server: TokenServer, tmp_path: Path
) -> None:
    secrets: set[str] = set()
    assert token_of(session_of(service_account_contents=key, run_dir=tmp_path)) == "token-1"
    assert token_of(session_of(service_account_contents=key, run_dir=tmp_path, secrets=secrets)) == "token-1"
    assert server.paths() == ["/token"]
    assert "token-1" in secrets
    (file,) = tmp_path.glob("podreach-token-*")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert EMAIL not in file.name


def test_without_a_run_directory_nothing_is_shared(key: dict[str, t.Any], server: TokenServer, tmp_path: Path) -> None:
    for _time in range(2):
        token_of(session_of(service_account_contents=key))
    assert server.tokens == 2
    assert list(tmp_path.iterdir()) == []


def test_tokens_of_different_identities_are_kept_apart(
    key: dict[str, t.Any], server: TokenServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token_of(session_of(service_account_contents=key, run_dir=tmp_path))
    token_of(session_of(service_account_contents={**key, "client_email": OTHER}, run_dir=tmp_path))
    token_of(session_of(service_account_contents=key, scopes=["https://a/read"], run_dir=tmp_path))
    assert server.tokens == 3
    # application default credentials come from the environment, which a task may set for itself
    adc(tmp_path, monkeypatch, key)
    token_of(session_of(run_dir=tmp_path))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "other.json"))
    (tmp_path / "other.json").write_text(json.dumps({**key, "client_email": OTHER}), encoding="utf-8")
    token_of(session_of(run_dir=tmp_path))
    assert server.tokens == 5


def test_a_token_that_has_expired_is_renewed_and_shared(
    key: dict[str, t.Any], server: TokenServer, tmp_path: Path
) -> None:
    token_of(session_of(service_account_contents=key, run_dir=tmp_path))
    (file,) = tmp_path.glob("podreach-token-*")
    file.write_text(json.dumps({"token": "old", "expiry": "2020-01-01T00:00:00"}), encoding="utf-8")
    assert token_of(session_of(service_account_contents=key, run_dir=tmp_path)) == "token-2"
    assert token_of(session_of(service_account_contents=key, run_dir=tmp_path)) == "token-2"


@pytest.mark.parametrize("text", ["{", "[]", '{"token": "x"}', '{"token": "x", "expiry": "soon"}'])
def test_a_file_that_was_cut_short_is_no_obstacle(
    text: str, key: dict[str, t.Any], server: TokenServer, tmp_path: Path
) -> None:
    token_of(session_of(service_account_contents=key, run_dir=tmp_path))
    (file,) = tmp_path.glob("podreach-token-*")
    file.write_text(text, encoding="utf-8")
    assert token_of(session_of(service_account_contents=key, run_dir=tmp_path)) == "token-2"
    assert json.loads(file.read_text(encoding="utf-8"))["token"] == "token-2"


def _fetch(key: dict[str, t.Any], run_dir: Path, tokens: t.Any) -> None:
    tokens.put(token_of(session_of(service_account_contents=key, run_dir=run_dir)))


def test_processes_side_by_side_fetch_one_token(key: dict[str, t.Any], server: TokenServer, tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    tokens = context.Queue()
    processes = [context.Process(target=_fetch, args=(key, tmp_path, tokens)) for _time in range(6)]
    for process in processes:
        process.start()
    assert {tokens.get(timeout=30) for _time in processes} == {"token-1"}
    for process in processes:
        process.join(30)
    assert server.tokens == 1


# -- requests


def transport_of(server: TokenServer, **given: t.Any) -> HttpTransport:
    return HttpTransport(session_of(compute_endpoint=f"{server.url}/compute/v1/", **given))


def test_a_token_that_is_refused_is_renewed_once(key: dict[str, t.Any], server: TokenServer) -> None:
    server.good = {"token-2"}
    answer = transport_of(server, service_account_contents=key)("GET", f"{server.url}/compute/v1/x", None)
    assert (answer.status, answer.body) == (200, {"name": "n"})
    assert server.paths() == ["/token", "/compute/v1/x", "/token", "/compute/v1/x"]


def test_a_token_that_is_refused_twice_is_given_up(key: dict[str, t.Any], server: TokenServer) -> None:
    server.good = set()
    answer = transport_of(server, service_account_contents=key)("GET", f"{server.url}/compute/v1/x", None)
    assert answer.status == 401
    assert server.paths() == ["/token", "/compute/v1/x", "/token", "/compute/v1/x"]


def test_a_renewed_token_is_shared_and_not_fetched_by_each(
    key: dict[str, t.Any], server: TokenServer, tmp_path: Path
) -> None:
    first = transport_of(server, service_account_contents=key, run_dir=tmp_path)
    second = transport_of(server, service_account_contents=key, run_dir=tmp_path)
    for transport in (first, second):
        transport("GET", f"{server.url}/compute/v1/x", None)
    server.good = {"token-2"}
    for transport in (first, second):
        assert transport("GET", f"{server.url}/compute/v1/x", None).status == 200
    assert server.tokens == 2


def test_an_access_token_cannot_be_renewed(server: TokenServer) -> None:
    server.good = set()
    answer = transport_of(server, access_token="mine")("GET", f"{server.url}/compute/v1/x", None)
    assert answer.status == 401
    assert server.paths() == ["/compute/v1/x"]


def test_a_password_file_does_not_take_the_tokens_place(
    server: TokenServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".netrc").write_text("default login me password hidden\n", encoding="utf-8")
    (tmp_path / ".netrc").chmod(0o600)
    # without an override that is on this machine, settings such as proxies are the environment's
    session = session_of(access_token="mine", project="p")
    HttpTransport(session)("GET", f"{server.url}/compute/v1/x", None)
    assert server.asked[0][2]["authorization"] == "Bearer mine"


def test_the_lab_is_never_asked_through_a_proxy(server: TokenServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9/")
    answer = transport_of(server, access_token="mine")("GET", f"{server.url}/compute/v1/x", None)
    assert answer.status == 200


def test_no_answer_is_an_os_error() -> None:
    with pytest.raises(OSError):
        HttpTransport(session_of(access_token="mine", compute_endpoint="http://127.0.0.1:9/"))(
            "GET", "http://127.0.0.1:9/x", None
        )


# -- lab or cloud, for everything that could be asked


def for_call(**given: t.Any) -> Client:
    return Client.for_call(Call(params=params_of(**given)))


@pytest.fixture
def _nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def ask(*args: t.Any, **kwargs: t.Any) -> None:
        raise AssertionError(f"a request before the refusal: {args} {kwargs}")

    monkeypatch.setattr("requests.Session.request", ask)
    monkeypatch.setattr(google.auth.transport.requests.Request, "__call__", ask)


LAB_URLS: dict[str, t.Any] = {
    "compute_endpoint": "http://127.0.0.1:5/compute/v1/",
    "container_endpoint": "http://127.0.0.1:5/v1/",
}
FAR_KEY = {"client_email": EMAIL, "token_uri": "https://oauth2.googleapis.com/token"}


@pytest.mark.usefixtures("_nobody_is_asked")
@pytest.mark.parametrize("missing", ["compute_endpoint", "container_endpoint"])
def test_a_lab_with_one_endpoint_of_the_cloud_is_refused(missing: str) -> None:
    urls = {option: url for option, url in LAB_URLS.items() if option != missing}
    service = missing.removesuffix("_endpoint")
    with pytest.raises(Refused, match=f"environment is lab, but the {service} API is at https://{service}.googleapis"):
        for_call(environment="lab", access_token="x", project="p", **urls)


@pytest.mark.usefixtures("_nobody_is_asked")
@pytest.mark.parametrize("option", sorted(LAB_URLS))
def test_a_cloud_with_one_endpoint_of_the_lab_is_refused(option: str) -> None:
    with pytest.raises(Refused, match=r"environment is cloud, but the .* API is at http://127"):
        for_call(environment="cloud", access_token="x", project="p", **{option: LAB_URLS[option]})


@pytest.mark.usefixtures("_nobody_is_asked")
def test_a_lab_does_not_fetch_tokens_elsewhere(private_key: str) -> None:
    with pytest.raises(Refused, match=r"the token endpoint of the service account is at https://oauth2.googleapis.com"):
        for_call(environment="lab", service_account_contents={**FAR_KEY, "private_key": private_key}, **LAB_URLS)


@pytest.mark.usefixtures("_nobody_is_asked")
def test_a_cloud_does_not_fetch_tokens_here(key: dict[str, t.Any]) -> None:
    with pytest.raises(Refused, match="environment is cloud, but the token endpoint of the service account"):
        for_call(environment="cloud", service_account_contents=key)


@pytest.mark.usefixtures("_nobody_is_asked")
def test_impersonation_belongs_to_the_environment_too() -> None:
    with pytest.raises(Refused, match="environment is lab, but the IAM credentials service is at https://iam"):
        for_call(environment="lab", access_token="x", project="p", impersonate_service_account=OTHER, **LAB_URLS)
    with pytest.raises(Refused, match="environment is cloud, but the IAM credentials service is at http://127"):
        for_call(
            environment="cloud",
            access_token="x",
            project="p",
            impersonate_service_account=OTHER,
            iam_credentials_endpoint="http://127.0.0.1:5/v1/",
        )


@pytest.mark.usefixtures("_nobody_is_asked")
def test_the_resource_managers_address_matters_to_who_asks_it() -> None:
    services = ("compute", "container", "cloudresourcemanager")
    params = params_of(environment="lab", access_token="x", project="p", **LAB_URLS)
    Client.for_call(Call(params=params))
    with pytest.raises(Refused, match="environment is lab, but the cloudresourcemanager API is at https://cloudres"):
        Client.for_call(Call(params=params), services)
    params = params_of(environment="cloud", access_token="x", project="p", resource_manager_endpoint="http://[::1]/v1/")
    with pytest.raises(Refused, match="environment is cloud, but the cloudresourcemanager API is at http://"):
        Client.for_call(Call(params=params), services)


def test_the_iam_address_does_not_matter_where_nobody_is_impersonated() -> None:
    for_call(environment="lab", access_token="x", project="p", **LAB_URLS)


@pytest.mark.usefixtures("_nobody_is_asked")
def test_the_metadata_server_belongs_to_the_environment_too(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Refused, match=r"the metadata server \(GCE_METADATA_HOST\) is at http://169.254.169.254"):
        for_call(environment="lab", auth_kind="machineaccount", project="p", **LAB_URLS)
    monkeypatch.setenv("GCE_METADATA_HOST", "127.0.0.1:5")
    for_call(environment="lab", auth_kind="machineaccount", project="p", **LAB_URLS)
    with pytest.raises(Refused, match="environment is cloud, but the metadata server"):
        for_call(environment="cloud", auth_kind="machineaccount", project="p")


@pytest.mark.usefixtures("_nobody_is_asked")
def test_what_the_library_really_asks_is_checked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    # google-auth reads GCE_METADATA_HOST when it is imported: a variable that a task sets later is not what it uses
    monkeypatch.setattr(metadata, "_GCE_METADATA_HOST", "metadata.google.internal")
    monkeypatch.setenv("GCE_METADATA_HOST", "127.0.0.1:5")
    session = session_of(environment="lab", auth_kind="machineaccount", project="p", **LAB_URLS)
    with pytest.raises(Refused, match=r"environment is lab, but .*metadata.google.internal.*nothing was sent"):
        session.authorize({})


@pytest.mark.usefixtures("_nobody_is_asked")
def test_a_lab_does_not_look_for_a_metadata_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "_NO_GCE_CHECK", False)
    with pytest.raises(Refused, match=r"environment is lab, but .*application default credentials"):
        for_call(environment="lab", auth_kind="application", project="p", **LAB_URLS)


EXTERNAL = {
    "type": "external_account",
    "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/a/providers/b",
    "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
    "token_url": "https://sts.googleapis.com/v1/token",
    "credential_source": {"file": "made by the test"},
}


@pytest.mark.usefixtures("_nobody_is_asked")
@pytest.mark.parametrize(
    "info",
    [
        {"type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "r"},
        {"type": "service_account", **FAR_KEY},
        EXTERNAL,
        {
            "type": "impersonated_service_account",
            "service_account_impersonation_url": f"https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/{OTHER}:generateAccessToken",
            "source_credentials": {
                "type": "authorized_user",
                "client_id": "c",
                "client_secret": "s",
                "refresh_token": "r",
            },
        },
    ],
    ids=["user", "service-account", "external", "impersonated"],
)
def test_a_lab_refuses_every_kind_of_application_default_credentials_of_the_cloud(
    info: dict[str, t.Any], private_key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if info["type"] == "service_account":
        info = {**info, "private_key": private_key}
    if "credential_source" in info:
        (tmp_path / "subject").write_text("a-subject-token", encoding="utf-8")
        info = {**info, "credential_source": {"file": str(tmp_path / "subject")}}
    adc(tmp_path, monkeypatch, info)
    with pytest.raises(Refused, match=r"environment is lab, but .*googleapis.com.*nothing was sent"):
        client = for_call(environment="lab", auth_kind="application", project="p", **LAB_URLS)
        client.get("compute", "projects/p/global/networks/n")


def test_a_call_without_a_project_says_what_to_give() -> None:
    with pytest.raises(InvalidInput, match="project is not set: give the option project, or GCP_PROJECT"):
        for_call(access_token="x")
