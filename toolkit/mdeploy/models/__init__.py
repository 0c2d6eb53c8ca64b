# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""PyTorch models as people have them: what makes the module, the weights that go into it, and what they bring along."""
