# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificate authority of the lab's control planes, and the loopback address of each.

Every cluster gets an endpoint of its own in 127.64.0.0/16, where a Kubernetes API can listen later; until then
connections to it are refused at once.
"""

from __future__ import annotations

import base64
import datetime
import ipaddress
import itertools

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


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
            .sign(self.key, hashes.SHA256())
        )
        self._addresses = (ipaddress.IPv4Address("127.64.0.0") + at for at in itertools.count(1))

    def certificate_base64(self) -> str:
        """What masterAuth.clusterCaCertificate holds."""
        return base64.b64encode(self.certificate.public_bytes(serialization.Encoding.PEM)).decode()

    def next_endpoint(self) -> str:
        return str(next(self._addresses))
