// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
package org.mdeploy.harness;

/**
 * Latency over time in bounded memory: when it is full, neighbours are merged into their maximum, so that spikes stay
 * visible however long a run lasts. Any thread.
 */
final class LatencyTrace {
  private static final int CAPACITY = 2048;

  private final double[] seconds = new double[CAPACITY];
  private final double[] millis = new double[CAPACITY];
  private int size;
  private int stride = 1;
  private int inLast;

  synchronized void clear() {
    size = 0;
    stride = 1;
    inLast = 0;
  }

  /** Adds one run at a time since the start; NaN is no run. */
  synchronized void add(double atSeconds, double ms) {
    if (Double.isNaN(ms)) {
      return;
    }
    if (inLast > 0 && inLast < stride) {
      millis[size - 1] = Math.max(millis[size - 1], ms);
      inLast++;
      return;
    }
    if (size == CAPACITY) {
      halve();
    }
    seconds[size] = atSeconds;
    millis[size] = ms;
    size++;
    inLast = 1;
  }

  private void halve() {
    size = CAPACITY / 2;
    for (int i = 0; i < size; i++) {
      seconds[i] = seconds[2 * i];
      millis[i] = Math.max(millis[2 * i], millis[2 * i + 1]);
    }
    stride *= 2;
  }

  /** Seconds and milliseconds, as two rows of the same length. */
  synchronized double[][] points() {
    return new double[][] {java.util.Arrays.copyOf(seconds, size), java.util.Arrays.copyOf(millis, size)};
  }
}
