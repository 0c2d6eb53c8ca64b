# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The harness's report: its schema as dataclasses, and the tables made of it."""
