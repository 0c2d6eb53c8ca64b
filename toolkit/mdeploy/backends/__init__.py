# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Every backend behind one protocol (``base``), found by name (``registry``)."""
