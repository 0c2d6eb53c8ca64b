# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Programs for those who work on the project. Nothing here is installed."""
