# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Golden cases that see every weight: what the cases of a conversion reach, and cases that reach more.

Zeros, ones and random pixels leave many channels of a trained net at rest, and what is wrong behind a resting channel
goes unseen. So conversion measures which weights the cases reach, and adds inputs until nearly all are: noise with the
statistics of photographs, then images that are turned, by gradients, towards what is still unreached. That takes about
as long as the rest of a conversion, and with MDEPLOY_COVERAGE=0 in the environment it is left out.
"""

import os

from mdeploy.conversion.coverage.nets import cover_nets
from mdeploy.conversion.coverage.search import Covered, cover_graph

__all__ = ["Covered", "cover_graph", "cover_nets", "coverage_is_wanted"]


def coverage_is_wanted() -> bool:
    """Whether conversions measure it: parity says so of an artifact where nobody did."""
    return os.environ.get("MDEPLOY_COVERAGE", "") != "0"
