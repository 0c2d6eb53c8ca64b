// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
package org.mdeploy.harness;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertTrue;

import org.junit.Test;

public final class LatencyTraceTest {
  @Test
  public void staysBoundedAndKeepsSpikes() {
    LatencyTrace trace = new LatencyTrace();
    int runs = 100_000;
    for (int i = 0; i < runs; i++) {
      trace.add(i, i == 54_321 ? 1000 : 1 + i % 3);
    }
    trace.add(5, Double.NaN);
    double[][] points = trace.points();
    assertTrue(points[0].length <= 2048);
    assertTrue(points[0].length > 500);
    double largest = 0;
    for (int i = 0; i < points[0].length; i++) {
      largest = Math.max(largest, points[1][i]);
      assertTrue("ascending", i == 0 || points[0][i] > points[0][i - 1]);
    }
    assertEquals(1000, largest, 0);
    trace.clear();
    assertEquals(0, trace.points()[0].length);
  }

  @Test
  public void keepsEveryPointWhileThereIsRoom() {
    LatencyTrace trace = new LatencyTrace();
    for (int i = 0; i < 100; i++) {
      trace.add(i, i);
    }
    assertEquals(100, trace.points()[1].length);
    assertEquals(42, trace.points()[1][42], 0);
  }
}
