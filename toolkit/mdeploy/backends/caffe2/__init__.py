# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Real Caffe2, the last one published, in a Python 3.9 environment of its own, driven as a child process."""

from mdeploy.backends.caffe2.environment import find_python, install, why_missing
from mdeploy.backends.caffe2.process import Caffe2Process

__all__ = ["Caffe2Process", "find_python", "install", "why_missing"]
