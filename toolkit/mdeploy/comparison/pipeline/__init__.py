# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""From an image file to the scores, by the source's own transform and by ours: which stage is the first to differ."""
