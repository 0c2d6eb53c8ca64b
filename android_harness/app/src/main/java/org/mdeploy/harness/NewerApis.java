// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
package org.mdeploy.harness;

import android.annotation.TargetApi;
import android.os.Build;
import android.os.PowerManager;
import android.view.View;
import android.view.WindowInsets;

/**
 * Everything that is newer than the oldest Android we run on (8.0, API 26). The other classes are compiled against API
 * 26, so that nothing newer slips in; callers ask {@link Build.VERSION#SDK_INT} first.
 */
final class NewerApis {
  private NewerApis() {}

  /** 0 (none) to 6 (shutdown). */
  @TargetApi(29)
  static int thermalStatus(PowerManager power) {
    return power.getCurrentThermalStatus();
  }

  @TargetApi(31)
  static String socModel() {
    return Build.SOC_MODEL;
  }

  /** Keeps the content off the system bars and cutouts: from target SDK 35 on windows reach under them. */
  @TargetApi(30)
  static void padForBars(View view, WindowInsets insets) {
    android.graphics.Insets bars =
        insets.getInsets(WindowInsets.Type.systemBars() | WindowInsets.Type.displayCutout());
    view.setPadding(bars.left, bars.top, bars.right, bars.bottom);
  }
}
