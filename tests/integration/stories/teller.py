# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a story is told: by typing commands (gcloud, kubectl, `lab exec`), or by repeating the HTTP that they sent.

A story is a function of a Teller. `Typist` runs the real commands and can keep what they asked; `Replayer` sends that
again without them, which is faster and needs no client on the machine. What happens inside instances and pods is real
in both. EC2 is changed with boto3 by the one and with what boto3 sent by the other, signed anew.
"""

from __future__ import annotations

import base64
import functools
import json
import os
import pathlib
import ssl
import subprocess
import tempfile
import time
import typing as t
import urllib.error
import urllib.parse
import urllib.request

import boto3
import yaml
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.parsers import create_parser

from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import Lab

Json = dict[str, t.Any]


class Teller:
    """What a story may do."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.names: dict[str, str] = {}

    def type(self, line: str, file: tuple[str, str] | None = None) -> None:
        """A gcloud or kubectl command that must succeed. `{node}` stands for what was learnt under that name; `file` is
        (name, content) of one whose path is put at the end."""
        raise NotImplementedError

    def ask(self, line: str) -> Json:
        """A gcloud or kubectl command that prints one object, as YAML or JSON: that object."""
        raise NotImplementedError

    def aws(self, call: str, **parameters: t.Any) -> Json:
        """A call of EC2 that changes something, by boto3's name (create_vpn_gateway), and its answer."""
        raise NotImplementedError

    @functools.cached_property
    def ec2(self) -> t.Any:
        """boto3's client for the lab's EC2: what a story only reads need not be recorded."""
        session = boto3.session.Session(
            aws_access_key_id=self.lab.env["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.lab.env["AWS_SECRET_ACCESS_KEY"],
            region_name=self.lab.env["AWS_DEFAULT_REGION"],
        )
        return session.client("ec2", endpoint_url=self.lab.env["AWS_ENDPOINT_URL"], config=Config(proxies={}))

    def learn(self, name: str, value: str) -> None:
        """A value that differs in each run and may be used in commands."""
        self.names[name] = value

    def forgotten(self, request: Json) -> Json:
        """A request with names in place of what was learnt; of two values that begin alike the longer one counts."""
        longest = sorted(self.names.items(), key=lambda item: -len(item[1]))
        return rewritten(request, {value: f"{{{name}}}" for name, value in longest})

    def called(self, call: str, parameters: Json) -> str:
        """How a call of EC2 stands in a recording."""
        line = f"ec2 {call} {json.dumps(parameters, sort_keys=True)}"
        return str(self.forgotten({"query": line})["query"])

    def get(self, path: str, cluster: str = "") -> Json:
        """A resource of Google's APIs, or of a cluster's Kubernetes."""
        status, text = send(self.lab, {"method": "GET", "path": path, "cluster": cluster})
        assert status == 200, text
        found: Json = json.loads(text)
        return found

    def inside(self, name: str, line: str) -> subprocess.CompletedProcess[str]:
        """`lab exec NAME -- LINE`"""
        return self.lab.exec(name, *line.split())

    def health(self, name: str, address: str) -> bool:
        """Whether `curl http://ADDRESS/health` says OK from there."""
        done = self.inside(name, f"curl --silent --max-time 0.5 http://{address}/health")
        return done.stdout.strip() == "OK"

    def until(self, reached: t.Callable[[], bool], what: str, seconds: float = 20) -> None:
        """Wait for something that comes by itself."""
        deadline = time.monotonic() + seconds
        while not reached():
            assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
            time.sleep(0.05)

    def becomes(self, wanted: bool, name: str, address: str) -> None:
        """Wait until the answer is the wanted one; an agent acts at its next resync."""
        self.until(lambda: self.health(name, address) is wanted, f"{name} -> {address}: health is {wanted}")

    def stays(self, wanted: bool, name: str, address: str, seconds: float) -> None:
        """The answer is the wanted one now and for that long: longer than what would change it takes."""
        deadline = time.monotonic() + seconds
        while True:
            assert self.health(name, address) is wanted, f"{name} -> {address}: health is {not wanted}"
            if time.monotonic() > deadline:
                return
            time.sleep(0.1)


class Typist(Teller):
    """Runs the real clients, with the lab's environment and nothing of the machine's own configuration."""

    def __init__(self, lab: Lab) -> None:
        super().__init__(lab)
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("CLOUDSDK_", "GOOGLE_", "GCP_", "KUBE"))
        }
        self.environment = {**kept, **lab.env}
        self.pages: list[Json] = []
        self.sent: list[Json] = []
        self.ec2.meta.events.register("before-send.ec2", self.sending)
        lab.admin("POST", "recording", {"on": True})

    def type(self, line: str, file: tuple[str, str] | None = None) -> None:
        self.run(line, file)

    def ask(self, line: str) -> Json:
        found: Json = yaml.safe_load(self.run(line))
        return found

    def run(self, line: str, file: tuple[str, str] | None = None) -> str:
        """What a command prints."""
        before = self.lab.seq()
        with tempfile.TemporaryDirectory() as directory:
            command = line.format(**self.names)
            if file is not None:
                path = pathlib.Path(directory) / file[0]
                path.write_text(file[1], encoding="utf-8")
                command += str(path)
            done = subprocess.run(
                command.split(), capture_output=True, text=True, env=self.environment, timeout=120, check=False
            )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        asked = [self.request_of(item) for item in self.lab.requests(before) if worth_repeating(item)]
        self.pages.append({"line": line, "requests": asked})
        return done.stdout

    def aws(self, call: str, **parameters: t.Any) -> Json:
        line = self.called(call, parameters)
        answer: Json = getattr(self.ec2, call)(**parameters)
        self.pages.append({"line": line, "requests": [self.forgotten(self.sent[-1])]})
        return answer

    def sending(self, request: t.Any, **_more: t.Any) -> None:
        """botocore tells what it is about to send; the last of one call is the one that was answered."""
        self.sent.append(ec2_request(request))

    def request_of(self, item: Json) -> Json:
        """What is kept of a logged request, with names in place of values."""
        kept = {
            name: item[name] for name in ("method", "path", "query", "status", "content_type", "body") if item.get(name)
        }
        if item.get("cluster"):
            kept["cluster"] = item["cluster"]
        return self.forgotten(kept)

    def keep(self, path: pathlib.Path) -> None:
        """Write the recording."""
        path.write_text(json.dumps(self.pages, indent=1) + "\n", encoding="utf-8")


def worth_repeating(item: Json) -> bool:
    """Not waiting: for operations, whose names differ in each run, or in a watch. Not exec, which `inside` tells."""
    waits = "/operations" in item["path"] or "watch=" in item["query"]
    return not waits and not item["path"].endswith(("/exec", "/log"))


def rewritten(request: Json, changes: dict[str, str]) -> Json:
    """A request with some texts replaced, in its body (base64) too."""
    found = dict(request)
    for name in ("path", "query", "body"):
        if name in found:
            text = base64.b64decode(found[name]) if name == "body" else str(found[name]).encode()
            for old, new in changes.items():
                text = text.replace(old.encode(), new.encode())
            found[name] = base64.b64encode(text).decode() if name == "body" else text.decode()
    return found


class Replayer(Teller):
    """Sends what was recorded, and holds the answers' status against the recording."""

    def __init__(self, lab: Lab, path: pathlib.Path) -> None:
        super().__init__(lab)
        self.pages: list[Json] = json.loads(path.read_text(encoding="utf-8"))

    def type(self, line: str, file: tuple[str, str] | None = None) -> None:
        for item in self.turn(line):
            answer = self.repeat(line, item)
            if not item.get("cluster") and item["method"] != "GET":
                self.finish(json.loads(answer))

    def ask(self, line: str) -> Json:
        answers = [self.repeat(line, item) for item in self.turn(line)]
        found: Json = json.loads(answers[-1])
        return found

    def aws(self, call: str, **parameters: t.Any) -> Json:
        line = self.called(call, parameters)
        (item,) = self.turn(line)
        text = self.repeat(line, item)
        model = self.ec2.meta.service_model.operation_model(self.ec2.meta.method_to_api_mapping[call])
        reply = {"status_code": 200, "headers": {}, "body": text.encode()}
        answer: Json = create_parser("ec2").parse(reply, model.output_shape) if model.output_shape else {}
        return answer

    def turn(self, line: str) -> list[Json]:
        """The requests of the next page, which must be that line's."""
        page = self.pages.pop(0)
        assert page["line"] == line, f"the recording has {page['line']!r} here, not {line!r}; record the story again"
        return list(page["requests"])

    def repeat(self, line: str, item: Json) -> str:
        """Send one request again; its answer."""
        request = rewritten(item, {f"{{{name}}}": value for name, value in self.names.items()})
        status, answer = send(self.lab, request)
        assert status == item["status"], f"{line}\n{item['method']} {item['path']} -> {status}\n{answer}"
        return answer

    def finish(self, operation: Json) -> None:
        """Wait for an operation, as gcloud did."""
        deadline = time.monotonic() + 60
        path = "/compute/v1/" + operation["selfLink"].partition("/compute/v1/")[2]
        if "/compute/v1/" not in operation["selfLink"]:
            path = "/v1/" + operation["selfLink"].partition("/v1/")[2].replace("/zones/", "/locations/")
        while operation["status"] != "DONE":
            assert time.monotonic() < deadline, operation
            time.sleep(0.02)
            operation = self.get(path)
        assert "error" not in operation, operation


def ec2_request(request: t.Any) -> Json:
    """What is kept of a request that botocore is about to send."""
    url = urllib.parse.urlsplit(request.url)
    body = request.body.encode() if isinstance(request.body, str) else bytes(request.body or b"")
    kind = request.headers["Content-Type"]
    kind = kind.decode() if isinstance(kind, bytes) else kind
    fixed = {"service": "ec2", "method": request.method, "path": url.path, "status": 200, "content_type": kind}
    return fixed | {"body": base64.b64encode(body).decode()}


def signature(lab: Lab, request: Json, body: bytes | None) -> dict[str, str]:
    """The headers of a request to AWS."""
    message = AWSRequest(request["method"], lab.url + request["path"], data=body)
    credentials = Credentials(lab.env["AWS_ACCESS_KEY_ID"], lab.env["AWS_SECRET_ACCESS_KEY"])
    SigV4Auth(credentials, request["service"], lab.env["AWS_DEFAULT_REGION"]).add_auth(message)
    return dict(message.headers)


def send(lab: Lab, request: Json) -> tuple[int, str]:
    """One request with the operator's token, or signed for AWS: status and body of the answer."""
    base, context = lab.url, None
    if request.get("cluster"):
        _status, text = send(lab, {"method": "GET", "path": f"/v1/{request['cluster']}"})
        cluster = json.loads(text)
        base = f"https://{cluster['endpoint']}"
        authority = base64.b64decode(cluster["masterAuth"]["clusterCaCertificate"]).decode()
        context = ssl.create_default_context(cadata=authority)
    query = f"?{request['query']}" if request.get("query") else ""
    body = base64.b64decode(request.get("body", "")) or None
    signed = request.get("service")
    headers = signature(lab, request, body) if signed else {"Authorization": f"Bearer {lab.token()}"}
    if request.get("content_type"):
        headers["Content-Type"] = request["content_type"]
    message = urllib.request.Request(base + request["path"] + query, body, headers, method=request["method"])
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    try:
        with opener.open(message, timeout=30) as response:
            return int(response.status), response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
