# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Swift on Linux: a folder with Debian's Swift, commands that run in it, and the tests of the Swift package."""
