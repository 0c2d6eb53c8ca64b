# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Runtimes that are optional extras. Each is one file beside this package: what it needs, how its file is made of an
artifact's model.onnx, and how that file is loaded and run.

An extra always runs in a process of its own: in this Python where its packages are installed, else in an environment
apart, because some cannot share ours (litert-torch wants an older torch). What one runtime's check aborts, or its
libraries disturb, then stays in that process.
"""
