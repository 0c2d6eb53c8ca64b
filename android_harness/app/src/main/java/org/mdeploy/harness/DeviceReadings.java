// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
package org.mdeploy.harness;

import android.content.Context;
import android.content.Intent;
import android.content.IntentFilter;
import android.os.BatteryManager;
import android.os.Build;
import android.os.PowerManager;

/** What an app can read about its device and a native program cannot. The JNI library calls these by name. */
final class DeviceReadings {
  private final Context context;
  private final PowerManager power;

  DeviceReadings(Context context) {
    this.context = context.getApplicationContext();
    power = (PowerManager) this.context.getSystemService(Context.POWER_SERVICE);
  }

  /** PowerManager's thermal status, 0 (none) to 6 (shutdown), or -1 before Android 10. */
  int thermalStatus() {
    return Build.VERSION.SDK_INT >= 29 ? NewerApis.thermalStatus(power) : -1;
  }

  /** Level in percent, temperature in degrees Celsius, and 1 or 0 for charging; NaN where unknown. */
  double[] battery() {
    Intent battery = context.registerReceiver(null, new IntentFilter(Intent.ACTION_BATTERY_CHANGED));
    if (battery == null) {
      return new double[] {Double.NaN, Double.NaN, Double.NaN};
    }
    int level = battery.getIntExtra(BatteryManager.EXTRA_LEVEL, -1);
    int scale = battery.getIntExtra(BatteryManager.EXTRA_SCALE, -1);
    int tenths = battery.getIntExtra(BatteryManager.EXTRA_TEMPERATURE, Integer.MIN_VALUE);
    int status = battery.getIntExtra(BatteryManager.EXTRA_STATUS, -1);
    double charging =
        status == BatteryManager.BATTERY_STATUS_CHARGING || status == BatteryManager.BATTERY_STATUS_FULL ? 1 : 0;
    return new double[] {
      level >= 0 && scale > 0 ? 100.0 * level / scale : Double.NaN,
      tenths != Integer.MIN_VALUE ? tenths / 10.0 : Double.NaN,
      status < 0 ? Double.NaN : charging
    };
  }

  boolean isPowerSaveMode() {
    return power.isPowerSaveMode();
  }

  String model() {
    return Build.MODEL;
  }

  String manufacturer() {
    return Build.MANUFACTURER;
  }

  String soc() {
    String soc = Build.VERSION.SDK_INT >= 31 ? NewerApis.socModel() : Build.HARDWARE;
    return Build.UNKNOWN.equals(soc) ? Build.HARDWARE : soc;
  }

  String osVersion() {
    return Build.VERSION.RELEASE;
  }

  int sdk() {
    return Build.VERSION.SDK_INT;
  }
}
