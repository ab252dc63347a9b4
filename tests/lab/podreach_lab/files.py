# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's directory: what it writes there, for whom, and how it is removed again.

lab.json      pid, port and instance of the running process, for the `lab` command
env           lines `export NAME='value'` for a shell: endpoints, credentials and settings of every client
credentials/  service-account keys; access-token, the operator's token for gcloud; gcloud/, its configuration directory;
              kubectl/, what kubectl remembers of clusters: another lab's are others at the same addresses
kubeconfig    written by gcloud and others; lab.log, what the process says
Everything is the owner's alone.
"""

from __future__ import annotations

import json
import os
import pathlib
import secrets
import shutil
import typing as t

from .aws import credentials

if t.TYPE_CHECKING:
    from .auth import Accounts  # needs packages that `lab down` must work without

TOKEN_SECONDS = 30 * 24 * 3600
LOG = "lab.log"
OURS = ("lab.json", "env", "access-token", "kubeconfig", LOG, "exec.sock")
OUR_DIRECTORIES = ("credentials", "gcloud", "kubectl")


def private_file(path: pathlib.Path, text: str) -> None:
    """Write a file that nobody else can read, at no moment half written."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as handle:
        handle.write(text)
    os.replace(temporary, path)


def private_directory(path: pathlib.Path) -> None:
    path.mkdir(mode=0o700, parents=True, exist_ok=True)


def write(directory: pathlib.Path, port: int, accounts: Accounts) -> str:
    """Write everything; lab.json comes last, since its presence says that the lab is ready. Returns the instance."""
    private_directory(directory)
    for name in OUR_DIRECTORIES:
        private_directory(directory / name)
    for account in accounts.accounts.values():
        key = json.dumps(account.key_file(accounts.token_uri), indent=2) + "\n"
        private_file(directory / "credentials" / f"{account.name}.json", key)
    private_file(directory / "access-token", accounts.issue(accounts.accounts["operator"].caller, TOKEN_SECONDS))
    lines = [f"export {name}='{value}'\n" for name, value in environment(directory, port).items()]
    private_file(directory / "env", "".join(lines))
    instance = secrets.token_hex(8)
    record: dict[str, t.Any] = {
        "pid": os.getpid(),
        "port": port,
        "instance": instance,
        "url": f"http://127.0.0.1:{port}",
    }
    private_file(directory / "lab.json", json.dumps(record) + "\n")
    return instance


def environment(directory: pathlib.Path, port: int) -> dict[str, str]:
    """What a shell sources to make ansible, gcloud, kubectl and boto3 use this lab."""
    if "'" in str(directory):
        raise ValueError(f"the lab's directory must not contain a quote: {directory}")
    url = f"http://127.0.0.1:{port}"
    return {
        "PODREACH_LAB_DIR": str(directory),
        "GOOGLE_COMPUTE_CUSTOM_ENDPOINT": f"{url}/compute/v1/",
        "GOOGLE_CONTAINER_CUSTOM_ENDPOINT": f"{url}/v1/",
        "GOOGLE_IAM_CREDENTIALS_CUSTOM_ENDPOINT": f"{url}/v1/",
        "GOOGLE_RESOURCE_MANAGER_CUSTOM_ENDPOINT": f"{url}/v1/",
        "GCP_AUTH_KIND": "serviceaccount",
        "GCP_SERVICE_ACCOUNT_FILE": str(directory / "credentials" / "operator.json"),
        "GCP_PROJECT": "podreach-lab",
        "CLOUDSDK_CONFIG": str(directory / "gcloud"),
        "CLOUDSDK_CORE_PROJECT": "podreach-lab",
        "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
        "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "true",
        "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "1",
        "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": str(directory / "access-token"),
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDRESOURCEMANAGER": f"{url}/",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_COMPUTE": f"{url}/compute/v1/",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_CONTAINER": f"{url}/",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_SERVICEUSAGE": f"{url}/",
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": credentials.ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": credentials.SECRET_KEY,
        "AWS_DEFAULT_REGION": credentials.REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "KUBECONFIG": str(directory / "kubeconfig"),
        "KUBECACHEDIR": str(directory / "kubectl"),
    }


def read_record(directory: pathlib.Path) -> dict[str, t.Any] | None:
    """lab.json, or None where there is none that can be read."""
    try:
        record = json.loads((directory / "lab.json").read_text(encoding="utf-8"))
        return record if isinstance(record.get("pid"), int) and isinstance(record.get("port"), int) else None
    except (OSError, ValueError, AttributeError):
        return None


def remove(directory: pathlib.Path) -> None:
    """Take away what the lab wrote, and the directory if nothing else is in it."""
    for name in OURS:
        (directory / name).unlink(missing_ok=True)
    for name in OUR_DIRECTORIES:
        shutil.rmtree(directory / name, ignore_errors=True)
    (directory / "lock").unlink(missing_ok=True)
    try:
        directory.rmdir()
    except OSError:
        pass  # absent, or somebody keeps files here
