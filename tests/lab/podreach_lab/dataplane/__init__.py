# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real packets: what the APIs hold, built from network namespaces of the Linux kernel.

compile.py turns the state into a Plan, fabric.py makes the kernel hold it, reconcile.py does both after every change.
"""
