// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
package org.mdeploy.harness;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertNotNull;
import static org.junit.Assert.assertTrue;

import android.app.Activity;
import android.app.Instrumentation;
import android.content.Intent;
import android.os.Bundle;
import androidx.test.platform.app.InstrumentationRegistry;
import java.io.File;
import java.util.concurrent.CountDownLatch;
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
    final Instrumentation instrumentation = InstrumentationRegistry.getInstrumentation();
    final BenchRequest request = BenchRequest.parse(null, InstrumentationRegistry.getArguments().getString("args"));
    Activity activity = instrumentation.startActivitySync(
        new Intent(instrumentation.getTargetContext(), MainActivity.class).addFlags(Intent.FLAG_ACTIVITY_NEW_TASK));
    instrumentation.waitForIdleSync();

    final CountDownLatch done = new CountDownLatch(1);
    final Outcome[] result = new Outcome[1];
    final boolean[] started = new boolean[1];
    final BenchController controller = BenchController.get(instrumentation.getTargetContext());
    instrumentation.runOnMainSync(
        new Runnable() {
          @Override
          public void run() {
            controller.setEndListener(
                new BenchController.EndListener() {
                  @Override
                  public void onEnd(Outcome outcome) {
                    result[0] = outcome;
                    done.countDown();
                  }
                });
            started[0] = controller.start(request);
          }
        });
    assertTrue("another run is in progress", started[0]);
    assertTrue("no end within " + PATIENCE_MINUTES + " minutes", done.await(PATIENCE_MINUTES, TimeUnit.MINUTES));

    Outcome outcome = result[0];
    Bundle summary = new Bundle();
    summary.putString("mdeploy", outcome.endMarker());
    instrumentation.sendStatus(0, summary);
    if (outcome.reportFile != null) {
      File place = activity.getExternalFilesDir(null);
      assertNotNull("external storage is not there", place);
      Files.replace(
          new File(place, "report.json"),
          new String(Files.read(outcome.reportFile), java.nio.charset.StandardCharsets.UTF_8));
    }
    assertEquals(outcome.error, Status.OK, outcome.status);
  }
}
