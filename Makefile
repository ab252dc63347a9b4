# Everything here needs Python 3.11 or newer, git and make; the rest is installed into .venv from PyPI.
# `make help` lists the targets.

PYTHON ?=
# Another release of ansible-core: make test ANSIBLE_CORE='ansible-core~=2.16.0' VENV=.venv-2.16
ANSIBLE_CORE ?= ansible-core>=2.16,<2.22
VENV ?= .venv
TOPOLOGY ?= examples/pods-to-aws.podreach.yml
# What is in the lab before it: an AWS account; for a topology with peerings or Shared VPCs also two projects with a network each.
PRESETS ?= aws-account $(if $(shell grep -sE '^(peerings|shared_vpcs):' '$(TOPOLOGY)'),peered-project)

export PATH := $(abspath $(VENV))/bin:$(PATH)
export MAKE

LAB := tests/lab/lab
# An ansible.cfg in a folder that others may write to is ignored by Ansible unless it is named.
ANSIBLE := ANSIBLE_CONFIG='$(CURDIR)/ansible.cfg'

.DEFAULT_GOAL := help
.PHONY: help site test test-by-hand test-resume lab lab-down bench lint unit sanity molecule integration modules playbooks lab-truth clients package importer changelog clean \
	system-packages run-venv venv community yamllint ruff shellcheck mypy licence-headers antsibull-changelog ansible-lint \
	antsibull-docs action-groups action-groups-write

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## /\1\t/' | awk -F'\t' '{printf "  %-20s %s\n", $$1, $$2}'

# --- environments -------------------------------------------------------------------------------------------------

system-packages:
	@tests/tools/debian-packages

run-venv: $(VENV)/run.stamp
venv: $(VENV)/dev.stamp ## make .venv with everything that the tests need

# Made from nothing whenever what it must hold has changed: an upgrade in place leaves what is no longer asked for.
$(VENV)/run.stamp: requirements.txt tests/lab/requirements.txt
	@python=$$(tests/tools/find-python '$(PYTHON)') && echo "Making $(VENV) with $$python" && "$$python" -m venv --clear $(VENV)
	$(VENV)/bin/python -m pip install --quiet '$(ANSIBLE_CORE)' -r requirements.txt -r tests/lab/requirements.txt
	@touch $@

$(VENV)/dev.stamp: $(VENV)/run.stamp requirements-test.txt requirements-dev.txt
	$(VENV)/bin/python -m pip install --quiet '$(ANSIBLE_CORE)' -r requirements-dev.txt
	@touch $@

# What kubernetes.core and amazon.aws are tried from: hundreds of collections, which must not be found by any other test.
community: .venv-community/community.stamp ## make .venv-community, with PyPI's ansible

.venv-community/community.stamp: requirements-community.txt
	@python=$$(tests/tools/find-python '$(PYTHON)') && echo "Making .venv-community with $$python" && "$$python" -m venv --clear .venv-community
	.venv-community/bin/python -m pip install --quiet --no-compile -r requirements-community.txt
	@touch $@

# --- running it ---------------------------------------------------------------------------------------------------

site: lab ## create the estate of TOPOLOGY in the lab, beside PRESETS: an AWS account, for some peered-project too
	@for preset in $(PRESETS); do PODREACH_LAB_DIR='$(CURDIR)/.lab' $(LAB) preset "$$preset" || exit; done
	. .lab/env && $(ANSIBLE) ansible-playbook playbooks/site.yml -i '$(TOPOLOGY)'

lab: system-packages run-venv ## start the lab (idempotent); it writes .lab/env
	@PODREACH_LAB_DIR='$(CURDIR)/.lab' $(LAB) up

lab-down: run-venv ## stop the lab
	@PODREACH_LAB_DIR='$(CURDIR)/.lab' $(LAB) down

bench: system-packages run-venv ## measure; figures as JSON in .bench/
	$(ANSIBLE) tests/tools/with-lab python tests/bench/bench.py --output .bench
	python tests/bench/lab.py --output .bench

# --- testing it ---------------------------------------------------------------------------------------------------

# What holds the lab itself to the truth. It uses nothing of the collection.
LAB_TRUTH := bgp fabric fabric_aws golden_packets lab_life random_topologies story_aws_vpn story_peered_project transit_gateway
# So do gcloud, kubectl and kubernetes.core, where they are.
CLIENTS := gcloud_balancers gcloud_both_ways gcloud_conformance gcloud_managed_groups gcloud_peering \
	gcloud_shared_vpc kubectl_conformance kubernetes_core
# So does amazon.aws, whose modules take a second each.
BY_HAND := amazon_aws
# What runs whole playbooks, and what it takes most time to bring up.
PLAYBOOKS := ha_vpn installed pods_to_aws pods_to_peer resume secrets site slices verify
# One module at a time, by both paths.
MODULES := aws_modules bad_calls in_process info kubernetes_modules masquerade masquerade_kernel modules
FILES = $(patsubst %,tests/integration/test_%.py,$(1))
READING := yamllint ruff shellcheck mypy licence-headers antsibull-changelog action-groups ansible-lint antsibull-docs

# Four at a time on two cores, the long ones first: the tests on a lab wait for it half of their time.
test: system-packages venv ## all that CI runs
	@python tests/tools/gates.py 4 playbooks modules integration clients lab-truth sanity molecule unit importer package $(READING)

# It takes minutes, most of them the clients'; CI tells the stories from what they sent (tests/integration/data).
test-by-hand: system-packages venv community ## the stories as a user would type them, and amazon.aws against the lab
	$(ANSIBLE) pytest -m by_hand $(call FILES,$(LAB_TRUTH)) $(ARGS)
	$(ANSIBLE) tests/tools/with-lab pytest $(call FILES,$(BY_HAND)) $(ARGS)

# CI does so after a request of each kind (tests/integration/test_resume.py).
test-resume: system-packages venv ## kill `make site` after every request that changes something, run it again, compare
	PYTHONPATH=.collections python -m ansible_collections.podreach.gke.tests.integration.resuming -i '$(TOPOLOGY)' $(ARGS)

lint: $(READING) ## every gate that only reads

yamllint: venv
	yamllint --strict .

ruff: venv
	ruff check .

shellcheck: venv
	shellcheck $$(git grep -lE --untracked --exclude-standard '^#!(/bin/sh|/usr/bin/env bash)')

mypy: venv
	mypy

licence-headers: venv
	python tests/tools/licence_headers.py

antsibull-changelog: venv
	antsibull-changelog lint

ansible-lint: venv
	$(ANSIBLE) ansible-lint --profile production --strict

antsibull-docs: venv
	$(ANSIBLE) antsibull-docs lint-collection-docs --plugin-docs --validate-collection-refs self --disallow-unknown-collection-refs .

action-groups: venv
	$(ANSIBLE) python tests/tools/action_groups.py

action-groups-write: venv ## put every module into its action group in meta/runtime.yml
	$(ANSIBLE) python tests/tools/action_groups.py --write

unit: venv ## unit tests; ARGS='-k name' picks some
	$(ANSIBLE) pytest tests/unit $(ARGS)

sanity: venv ## ansible-test sanity; ARGS='--test pep8' picks some
	tests/tools/sanity $(ARGS)

molecule: system-packages venv ## every scenario, against a lab of its own
	@molecule reset >/dev/null 2>&1 # what a killed run left would make it skip the start of the lab
	molecule test --all

integration: system-packages venv ## all of tests/integration that no other gate names, against a lab of its own
	$(ANSIBLE) tests/tools/with-lab pytest --durations=20 tests/integration \
		$(addprefix --ignore=,$(call FILES,$(LAB_TRUTH) $(CLIENTS) $(BY_HAND) $(PLAYBOOKS) $(MODULES))) $(ARGS)

modules: system-packages venv ## the modules one by one, against a lab of its own
	$(ANSIBLE) tests/tools/with-lab pytest --durations=20 $(call FILES,$(MODULES)) $(ARGS)

playbooks: system-packages venv ## whole playbooks, killed ones too, against a lab of its own
	$(ANSIBLE) tests/tools/with-lab pytest --durations=20 $(call FILES,$(PLAYBOOKS)) $(ARGS)

lab-truth: system-packages venv ## the lab against oracles, golden vectors and what real clients sent in the stories
	$(ANSIBLE) pytest --durations=20 -m 'not by_hand' $(call FILES,$(LAB_TRUTH)) $(ARGS)

clients: system-packages venv community ## gcloud, kubectl and kubernetes.core against the lab
	$(ANSIBLE) tests/tools/with-lab pytest --durations=20 $(call FILES,$(CLIENTS)) $(ARGS)

package: venv ## build the tarball as a fresh clone would, install it in an empty place, try it
	tests/tools/package

importer: venv ## galaxy-importer on the built tarball
	tests/tools/importer "$$(tests/tools/find-python '$(PYTHON)')" '$(ANSIBLE_CORE)'

changelog: venv ## write CHANGELOG.md from changelogs/fragments
	tests/tools/changelog

clean: ## remove what make made; a running lab is stopped first
	@if [ -d .lab ] && [ -x $(VENV)/bin/python ]; then PODREACH_LAB_DIR='$(CURDIR)/.lab' $(LAB) down; fi
	rm -rf $(VENV) .venv-community .cache .bench .ansible .lab
