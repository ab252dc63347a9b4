# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a cluster's Kubernetes API is reached: straight from GKE, at an address with a token, or by a kubeconfig.

Options and environment variables for the latter two carry kubernetes.core's names. The library ``kubernetes`` is only
imported for a kubeconfig: it takes half a second, and what it does for an address and a token is one header.
"""

from __future__ import annotations

import base64
import dataclasses
import os
import ssl
import tempfile
import typing as t
from dataclasses import dataclass
from urllib.parse import urlsplit

from ansible.module_utils.basic import missing_required_lib

from ..arguments import ArgumentSpec, Call, env_unless_empty
from ..errors import ApiError, InvalidInput, PodreachError
from ..gcp import endpoints
from ..gcp.auth import AUTH_SPEC, settle
from ..gcp.client import Client
from ..gcp.transport import HttpTransport

try:
    import requests.utils
except ImportError:
    # without it there is no Google session either, which says so; see needs_urllib3 for the other ways
    requests = None  # type: ignore[assignment]  # only the name must exist

#: option -> the environment variable that stands in for it, as kubernetes.core has them
ENVIRONMENT = {
    "kubeconfig": "K8S_AUTH_KUBECONFIG",
    "context": "K8S_AUTH_CONTEXT",
    "host": "K8S_AUTH_HOST",
    "api_key": "K8S_AUTH_API_KEY",
    "ca_cert": "K8S_AUTH_SSL_CA_CERT",
    "validate_certs": "K8S_AUTH_VERIFY_SSL",
    "client_cert": "K8S_AUTH_CERT_FILE",
    "client_key": "K8S_AUTH_KEY_FILE",
    "proxy": "K8S_AUTH_PROXY",
}


def _option(name: str, **more: t.Any) -> dict[str, t.Any]:
    return {"type": "str", "fallback": (env_unless_empty, [ENVIRONMENT[name]]), **more}


ACCESS_SPEC = AUTH_SPEC.merge(
    ArgumentSpec(
        options={
            "cluster": {"type": "str"},
            "location": {"type": "str"},
            "kubeconfig": _option("kubeconfig", type="path"),
            "context": _option("context"),
            "host": _option("host"),
            "api_key": _option("api_key", no_log=True),
            "ca_cert": _option("ca_cert", type="path", aliases=["ssl_ca_cert"]),
            "validate_certs": _option("validate_certs", type="bool", aliases=["verify_ssl"]),
            "client_cert": _option("client_cert", type="path", aliases=["cert_file"]),
            "client_key": _option("client_key", type="path", no_log=False, aliases=["key_file"]),
            "proxy": _option("proxy", no_log=False),
            "prerequisite_timeout": {"type": "int", "default": 0},
        },
        required_together=(("cluster", "location"), ("client_cert", "client_key")),
        empty_is_unset=frozenset({*ENVIRONMENT, "cluster", "location"}),
    )
)


@dataclass
class Access:
    """Where a cluster's API is, and what opens it.

    ``authorize`` puts a token into headers; with ``renew`` a new one, if there can be one (``renews``). ``google`` is
    the client of Google's APIs and ``cluster`` the cluster as the container API has it, where it was reached by name.
    """

    url: str
    authorize: t.Callable[[dict[str, str], bool], None]
    tls: ssl.SSLContext | None = None
    proxy: str | None = None
    renews: bool = False
    server_name: str | None = None
    google: Client | None = None
    cluster: dict[str, t.Any] | None = None


class NoCluster(ApiError):
    """The cluster that was named does not exist, or is still being made: it holds nothing yet."""

    code = "notFound"


def for_call(call: Call) -> Access:
    """The way that a module's parameters name. Raises :class:`NoCluster` where there is no such cluster."""
    params = call.params
    if params.get("cluster"):
        return of_gke(call)
    if params.get("host"):
        return of_host(call)
    if params.get("kubeconfig") or params.get("context"):
        return of_kubeconfig(call)
    raise InvalidInput(
        "It is not said which cluster is meant: give cluster with location (a GKE cluster), host with api_key, or "
        "kubeconfig or context (also by the environment variables K8S_AUTH_HOST, K8S_AUTH_KUBECONFIG and so on)",
        code="no-cluster",
    )


def of_gke(call: Call) -> Access:
    """A GKE cluster by its name: its address and authority from the container API, the token of the Google session."""
    params = call.params
    client = Client.for_call(dataclasses.replace(call, params={"wait": True, **params}))
    path = f"projects/{client.project}/locations/{params['location']}/clusters/{params['cluster']}"
    cluster = _awaited(call, client, path)
    authority = base64.b64decode((cluster.get("masterAuth") or {}).get("clusterCaCertificate") or "").decode()
    session = t.cast(HttpTransport, client.transport).session
    url = f"https://{cluster['endpoint']}"
    _check(settle(params).get("environment"), url, f"the Kubernetes API of cluster {params['cluster']}", None)
    return Access(
        url,
        lambda headers, renew: session.authorize(headers, renew=renew),
        tls=_tls(call, f"cluster {path}", data=authority or None, heeded=False),
        proxy=_surrounding_proxy(url),
        renews=bool(getattr(session.credentials, "expiry", None)),
        google=client,
        cluster=cluster,
    )


def _awaited(call: Call, client: Client, path: str) -> dict[str, t.Any]:
    """The cluster, as the container API has it. One that is not there yet (something else may be making it) is waited
    for as long as the caller allows; not in check mode, and not to delete what is in it."""
    patience = call.params.get("prerequisite_timeout") or 0
    if call.check_mode or call.params.get("state") == "absent":
        patience = 0
    cluster: dict[str, t.Any] = {}

    def missing() -> list[str]:
        cluster.clear()
        cluster.update(client.get("container", path) or {})
        if not cluster:
            return ["it does not exist"]
        if not cluster.get("endpoint") or (patience and cluster.get("status") == "PROVISIONING"):
            return [f"it has no address for its Kubernetes API yet: its status is {cluster.get('status')}"]
        return []

    lacks = client.wait_until(missing, patience, f"cluster {path}: waits for it")
    waited = f" after {patience} s (prerequisite_timeout)" if patience else ""
    if not cluster:
        raise NoCluster(
            f"cluster {path} does not exist{waited}. Create it, or correct cluster, location or project.",
            status=404,
            resource=f"cluster {path}",
        )
    if lacks:
        kind = NoCluster if cluster.get("status") == "PROVISIONING" else PodreachError
        raise kind(
            f"cluster {path}: {lacks[0]}{waited}. Wait until it is RUNNING (prerequisite_timeout).",
            code="not-ready",
            resource=f"cluster {path}",
        )
    return cluster


def of_host(call: Call) -> Access:
    """An address and a token, as AWX's credential for Kubernetes gives them."""
    params = call.params
    url = _usable(params["host"], "host (or K8S_AUTH_HOST)")
    proxy = params.get("proxy") or _surrounding_proxy(url)
    password = urlsplit(proxy or "").password
    if password:
        call.secrets.add(password)
    _check(params.get("environment"), url, "the Kubernetes API (host)", params.get("proxy"))
    return Access(
        url,
        _bearer(url, params.get("api_key"), "host"),
        tls=_tls(
            call, "host", file=params.get("ca_cert"), cert=params.get("client_cert"), key=params.get("client_key")
        ),
        proxy=proxy,
    )


def of_kubeconfig(call: Call) -> Access:
    """A kubeconfig's context, with whatever it says about who asks: tokens, certificates, plugins to run."""
    params = call.params
    try:
        from kubernetes.client import Configuration
        from kubernetes.config import ConfigException, kube_config
    except ImportError as error:
        raise PodreachError(missing_required_lib("kubernetes"), code="missing-library") from error
    path = params.get("kubeconfig") or os.environ.get("KUBECONFIG") or os.path.expanduser("~/.kube/config")
    found: t.Any = Configuration()
    found.verify_ssl = True
    with tempfile.TemporaryDirectory(prefix="podreach-") as scratch:
        try:
            merged: t.Any = kube_config.KubeConfigMerger(path).config
            if merged is None:
                raise InvalidInput(f"kubeconfig {path}: there is no such file", code="kubeconfig")
            context = params.get("context") or merged["current-context"]
            chosen = merged["contexts"].get_with_name(context)["context"]["cluster"]
            described = merged["clusters"].get_with_name(chosen)["cluster"]
            # before anything is run to get a token
            url = _usable(described["server"], f"kubeconfig {path}, cluster {chosen}: server")
            proxy = described.safe_get("proxy-url")
            _check(params.get("environment"), url, f"the Kubernetes API (context {context})", proxy)
            kube_config.load_kube_config(
                config_file=path,
                context=context,
                client_configuration=found,
                persist_config=False,
                temp_file_path=scratch,
            )
        except (ConfigException, OSError, ValueError, TypeError) as error:
            # its messages quote the file's parts, never tokens
            raise InvalidInput(f"kubeconfig {path}: {error}", code="kubeconfig") from None
        token = (found.api_key.get("BearerToken") or found.api_key.get("authorization") or "").removeprefix("Bearer ")
        if token:
            call.secrets.add(token)
        tls = _tls(
            call,
            f"kubeconfig {path}",
            file=found.ssl_ca_cert,
            cert=found.cert_file,
            key=found.key_file,
            verify=bool(found.verify_ssl),
        )
    return Access(
        url,
        _bearer(url, token, "kubeconfig"),
        tls=tls,
        proxy=proxy or _surrounding_proxy(url),
        server_name=getattr(found, "tls_server_name", None),
    )


def _usable(url: str, where: str) -> str:
    """A server's address without a slash at its end."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and "@" not in url
    except ValueError:
        good = False
    if not good:
        raise InvalidInput(f"{where}: {url!r} is no URL of an API: write it like https://10.0.0.2")
    return url.rstrip("/")


def _check(environment: str | None, url: str, what: str, proxy: str | None) -> None:
    """Refuse a lab that would leave this machine, and a cloud that would not."""
    endpoints.check(environment, {what: url, **({"the proxy to it": proxy} if proxy else {})})


def _surrounding_proxy(url: str) -> str | None:
    """The proxy that the environment names for a URL; none to this machine."""
    if endpoints.is_loopback(url) or requests is None:
        return None
    found: str | None = requests.utils.select_proxy(url, requests.utils.get_environ_proxies(url))
    return found


def _bearer(url: str, token: str | None, where: str) -> t.Callable[[dict[str, str], bool], None]:
    """What puts a token that stays the same into headers."""
    if token and url.startswith("http:") and not endpoints.is_loopback(url):
        raise InvalidInput(f"{where}: {url} is not https: the token would be readable on the way. Write https://")

    def authorize(headers: dict[str, str], renew: bool) -> None:
        if token:
            headers["authorization"] = f"Bearer {token}"

    return authorize


def _tls(
    call: Call,
    where: str,
    *,
    data: str | None = None,
    file: str | None = None,
    cert: str | None = None,
    key: str | None = None,
    verify: bool = True,
    heeded: bool = True,
) -> ssl.SSLContext:
    """How the other side is verified. The options count more than a kubeconfig (``heeded``), but not more than
    what Google says of a cluster: the environment's may well be of another one."""
    params = call.params if heeded else {}
    if params.get("ca_cert"):
        data, file = None, params["ca_cert"]
    if params.get("validate_certs") is not None:
        verify = params["validate_certs"]
    try:
        context = ssl.create_default_context(cafile=file, cadata=data) if verify else ssl.create_default_context()
        if cert:
            context.load_cert_chain(cert, key)
    except (OSError, ValueError) as error:
        named = ", ".join(filter(None, (file, cert, key))) or "the cluster's own authority"
        raise InvalidInput(
            f"{where}: certificates cannot be read ({named}): {getattr(error, 'strerror', None) or error}",
            code="certificates",
        ) from None
    if data or file:
        # strict by default since Python 3.13; clusters' own authorities often lack the extensions that it wants
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if not verify:
        call.warn(f"{where}: the certificate of the Kubernetes API is not verified (validate_certs is false).")
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
