# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""``python -m mdeploy_training`` is the command ``mdeploy-train``."""

from mdeploy_training.cli import main

main()
