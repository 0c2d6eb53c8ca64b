# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Accuracy, agreement and time per picture of several runtimes over labelled pictures: the paper's Table 5."""
