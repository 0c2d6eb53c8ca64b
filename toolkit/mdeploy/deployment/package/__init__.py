# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""What goes onto a device: the harness for each ABI, zips with a run script, and the installable app."""
