// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
package org.mdeploy.harness;

import java.io.File;
import java.util.ArrayList;
import java.util.List;

/** What the app asks of the harness, as flags of the command {@code mdeploy-harness}, whichever way it is run. */
final class HarnessOptions {
  private final List<String> files = new ArrayList<>();
  private final List<String> measure = new ArrayList<>();
  private final File report;

  /** @param report the file that the harness writes its report to */
  HarnessOptions(File report) {
    this.report = report;
    file("--report", report);
  }

  File report() {
    return report;
  }

  /** The nets and the manifest of an unpacked model. */
  HarnessOptions model(File directory) {
    file("--init", new File(directory, "init_net.pb"));
    file("--predict", new File(directory, "predict_net.pb"));
    return file("--manifest", new File(directory, "manifest.json"));
  }

  HarnessOptions file(String flag, File file) {
    files.add(flag);
    files.add(file.getPath());
    return this;
  }

  /** How to measure. These may be a stranger's words: the harness takes none among them that names a file. */
  HarnessOptions measure(List<String> flags) {
    measure.addAll(flags);
    return this;
  }

  /** All flags, with the name of what starts the harness. */
  List<String> arguments(String runner) {
    List<String> flags = new ArrayList<>(files);
    flags.add("--runner");
    flags.add(runner);
    flags.add("--");
    flags.addAll(measure);
    return flags;
  }
}
