# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""What was measured before: a SQLite file of every run, and the comparison of two."""
