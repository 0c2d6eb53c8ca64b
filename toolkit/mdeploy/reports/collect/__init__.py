# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Receives reports from phones: an HTTP server that takes report documents, checks them and keeps them."""
