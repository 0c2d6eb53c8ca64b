// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
package org.mdeploy.harness;

import static org.junit.Assert.assertEquals;

import java.util.List;
import org.junit.Test;

public final class TopClassesTest {
  private static final double[] PROBABILITIES = {0.1, 0.4, 0.2, 0.3};

  private static float[] logarithms(double shift) {
    float[] values = new float[PROBABILITIES.length];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (Math.log(PROBABILITIES[i]) + shift);
    }
    return values;
  }

  private static void check(List<TopClasses.Entry> top) {
    int[] order = {1, 3, 2};
    for (int i = 0; i < order.length; i++) {
      assertEquals(order[i], top.get(i).index);
      assertEquals(PROBABILITIES[order[i]], top.get(i).probability, 1e-6);
    }
    assertEquals(3, top.size());
  }

  @Test
  public void everyMeaningGivesTheSameProbabilities() {
    check(TopClasses.of(new float[] {0.1f, 0.4f, 0.2f, 0.3f}, "probabilities", 3));
    check(TopClasses.of(logarithms(0), "log_probabilities", 3));
    check(TopClasses.of(logarithms(5), "logits", 3));
  }

  @Test
  public void largeLogitsDoNotOverflow() {
    List<TopClasses.Entry> top = TopClasses.of(new float[] {1000, 999}, "logits", 5);
    assertEquals(2, top.size());
    assertEquals(1 / (1 + Math.exp(-1)), top.get(0).probability, 1e-9);
  }

  @Test
  public void equalOnesGoByIndex() {
    assertEquals(0, TopClasses.of(new float[] {1, 1, 1}, "logits", 1).get(0).index);
  }
}
