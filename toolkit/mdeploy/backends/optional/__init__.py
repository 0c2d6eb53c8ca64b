# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Optional backends that run files of their own. Each is one module here: how its files are made of an artifact's
model.onnx, and how they are loaded and run. What it needs stands in its row of ``backends/table.py``.

They always run in a process of their own: in this Python where its packages are installed, else in an environment
apart, because some cannot share ours (litert-torch wants an older torch). What one runtime's check aborts, or its
libraries disturb, then stays in that process.
"""
