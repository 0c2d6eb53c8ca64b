// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
package org.mdeploy.harness;

import static org.junit.Assert.assertTrue;
import static org.junit.Assert.fail;
import static org.robolectric.Shadows.shadowOf;

import android.content.Intent;
import android.os.BatteryManager;
import android.os.Looper;
import android.widget.TextView;
import java.io.File;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.junit.rules.ExternalResource;
import org.robolectric.Robolectric;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.android.controller.ActivityController;
import org.robolectric.shadows.ShadowLog;

/** The app on Robolectric with the host build of the harness and a real model in its assets. */
final class AppRule extends ExternalResource {
  private static final long PATIENCE_SECONDS = 60;

  ActivityController<MainActivity> activity;

  @Override
  protected void before() {
    for (String name : new String[] {"mdeploy.native.dir", "mdeploy.artifact", "mdeploy.picture"}) {
      String path = System.getProperty(name, "");
      assertTrue("-D" + name + "=... must name what the tests run; see README.md", new File(path).exists());
    }
    BenchController.instance = null;
    ShadowLog.clear();
    RuntimeEnvironment.getApplication().sendStickyBroadcast(
        new Intent(Intent.ACTION_BATTERY_CHANGED)
            .putExtra(BatteryManager.EXTRA_LEVEL, 41)
            .putExtra(BatteryManager.EXTRA_SCALE, 50)
            .putExtra(BatteryManager.EXTRA_TEMPERATURE, 295)
            .putExtra(BatteryManager.EXTRA_STATUS, BatteryManager.BATTERY_STATUS_DISCHARGING));
  }

  @Override
  protected void after() {
    if (activity != null) {
      controller().cancel();
      waitForEnd();
      activity.destroy();
    }
  }

  static File picture() {
    return new File(System.getProperty("mdeploy.picture"));
  }

  /** A directory as Android's nativeLibraryDir, with the host's command in it. */
  static File nativeLibraryDir() {
    return new File(System.getProperty("mdeploy.native.dir"));
  }

  MainActivity start() {
    return start(new Intent(Intent.ACTION_MAIN));
  }

  MainActivity start(Intent intent) {
    activity = Robolectric.buildActivity(MainActivity.class, intent).setup();
    return activity.get();
  }

  BenchController controller() {
    return BenchController.get(RuntimeEnvironment.getApplication());
  }

  /** Lets the main thread work until the run is over, and returns how it ended. */
  Outcome waitForEnd() {
    waitFor("end of the run", () -> !controller().state().running);
    return controller().state().latest;
  }

  void waitForPhase(final String phase) {
    waitFor(
        "phase " + phase, () -> controller().state().phase.equals(phase) || !controller().state().running);
    assertTrue("the run ended before phase " + phase, controller().state().running);
  }

  void waitFor(String what, BooleanSupplier condition) {
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS);
    while (true) {
      shadowOf(Looper.getMainLooper()).idle();
      if (condition.getAsBoolean()) {
        return;
      }
      if (System.nanoTime() > end) {
        fail("no " + what + " within " + PATIENCE_SECONDS + " s");
      }
      try {
        Thread.sleep(5);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        fail("interrupted");
      }
    }
  }

  String text(int id) {
    TextView view = activity.get().findViewById(id);
    return view.getText().toString();
  }

  void click(int id) {
    assertTrue("the button can be pressed", activity.get().findViewById(id).performClick());
  }

  boolean isEnabled(int id) {
    return activity.get().findViewById(id).isEnabled();
  }

  /** Lines that the app logged for the host. */
  static List<String> logged(String prefix) {
    List<String> lines = new ArrayList<>();
    for (ShadowLog.LogItem item : ShadowLog.getLogsForTag(BenchController.TAG)) {
      if (item.msg.startsWith(prefix)) {
        lines.add(item.msg);
      }
    }
    return lines;
  }
}
