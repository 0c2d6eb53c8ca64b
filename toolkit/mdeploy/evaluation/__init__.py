# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Accuracy, agreement and time per image of several backends over labelled images: the paper's Table 5."""
