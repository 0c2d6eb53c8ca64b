// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
package org.mdeploy.harness;

import java.util.List;
import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;

/** Adds to the harness's report what only the app knows: readings before and after, and what happened meanwhile. */
final class ReportCompletion {
  private final DeviceReadings readings;
  private final int thermalBefore;

  /** Takes the readings before the run. */
  ReportCompletion(DeviceReadings readings) {
    this.readings = readings;
    thermalBefore = readings.thermalStatus();
  }

  /** Returns the completed report. What the harness has read itself stays. */
  String complete(String report, List<String> warnings) throws JSONException {
    JSONObject json = new JSONObject(report);
    JSONObject device = json.getJSONObject("device");
    fill(device, "model", readings.model());
    fill(device, "manufacturer", readings.manufacturer());
    fill(device, "soc", readings.soc());
    fill(device, "os_version", readings.osVersion());
    fill(device, "sdk", readings.sdk());
    device.put("os", "android");
    JSONObject thermal = json.getJSONObject("thermal");
    fillStatus(thermal.getJSONObject("before"), thermalBefore);
    fillStatus(thermal.getJSONObject("after"), readings.thermalStatus());
    double[] values = readings.battery();
    JSONObject battery = json.getJSONObject("battery");
    fill(battery, "level_percent", number(values[0]));
    fill(battery, "temperature_c", number(values[1]));
    fill(battery, "charging", Double.isNaN(values[2]) ? JSONObject.NULL : (Object) (values[2] == 1));
    JSONArray all = json.getJSONArray("warnings");
    for (String warning : warnings) {
      all.put(warning);
    }
    return json.toString();
  }

  private static void fill(JSONObject object, String key, Object value) throws JSONException {
    if (object.isNull(key)) {
      object.put(key, value == null ? JSONObject.NULL : value);
    }
  }

  private static void fillStatus(JSONObject thermal, int status) throws JSONException {
    fill(thermal, "status", status < 0 ? JSONObject.NULL : (Object) status);
  }

  private static Object number(double value) {
    return Double.isNaN(value) ? JSONObject.NULL : (Object) value;
  }
}
