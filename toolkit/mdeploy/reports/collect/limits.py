# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""How often an address may come: a token bucket for each, as many tokens as a minute allows."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable

__all__ = ["RateLimit"]

_MAX_ADDRESSES = 4096


class RateLimit:
    """At most ``per_minute`` requests at once from an address, and as many in every later minute."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._capacity = float(per_minute)
        self._clock = clock
        # (tokens, when), the address seen longest ago first: forgetting it costs nothing but a full bucket too early.
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_seconds(self, address: str) -> int:
        """Take a token and return 0, or return after how many seconds there will be one."""
        now = self._clock()
        tokens, seen = self._buckets.pop(address, (self._capacity, now))
        tokens = min(self._capacity, tokens + (now - seen) * self._capacity / 60)
        wait = 0 if tokens >= 1 else max(1, math.ceil((1 - tokens) * 60 / self._capacity))
        self._buckets[address] = (tokens if wait else tokens - 1, now)
        if len(self._buckets) > _MAX_ADDRESSES:
            self._buckets.popitem(last=False)
        return wait
