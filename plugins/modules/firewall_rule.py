#!/usr/bin/python
from __future__ import annotations

from ansible_collections.podreach.gke.plugins.module_utils.arguments import run_as_module
from ansible_collections.podreach.gke.plugins.module_utils.gcp import firewall_rules
from ansible_collections.podreach.gke.plugins.module_utils.gcp.task import definition

DEFINITION = definition(firewall_rules.FirewallRule, firewall_rules.SPEC)
def main() -> None:
    run_as_module(DEFINITION)
if __name__ == "__main__":
    main()
