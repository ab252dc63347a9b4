# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who calls: service accounts, their keys, tokens, impersonation, and the metadata server's shape.

Accounts: `lab` and `peer` may each use their own project only; `operator` may use both, and may impersonate the
others. Nobody may use podreach-forbidden. Keys are made when the lab starts and live in its directory, mode 0600.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import secrets
import time
import typing as t

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from .faults import ApiFault

Json = dict[str, t.Any]

LIFETIME = 3600
AUDIENCES = ("https://oauth2.googleapis.com/token", "https://accounts.google.com/o/oauth2/token")
SELF_SIGNED_AUDIENCES = (
    "https://cloudresourcemanager.googleapis.com/",
    "https://compute.googleapis.com/",
    "https://container.googleapis.com/",
    "https://iamcredentials.googleapis.com/",
    "https://serviceusage.googleapis.com/",
)
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ACCOUNTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "lab": ("podreach-lab", ("podreach-lab",)),
    "peer": ("podreach-peer", ("podreach-peer",)),
    "operator": ("podreach-lab", ("podreach-lab", "podreach-peer")),
}
"""Name -> home project, projects that it may use."""


@dataclasses.dataclass(frozen=True)
class Caller:
    """An authenticated account."""

    email: str
    projects: tuple[str, ...]

    def may_use(self, project: str) -> bool:
        return project in self.projects


@dataclasses.dataclass
class Account:
    """A service account with its key pair."""

    name: str
    project: str
    projects: tuple[str, ...]
    key: rsa.RSAPrivateKey
    key_id: str

    @property
    def email(self) -> str:
        return f"{self.name}@{self.project}.iam.gserviceaccount.com"

    @property
    def caller(self) -> Caller:
        return Caller(self.email, self.projects)

    def key_file(self, token_uri: str) -> Json:
        """The JSON key file that Google would hand out."""
        pem = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return {
            "type": "service_account",
            "project_id": self.project,
            "private_key_id": self.key_id,
            "private_key": pem.decode(),
            "client_email": self.email,
            "client_id": str(int(self.key_id[:16], 16)),
            "auth_uri": "https://accounts.google.com/o/oauth2/auth",
            "token_uri": token_uri,
            "auth_provider_x509_cert_url": "https://www.googleapis.com/oauth2/v1/certs",
            "universe_domain": "googleapis.com",
        }


class TokenRefusal(Exception):
    """An error of the token endpoint, in OAuth's shape."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.body = {"error": error, "error_description": description}


class Accounts:
    """The lab's accounts and the tokens in circulation."""

    def __init__(self, now: t.Callable[[], float]) -> None:
        self._now = now
        self.token_uri = ""
        self._tokens: dict[str, tuple[Caller, float]] = {}
        self.accounts: dict[str, Account] = {}
        for name, (project, projects) in ACCOUNTS.items():
            key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            self.accounts[name] = Account(name, project, projects, key, secrets.token_hex(20))

    def by_email(self, email: str) -> Account | None:
        return next((item for item in self.accounts.values() if item.email == email), None)

    # ---- tokens

    def issue(self, caller: Caller, seconds: float = LIFETIME) -> str:
        """A new opaque token. Long, so that hiding it in logs hides nothing else."""
        if len(self._tokens) > 10_000:
            self._tokens = {key: item for key, item in self._tokens.items() if item[1] > self._now()}
        token = f"ya29.podreach-lab.{secrets.token_urlsafe(72)}"
        self._tokens[token] = (caller, self._now() + seconds)
        return token

    def caller(self, headers: t.Mapping[str, str]) -> Caller:
        """The account behind the Authorization header, or 401."""
        value = headers.get("authorization") or headers.get("Authorization") or ""
        kind, _separator, token = value.partition(" ")
        if kind.lower() != "bearer" or not token:
            raise ApiFault(
                401,
                "Request is missing required authentication credential. Expected OAuth 2 access token, login cookie "
                "or other valid authentication credential.",
                "required",
                location="Authorization",
            )
        known = self._tokens.get(token.strip())
        if known and known[1] > self._now():
            return known[0]
        if token.count(".") == 2 and not token.startswith("ya29."):
            try:
                return self._verify(token, SELF_SIGNED_AUDIENCES, scoped=True).caller
            except TokenRefusal:
                pass
        raise ApiFault(
            401,
            "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other "
            "valid authentication credential.",
            "authError",
            location="Authorization",
        )

    def exchange(self, form: t.Mapping[str, str]) -> Json:
        """The token endpoint: a signed assertion for an access token."""
        if form.get("grant_type") != GRANT:
            raise TokenRefusal("unsupported_grant_type", f"Invalid grant_type: {form.get('grant_type', '')}")
        account = self._verify(form.get("assertion", ""), (*AUDIENCES, self.token_uri), scoped=False)
        return {"access_token": self.issue(account.caller), "expires_in": LIFETIME - 1, "token_type": "Bearer"}

    def _verify(self, assertion: str, audiences: tuple[str, ...], *, scoped: bool) -> Account:
        """Check a JWT's signature, audience and times; the account that signed it."""
        try:
            head_text, claims_text, signature_text = assertion.split(".")
            head, claims = json.loads(_decode(head_text)), json.loads(_decode(claims_text))
            signature = _decode(signature_text)
            issuer, issued, expires = str(claims["iss"]), float(claims["iat"]), float(claims["exp"])
        except (ValueError, KeyError, TypeError):
            raise TokenRefusal(
                "invalid_grant", "Invalid JWT: it is not a signed token with iss, iat and exp."
            ) from None
        account = self.by_email(issuer)
        if account is None:
            raise TokenRefusal("invalid_grant", "Invalid grant: account not found")
        if head.get("alg") != "RS256":
            raise TokenRefusal("invalid_grant", f"Invalid JWT: algorithm {head.get('alg')} is not RS256.")
        try:
            account.key.public_key().verify(
                signature, f"{head_text}.{claims_text}".encode(), padding.PKCS1v15(), hashes.SHA256()
            )
        except InvalidSignature:
            raise TokenRefusal("invalid_grant", "Invalid JWT Signature.") from None
        audience = claims.get("aud")
        if audience not in audiences and not (scoped and audience is None and claims.get("scope")):
            raise TokenRefusal("invalid_grant", f"Invalid JWT: audience {audience} is not this token endpoint.")
        now = self._now()
        if not issued - 300 <= now <= expires or expires - issued > LIFETIME + 1:
            raise TokenRefusal(
                "invalid_grant",
                "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. "
                "Check your iat and exp values in the JWT claim.",
            )
        return account

    def impersonate(self, caller: Caller, email: str, seconds: int) -> Json:
        """iamcredentials generateAccessToken. Whoever may use all projects of the target may become it."""
        account = self.by_email(email)
        if account is None or not set(account.projects) <= set(caller.projects):
            raise ApiFault(
                403,
                "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist).",
                "forbidden",
            )
        until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._now() + seconds))
        return {"accessToken": self.issue(account.caller, seconds), "expireTime": until}

    # ---- metadata server

    def metadata(self, path: str, recursive: bool, projects: t.Mapping[str, str]) -> tuple[str, str] | None:
        """The value at a path below /computeMetadata/v1/ and its content type; None where there is nothing."""
        account = self.accounts["lab"]
        path = path.strip("/")
        flat = {
            "project/project-id": account.project,
            "project/numeric-project-id": projects[account.project],
            "universe/universe-domain": "googleapis.com",
            "instance/service-accounts": f"default/\n{account.email}/\n",
        }
        for name in ("default", account.email):
            base = f"instance/service-accounts/{name}"
            flat[f"{base}/email"] = account.email
            flat[f"{base}/scopes"] = "https://www.googleapis.com/auth/cloud-platform\n"
            if path == base:
                if recursive:
                    value = {
                        "aliases": ["default"],
                        "email": account.email,
                        "scopes": ["https://www.googleapis.com/auth/cloud-platform"],
                    }
                    return json.dumps(value), "application/json"
                return "aliases\nemail\nidentity\nscopes\ntoken\n", "application/text"
            if path == f"{base}/token":
                token = self.issue(account.caller)
                return (
                    json.dumps({"access_token": token, "expires_in": LIFETIME - 1, "token_type": "Bearer"}),
                    "application/json",
                )
        return (flat[path], "application/text") if path in flat else None


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
