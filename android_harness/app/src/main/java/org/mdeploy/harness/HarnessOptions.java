// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
package org.mdeploy.harness;

import java.io.File;
import java.util.ArrayList;
import java.util.List;

/**
 * The options of the harness, field by field as in {@code mdeploy/harness.h}. Zero and null leave the choice to the
 * harness. The JNI library reads these fields and those of {@link MeasureOptions} by name.
 */
final class HarnessOptions extends MeasureOptions {
  String initPath;
  String predictPath;
  String manifestPath;
  String[] inputs = {};
  String picturePath;
  String outputDir;
  String goldenDir;
  String reportPath;

  /** Fills in the nets and the manifest of an unpacked model. */
  HarnessOptions model(File directory) {
    initPath = new File(directory, "init_net.pb").getPath();
    predictPath = new File(directory, "predict_net.pb").getPath();
    manifestPath = new File(directory, "manifest.json").getPath();
    return this;
  }

  /** The same options as flags of the command {@code mdeploy-harness}. */
  List<String> arguments() {
    List<String> flags = new ArrayList<>();
    text(flags, "--init", initPath);
    text(flags, "--predict", predictPath);
    text(flags, "--manifest", manifestPath);
    for (String input : inputs) {
      text(flags, "--input", input);
    }
    text(flags, "--picture", picturePath);
    text(flags, "--output", outputDir);
    text(flags, "--golden", goldenDir);
    if (tolerance != 0) {
      // The command writes "exactly equal" as 0, the C API as a negative number.
      text(flags, "--tol", Double.toString(Math.max(0, tolerance)));
    }
    count(flags, "--threads", threads);
    text(flags, "--affinity", affinity);
    if (warmup != 0) {
      // The command writes "none" as 0, the C API as a negative number.
      flags.add("--warmup");
      flags.add(Integer.toString(Math.max(0, warmup)));
    }
    count(flags, "--runs", runs);
    number(flags, "--min-seconds", minSeconds);
    count(flags, "--rounds", rounds);
    number(flags, "--cooldown", cooldownSeconds);
    number(flags, "--sustained", sustainedMinutes);
    if (profile) {
      flags.add("--profile");
    }
    text(flags, "--report", reportPath);
    return flags;
  }

  private static void text(List<String> flags, String flag, String value) {
    if (value != null) {
      flags.add(flag);
      flags.add(value);
    }
  }

  private static void count(List<String> flags, String flag, int value) {
    if (value != 0) {
      flags.add(flag);
      flags.add(Integer.toString(value));
    }
  }

  private static void number(List<String> flags, String flag, double value) {
    if (value != 0) {
      flags.add(flag);
      flags.add(Double.toString(value));
    }
  }
}
