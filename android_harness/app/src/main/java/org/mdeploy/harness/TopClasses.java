// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
package org.mdeploy.harness;

import java.util.ArrayList;
import java.util.List;

/** The most probable classes of one answer of the net. */
final class TopClasses {
  /** A class with its probability, 0 to 1. */
  static final class Entry {
    final int index;
    final double probability;

    Entry(int index, double probability) {
      this.index = index;
      this.probability = probability;
    }
  }

  private TopClasses() {}

  /**
   * @param values what the net gave for one picture
   * @param meaning logits, log_probabilities or probabilities, as in the manifest
   * @return the {@code count} largest, largest first; of equal ones the lower index first
   */
  static List<Entry> of(float[] values, String meaning, int count) {
    double[] probabilities = probabilities(values, meaning);
    List<Entry> top = new ArrayList<>();
    boolean[] taken = new boolean[values.length];
    while (top.size() < Math.min(count, values.length)) {
      int best = -1;
      for (int i = 0; i < values.length; i++) {
        if (!taken[i] && (best < 0 || probabilities[i] > probabilities[best])) {
          best = i;
        }
      }
      taken[best] = true;
      top.add(new Entry(best, probabilities[best]));
    }
    return top;
  }

  private static double[] probabilities(float[] values, String meaning) {
    double[] result = new double[values.length];
    if (meaning.equals("probabilities")) {
      for (int i = 0; i < values.length; i++) {
        result[i] = values[i];
      }
      return result;
    }
    // Softmax of log-probabilities gives them back, so both take the same way; the largest goes out against overflow.
    double largest = Double.NEGATIVE_INFINITY;
    for (float value : values) {
      largest = Math.max(largest, value);
    }
    double sum = 0;
    for (int i = 0; i < values.length; i++) {
      result[i] = Math.exp(values[i] - largest);
      sum += result[i];
    }
    for (int i = 0; i < values.length; i++) {
      result[i] /= sum;
    }
    return result;
  }
}
