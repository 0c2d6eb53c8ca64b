// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
package org.mdeploy.harness;

import java.io.IOException;

/** One way to run the harness; an object serves one run. */
interface Runner {
  /** What the report says about progress, from the thread that runs. */
  interface Progress {
    /**
     * @param phase verify, load, parity, warmup, measure, cooldown, sustained or done
     * @param fraction of the phase, 0 to 1
     * @param lastMs latency of the latest run, NaN where there is none
     * @param elapsedMs since the start of the run
     * @param text one short line for people
     */
    void at(String phase, double fraction, double lastMs, double elapsedMs, String text);
  }

  /** As the report names it: app_jni or app_child. */
  String name();

  /**
   * Runs to the end, blocking, and returns the status: an exit code of the harness. The report is in the file that the
   * options name, unless the run failed before there was anything to report.
   *
   * @throws IOException when the harness could not be run at all
   */
  int run(HarnessOptions options, DeviceReadings readings, Progress progress) throws IOException;

  /** Ends the run early, from any thread; before {@link #run} too. */
  void cancel();
}
