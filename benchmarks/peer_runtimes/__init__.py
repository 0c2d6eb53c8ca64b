# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Other runtimes under one small protocol, and the form of each net that suits each best."""
