// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
package org.mdeploy.harness;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertNotNull;

import android.app.Instrumentation;
import android.os.Bundle;
import androidx.test.platform.app.InstrumentationRegistry;
import java.io.File;
import java.util.concurrent.TimeUnit;
import org.junit.Test;

/**
 * One benchmark with the screen in front, for device farms, which install an app and a test app and run the latter:
 *
 * <pre>am instrument -w -e args "--threads 4" org.mdeploy.harness.test/androidx.test.runner.AndroidJUnitRunner</pre>
 *
 * It passes when parity holds on the device. The report is left where farms collect files:
 * {@code /sdcard/Android/data/org.mdeploy.harness/files/report.json}.
 */
public final class DeviceBenchmark {
  private static final long PATIENCE_MINUTES = 90;

  @Test
  public void runsAndHoldsParity() throws Exception {
    Instrumentation instrumentation = InstrumentationRegistry.getInstrumentation();
    BenchRequest request = BenchRequest.parse(null, InstrumentationRegistry.getArguments().getString("args"));
    InstrumentedRun run = InstrumentedRun.start(instrumentation, request);
    Outcome outcome = run.await(PATIENCE_MINUTES, TimeUnit.MINUTES);
    assertNotNull("no end within " + PATIENCE_MINUTES + " minutes", outcome);
    Bundle summary = new Bundle();
    summary.putString("mdeploy", outcome.endMarker());
    instrumentation.sendStatus(0, summary);
    if (outcome.reportFile != null) {
      File place = run.activity.getExternalFilesDir(null);
      assertNotNull("external storage is not there", place);
      Files.replace(
          new File(place, "report.json"),
          new String(Files.read(outcome.reportFile), java.nio.charset.StandardCharsets.UTF_8));
    }
    assertEquals(outcome.error, Status.OK, outcome.status);
  }
}
