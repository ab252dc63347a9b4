# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that every module for things in a cluster has."""

from __future__ import annotations


class ModuleDocFragment:
    # which cluster, and who asks it
    DOCUMENTATION = r"""
options:
  cluster:
    description:
      - The name of a GKE cluster. Its address and certificate authority are read from Google, and its Kubernetes API is
        asked with the Google credentials of this task. Needs O(location).
      - Comes before O(host), and O(host) before O(kubeconfig) and O(context). One of them is needed.
    type: str
  location:
    description:
      - The region or zone of O(cluster).
    type: str
  host:
    description:
      - The URL of a Kubernetes API, where it is not found by O(cluster).
      - Defaults to the environment variable E(K8S_AUTH_HOST).
    type: str
  api_key:
    description:
      - The bearer token for O(host).
      - Defaults to the environment variable E(K8S_AUTH_API_KEY).
    type: str
  ca_cert:
    description:
      - Path of the certificate authority that signed the certificate of O(host). Comes before the one of O(kubeconfig);
        without any, those of the system are trusted. Not for O(cluster), which brings its own.
      - Defaults to the environment variable E(K8S_AUTH_SSL_CA_CERT).
    type: path
    aliases: [ssl_ca_cert]
  validate_certs:
    description:
      - Whether the certificate of O(host) is verified. True unless the kubeconfig says otherwise. Where it is not, a
        warning says so. That of O(cluster) always is.
      - Defaults to the environment variable E(K8S_AUTH_VERIFY_SSL), which AWX's credential for Kubernetes sets.
    type: bool
    aliases: [verify_ssl]
  client_cert:
    description:
      - Path of a client certificate for O(host).
      - Defaults to the environment variable E(K8S_AUTH_CERT_FILE).
    type: path
    aliases: [cert_file]
  client_key:
    description:
      - Path of the key of O(client_cert).
      - Defaults to the environment variable E(K8S_AUTH_KEY_FILE).
    type: path
    aliases: [key_file]
  proxy:
    description:
      - The URL of an HTTP proxy to O(host). Without it, the environment's proxies are used.
      - Defaults to the environment variable E(K8S_AUTH_PROXY).
    type: str
  kubeconfig:
    description:
      - Path of a kubeconfig, where it is not found by O(cluster) or O(host). What it says about the user is heeded,
        plugins for tokens included.
      - Defaults to the environment variable E(K8S_AUTH_KUBECONFIG), and with O(context) to what C(kubectl) uses.
    type: path
  context:
    description:
      - The kubeconfig's context. Its current one without this.
      - Defaults to the environment variable E(K8S_AUTH_CONTEXT).
    type: str
  prerequisite_timeout:
    description:
      - Seconds to wait for O(cluster) where it does not exist yet, or is still being made, since something else is
        making it. These do not count against O(timeout).
      - Nothing is waited for in check mode.
    type: int
    default: 0
notes:
  - The Python package C(kubernetes) is needed for O(kubeconfig) and O(context) only.
"""
