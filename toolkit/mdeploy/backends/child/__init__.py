# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""A runtime in a process of its own, in whatever Python has it: what goes through the pipe, and both of its ends."""
