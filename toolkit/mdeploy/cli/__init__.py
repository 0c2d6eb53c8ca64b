# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The command line: one file per verb, each turning flags into one call and printing what it returns."""
