# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Programs that write pages and images of the documentation. ``make docs`` runs them."""
