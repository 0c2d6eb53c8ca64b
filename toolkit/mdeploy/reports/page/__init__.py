# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""One self-contained HTML page of any set of runs."""

from mdeploy.reports.page.gather import Document, gather
from mdeploy.reports.page.render import render_page

__all__ = ["Document", "gather", "render_page"]
