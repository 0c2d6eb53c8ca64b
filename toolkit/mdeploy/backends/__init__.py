# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Every runtime behind one protocol (``base``), found by name (``registry``)."""
