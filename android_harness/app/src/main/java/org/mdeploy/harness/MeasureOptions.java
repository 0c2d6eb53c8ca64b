// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
package org.mdeploy.harness;

/**
 * How a run is measured: what {@code mdeploy bench} says by flags, and what the harness takes, field by field as in
 * {@code mdeploy/harness.h}. Zero and null leave the choice to the harness.
 */
class MeasureOptions {
  double tolerance;
  int threads;
  String affinity;
  int warmup;
  int runs;
  double minSeconds;
  int rounds;
  double cooldownSeconds;
  double sustainedMinutes;
  boolean profile;

  final void measureAs(MeasureOptions other) {
    tolerance = other.tolerance;
    threads = other.threads;
    affinity = other.affinity;
    warmup = other.warmup;
    runs = other.runs;
    minSeconds = other.minSeconds;
    rounds = other.rounds;
    cooldownSeconds = other.cooldownSeconds;
    sustainedMinutes = other.sustainedMinutes;
    profile = other.profile;
  }
}
