# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""ResNeSt models and their training; writes the checkpoints that ``mdeploy convert`` reads."""
