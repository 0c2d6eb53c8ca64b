# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The version, below everything that writes it into a file. ``pyproject.toml`` has the same one: a test holds them."""

__all__ = ["__version__"]

__version__ = "0.1.0"
