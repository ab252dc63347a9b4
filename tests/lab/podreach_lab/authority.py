# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificate authority of the lab's control planes, and the loopback address of each.

Every cluster gets an endpoint of its own in 127.64.0.0/16. Its Kubernetes API listens there while the cluster is
ready; at other times connections are refused at once.
"""

from __future__ import annotations

import base64
import datetime
import ipaddress
import itertools
import pathlib
import ssl
import tempfile
import typing as t

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


class Authority:
    """Signs for all clusters of one lab."""

    def __init__(self, now: datetime.datetime) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "podreach lab clusters")])
        self.certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(minutes=5))
            .not_valid_after(now + datetime.timedelta(days=365))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), critical=False)
            .add_extension(_ca_usage(), critical=True)
            .sign(self.key, hashes.SHA256())
        )
        self._addresses = (ipaddress.IPv4Address("127.64.0.0") + at for at in itertools.count(1))
        self.reserve: t.Callable[[str], str | None] = lambda address: address
        """Takes an address for a cluster: what its endpoint is called, or None if the address is taken."""

    def certificate_pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    def certificate_base64(self) -> str:
        """What masterAuth.clusterCaCertificate holds."""
        return base64.b64encode(self.certificate_pem().encode()).decode()

    def next_endpoint(self) -> str:
        """An address that no other cluster has, with its port where that is not 443."""
        for address in itertools.islice(self._addresses, 65_000):
            endpoint = self.reserve(str(address))
            if endpoint is not None:
                return endpoint
        raise RuntimeError("no address of 127.64.0.0/16 is free")

    def server_context(self, address: str) -> ssl.SSLContext:
        """TLS for a server at an address: a key of its own, a certificate that this authority has signed."""
        key = ec.generate_private_key(ec.SECP256R1())
        start = self.certificate.not_valid_before_utc
        certificate = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, address)]))
            .issuer_name(self.certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(self.certificate.not_valid_after_utc)
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        text = certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        with tempfile.TemporaryDirectory(prefix="podreach-lab-") as directory:
            path = pathlib.Path(directory) / "pair.pem"  # ssl takes files only
            path.write_bytes(text)
            context.load_cert_chain(path)
        return context


def _ca_usage() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
