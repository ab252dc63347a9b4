# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One declared file is both the topology and the inventory: a host for everything that it declares."""

from __future__ import annotations

DOCUMENTATION = r"""
name: topology
short_description: The paths of pods, declared in one file, as hosts
version_added: 0.1.0
author:
  - podreach.gke contributors (@podreach)
description:
  - Reads a topology, a file whose name ends in C(.podreach.yml) or C(.podreach.yaml), and makes a host of every
    network, cluster, VPN, access to AWS, peering, Shared VPC, masquerade, Service and flow that it declares, in the
    groups C(podreach_networks), C(podreach_clusters), C(podreach_vpns), C(podreach_aws), C(podreach_peerings),
    C(podreach_shared_vpcs), C(podreach_masquerades), C(podreach_services) and C(podreach_flows).
  - A key of an entry is an input of the role that makes such a thing, P(podreach.gke.network#role) for example, without
    prefix. It becomes the host variable of that input, with its value untouched; templates and vaulted values work as
    in any inventory file, and no vault password is needed to read them. Only what is declared becomes a variable, so
    that C(group_vars) can give the rest.
  - All hosts have C(ansible_connection=local). The whole topology, its references resolved and without what is vaulted
    or secret, is the variable C(podreach_topology) of the group C(all).
  - A topology with a mistake ends the command with exit code 4 and the list of all mistakes, each with its file, key
    and value. What is templated or vaulted is not judged here but by the roles.
  - A mistake is also what only several entries show, such as two networks whose VPNs tell the same gateway of AWS of
    ranges that overlap, or more prefixes than a virtual private gateway takes. What may work, but not as it looks, is a
    warning, such as pods of a routes-based cluster whose range no VPN of the network advertises.
notes:
  - If the file is no YAML, or its C(plugin) line is missing, Ansible does not get as far as this plugin and by default
    only warns. Set C(any_unparsed_is_failed=true) in the section C([inventory]) of C(ansible.cfg) to make it an error.
  - A run takes one topology. Its keys may not be hosts of another inventory source, but a C(constructed) source can put
    its hosts into further groups.
options:
  plugin:
    description: Says that the file is for this plugin.
    type: str
    required: true
    choices: [podreach.gke.topology]
  environment:
    description: Whether this is the lab or Google's cloud.
    type: str
    required: true
    choices: [lab, cloud]
  project:
    description: Project of every entry that names none itself.
    type: str
  projects:
    description: The only projects that may be changed; when unset, the project of each entry.
    type: list
    elements: str
  region:
    description: Region of every subnetwork and router, and location of every cluster, that names none itself.
    type: str
  profile:
    description: >-
      Which limits on prefix lengths count, V(today) (beyond them it warns) or V(gke-2018) (beyond them it refuses);
      when unset, V(today).
    type: str
    choices: [today, gke-2018]
  networks:
    description: >-
      Networks by their key, which is the host's name and, unless C(name) says otherwise, the network's. The keys of
      each are the inputs of the role P(podreach.gke.network#role) without the prefix C(network_).
    type: dict
    default: {}
  clusters:
    description: >-
      Clusters by their key. The keys of each are the inputs of the role P(podreach.gke.cluster#role) without the prefix
      C(cluster_); C(network) is a key of O(networks), or the full path C(projects/PROJECT/global/networks/NAME) of one
      that is not declared here.
    type: dict
    default: {}
  vpns:
    description: >-
      HA VPNs by their key. The keys of each are the inputs of the role P(podreach.gke.vpn#role) without the prefix
      C(vpn_); C(network) is a key of O(networks) or a full path. A C(router) that the network declares is used, with
      its ASN, and stays when the VPN goes. C(advertise_pods_of) is a list of keys of O(clusters), routes-based ones,
      whose pods AWS shall find the way back to; it stands for a custom advertisement of their ranges besides all
      subnetworks.
    type: dict
    default: {}
  aws:
    description: >-
      What pods may reach in AWS, by a key. The keys of each are the inputs of the role P(podreach.gke.aws_access#role)
      without the prefix C(aws_access_).
    type: dict
    default: {}
  peerings:
    description: >-
      VPC Network Peerings by their key. The keys of each are the inputs of the role P(podreach.gke.peering#role)
      without the prefix C(peering_); C(network) and C(peer_network) are keys of O(networks) or full paths. The project
      of a declared C(peer_network) is known.
    type: dict
    default: {}
  shared_vpcs:
    description: >-
      Shared VPC host projects with service projects of theirs, by a key. The keys of each are the inputs of the role
      P(podreach.gke.shared_vpc#role) without the prefix C(shared_vpc_). A subnetwork that is named without its region
      is in that of the declared one of the host project, or in O(region).
    type: dict
    default: {}
  masquerades:
    description: >-
      With which addresses pods of clusters are seen, by a key. The keys of each are the inputs of the role
      P(podreach.gke.masquerade#role) without the prefix C(masquerade_); C(cluster) is a key of O(clusters), whose
      project and location then count.
    type: dict
    default: {}
  services:
    description: >-
      Internal load balancers by their key. The keys of each are the inputs of the role P(podreach.gke.internal_lb#role)
      without the prefix C(internal_lb_); C(cluster) is a key of O(clusters), whose project and location then count.
    type: dict
    default: {}
  flows:
    description: >-
      What pods have to reach, or must not, by a key. The keys of each are those of an item of the input C(verify_flows)
      of the role P(podreach.gke.verify#role); C(cluster) is a key of O(clusters).
    type: dict
    default: {}
  auth_kind:
    description: How to sign in to Google. As all that follow it can also stand in one entry, for that one.
    type: str
    choices: [application, machineaccount, serviceaccount, accesstoken]
  service_account_file:
    description: Path of a service account's key file.
    type: path
  service_account_contents:
    description: A service account's key itself, as JSON. Vault it.
    type: raw
  service_account_email:
    description: Which service account of the instance to be.
    type: str
  access_token:
    description: An OAuth access token. Vault it.
    type: str
  scopes:
    description: OAuth scopes to ask for.
    type: list
    elements: str
  impersonate_service_account:
    description: E-mail of a service account to act as.
    type: str
  compute_endpoint:
    description: Where the Compute Engine API is.
    type: str
  container_endpoint:
    description: Where the Kubernetes Engine API is.
    type: str
  iam_credentials_endpoint:
    description: Where the IAM Credentials API is.
    type: str
  resource_manager_endpoint:
    description: Where the Cloud Resource Manager API is.
    type: str
  peering_limit:
    description: >-
      How many peerings a network may have, where Google raised its quota C(PEERINGS_PER_NETWORK); when unset, 25.
    type: int
  aws_region:
    description: AWS's region, of every entry that names none itself. As all that follow it, it counts for all of AWS.
    type: str
  aws_account:
    description: Id of the account that the credentials are expected to be of. Others are refused.
    type: str
  aws_profile:
    description: A profile of boto3's configuration files.
    type: str
  aws_access_key:
    description: Id of an access key.
    type: str
  aws_secret_key:
    description: The access key's secret. Vault it.
    type: str
  aws_session_token:
    description: Session token of temporary keys. Vault it.
    type: str
  aws_endpoint_url:
    description: Where AWS's APIs are.
    type: str
"""

EXAMPLES = r"""
# shop.podreach.yml; see it with: ansible-inventory -i shop.podreach.yml --graph
plugin: podreach.gke.topology
environment: cloud
project: my-project-1
region: asia-northeast1
aws_region: ap-northeast-1
networks:
  shop:
    subnetworks:
      - name: shop-nodes
        ip_cidr_range: 10.1.1.0/24
        secondary_ip_ranges:
          - {range_name: shop-pods, ip_cidr_range: 10.1.128.0/19}
          - {range_name: shop-services, ip_cidr_range: 10.1.160.0/22}
clusters:
  shop-cluster:
    network: shop
    subnetwork: shop-nodes
    ip_allocation_policy:
      use_ip_aliases: true
      cluster_secondary_range_name: shop-pods
      services_secondary_range_name: shop-services
    node_pools:
      - {name: default-pool, node_count: 1}
vpns:
  shop-aws:
    network: shop
    asn: 65010
    aws: {vpc_name: shop-vpc, route_tables: [all]}
aws:
  shop-pods:
    vpc: shop-vpc
    rules:
      - {group: shop-database, ranges: [10.1.128.0/19], protocol: tcp, ports: ["5432"]}
flows:
  shop-to-database: {cluster: shop-cluster, kind: tcp, target: 10.0.1.7, port: 5432}
"""

import collections.abc
import pathlib
import typing as t

import yaml
from ansible import context
from ansible.errors import AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin

from ansible_collections.podreach.gke.plugins.module_utils.topology import reading as topology
from ansible_collections.podreach.gke.plugins.module_utils.topology.shape import Options

try:
    from ansible.parsing.vault import EncryptedString
    from ansible.template import trust_as_template
except ImportError:  # ansible-core before 2.19, where all strings are templates
    from ansible.parsing.yaml.objects import AnsibleVaultEncryptedUnicode as EncryptedString

    trust_as_template = str

ROLES = pathlib.Path(__file__).resolve().parents[2] / "roles"


def load_specs() -> dict[str, Options]:
    """The inputs of each role that makes something of a topology."""
    specs = {}
    for kind in topology.KINDS:
        text = (ROLES / kind.role / "meta" / "argument_specs.yml").read_bytes()
        specs[kind.role] = yaml.load(text, Loader=_SafeLoader)["argument_specs"]["main"]["options"]
    return specs


#: The C implementation, where there is one, reads the argument specs ten times as fast.
_SafeLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def is_opaque(value: t.Any) -> bool:
    """Can the value not be judged at parse time? Decrypts nothing."""
    if isinstance(value, EncryptedString):
        return True
    return isinstance(value, str) and ("{{" in value or "{%" in value)


def _without_encrypted(value: t.Any) -> t.Any:
    """A copy without vaulted values, so that whoever reads it neither needs a password nor shows a secret."""
    if isinstance(value, collections.abc.Mapping):
        return {key: _without_encrypted(item) for key, item in value.items() if not isinstance(item, EncryptedString)}
    if isinstance(value, list):
        return [_without_encrypted(item) for item in value if not isinstance(item, EncryptedString)]
    return value


def _mistakes_of_syntax(text: str) -> t.Iterator[str]:
    """What YAML itself would not say, or not well: where it breaks, and keys that stand twice in one mapping."""
    try:
        root = yaml.compose(text, Loader=_SafeLoader)
    except yaml.YAMLError as exc:
        mark, problem = getattr(exc, "problem_mark", None), getattr(exc, "problem", None) or str(exc)
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "the file"
        yield f"{where}: is not valid YAML, {problem}: correct the line or the one above"
        return
    if root is not None:
        yield from _twice(root, "", set())


def _twice(node: yaml.Node, path: str, above: set[int]) -> t.Iterator[str]:
    if id(node) in above:
        return  # an alias inside its own anchor
    above = above | {id(node)}
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _twice(item, f"{path}[{index}]", above)
    elif isinstance(node, yaml.MappingNode):
        lines: dict[str, int] = {}
        for key, value in node.value:
            name, line = str(key.value), key.start_mark.line + 1
            below = f"{path}.{name}" if path else name
            if name in lines:
                yield f"{below}: the key is there twice, in lines {lines[name]} and {line}: keep one of them"
            lines.setdefault(name, line)
            yield from _twice(value, below, above)


class InventoryModule(BaseInventoryPlugin):
    NAME = topology.PLUGIN_NAME

    def verify_file(self, path: str) -> bool:
        return path.endswith((".podreach.yml", ".podreach.yaml")) and bool(super().verify_file(path))

    def parse(self, inventory: t.Any, loader: t.Any, path: str, cache: bool = True) -> None:
        super().parse(inventory, loader, path, cache=cache)
        try:
            self._parse(path)
        except AnsibleParserError as exc:
            self._end_run(exc)

    def _end_run(self, error: AnsibleParserError) -> None:
        """End the command with the error.

        Ansible makes a warning of every exception of an inventory plugin, lets other plugins try the file, and goes on
        with what it has, so that a play on a bad topology would succeed on no hosts. Only SystemExit ends a command;
        whoever embeds Ansible without its commands gets the exception itself.
        """
        if not context.CLIARGS:
            raise error
        self.display.error(str(error), wrap_text=False)
        raise SystemExit(4)  # as Ansible's commands do for AnsibleParserError

    def _parse(self, path: str) -> None:
        document = self._load(path)
        result = topology.read(document, load_specs(), is_opaque, trust_as_template)
        errors = [str(problem) for problem in result.errors]
        errors += self._collisions(result)
        self._refuse(path, errors)
        for problem in result.warnings:
            self.display.warning(f"{path}: {problem}")
        self._fill(result)
        self._guard(path, result)

    @staticmethod
    def _refuse(path: str, errors: t.Sequence[str]) -> None:
        if errors:
            listed = [f"{path}: {error}" for error in errors]
            counted = "" if len(listed) == 1 else f"{len(listed)} mistakes in this topology:\n"
            raise AnsibleParserError(counted + "\n".join(listed))

    def _load(self, path: str) -> t.Any:
        """The document, its strings trusted as templates (as those of any inventory file are) and vaulted ones kept."""
        try:
            content = pathlib.Path(path).read_bytes()
            # A wholly encrypted file cannot be looked at here; Ansible decrypts it.
            if not content.startswith(b"$ANSIBLE_VAULT"):
                self._refuse(path, list(_mistakes_of_syntax(content.decode())))
        except (OSError, UnicodeDecodeError) as exc:
            raise AnsibleParserError(f"{path}: cannot be read as text ({exc}): write it in UTF-8") from exc
        try:
            if trust_as_template is str:
                document = self.loader.load_from_file(path, cache=False)
            else:
                document = self.loader.load_from_file(path, cache="none", trusted_as_template=True)
        except AnsibleParserError:
            raise
        except Exception as exc:
            raise AnsibleParserError(f"{path}: cannot be read: {exc}") from exc
        if isinstance(document, collections.abc.Mapping) and document.get("plugin") is None:
            self._refuse(path, [f"plugin: the key is missing: add 'plugin: {self.NAME}'"])
        return document

    def _collisions(self, result: topology.Topology) -> t.Iterator[str]:
        """Keys that other inventory sources use already."""
        if "podreach_topology" in self.inventory.groups["all"].get_vars():
            yield "a run takes one topology, and another was read before: put both in one file, or run them one by one"
            return
        for host in result.hosts:
            where = f"{host.kind.key}.{host.name}"
            if host.name in self.inventory.groups and host.name not in topology.RESERVED_HOSTS:
                yield _collision(where, host.name, "a group", "another inventory source")
            elif host.name in self.inventory.hosts:
                source = self.inventory.hosts[host.name].vars.get("inventory_file") or "another inventory source"
                yield _collision(where, host.name, "a host", source)

    def _fill(self, result: topology.Topology) -> None:
        for kind in topology.KINDS:
            self.inventory.add_group(kind.group)
        for host in result.hosts:
            self.inventory.add_host(host.name, group=host.kind.group)
            constants = {
                "ansible_connection": trust_as_template("local"),
                "ansible_python_interpreter": trust_as_template("{{ ansible_playbook_python }}"),
            }
            for name, value in {**constants, **host.variables}.items():
                self.inventory.set_variable(host.name, name, value)
        self.inventory.set_variable("all", "podreach_topology", _without_encrypted(result.declared))

    def _guard(self, path: str, result: topology.Topology) -> None:
        """Refuse a later source's host or group of the same name, which Ansible would silently merge with ours."""
        inventory = self.inventory
        places = {host.name: f"{host.kind.key}.{host.name}" for host in result.hosts}

        def guarded(add: t.Callable[..., t.Any], what: str) -> t.Callable[..., t.Any]:
            def call(name: str, *args: t.Any, **kwargs: t.Any) -> t.Any:
                source = inventory.current_source
                if source and name in places:
                    message = _collision(places[name], name, what, source)
                    self._end_run(AnsibleParserError(f"{path}: {message}"))
                return add(name, *args, **kwargs)

            return call

        inventory.add_host = guarded(inventory.add_host, "a host")
        inventory.add_group = guarded(inventory.add_group, "a group")


def _collision(where: str, name: str, what: str, source: str) -> str:
    return (
        f"{where}: '{name}' is also {what} of {source}: use another key and add 'name: {name}', or take it out of "
        "there (a constructed source can group the hosts of a topology)"
    )
