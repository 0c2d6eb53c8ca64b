// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
package org.mdeploy.harness;

import android.app.Activity;
import android.app.Instrumentation;
import android.content.Intent;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** One run with the screen in front, driven by an instrumentation: the host's, or a device farm's test. */
final class InstrumentedRun {
  /** The screen, once {@link #start} has returned. */
  final Activity activity;

  private final CountDownLatch done = new CountDownLatch(1);
  private final Outcome[] result = new Outcome[1];

  private InstrumentedRun(Activity activity) {
    this.activity = activity;
  }

  /** Opens the screen and starts the run. Where another is in progress, that is the outcome. */
  static InstrumentedRun start(final Instrumentation instrumentation, final BenchRequest request) {
    Activity activity = instrumentation.startActivitySync(
        new Intent(instrumentation.getTargetContext(), MainActivity.class).addFlags(Intent.FLAG_ACTIVITY_NEW_TASK));
    instrumentation.waitForIdleSync();
    final BenchController controller = BenchController.get(instrumentation.getTargetContext());
    final InstrumentedRun run = new InstrumentedRun(activity);
    instrumentation.runOnMainSync(
        new Runnable() {
          @Override
          public void run() {
            controller.setEndListener(
                new BenchController.EndListener() {
                  @Override
                  public void onEnd(Outcome outcome) {
                    run.end(outcome);
                  }
                });
            if (!controller.start(request)) {
              String busy = instrumentation.getTargetContext().getString(R.string.busy);
              run.end(new Outcome(request, Status.UNAVAILABLE, busy, null, null, null, null));
            }
          }
        });
    return run;
  }

  /** Waits for the end; null where it does not come in time. */
  Outcome await(long timeout, TimeUnit unit) throws InterruptedException {
    return done.await(timeout, unit) ? result[0] : null;
  }

  private void end(Outcome outcome) {
    result[0] = outcome;
    done.countDown();
  }
}
