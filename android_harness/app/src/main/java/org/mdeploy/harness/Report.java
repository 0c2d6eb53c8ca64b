// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
package org.mdeploy.harness;

import java.util.ArrayList;
import java.util.List;
import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;

/** The figures of a report (schemas/report.schema.json) that the screen shows. NaN stands for null. */
final class Report {
  final String status;
  final String error;
  final String runner;
  final double p50;
  final double p90;
  final double p99;
  final int runs;
  final double[] samples;
  final double initMs;
  final double peakRssBytes;
  final int threads;
  final String cores;
  final String isa;
  final int outputsChecked;
  final int outputsPassed;
  final double largestDifference;
  /** NaN when no tolerance would pass. */
  final double requiredTolerance;
  final double[] minuteMedians;
  final List<String> warnings = new ArrayList<>();

  private Report(JSONObject json) throws JSONException {
    status = json.getString("status");
    error = json.isNull("error") ? null : json.getString("error");
    runner = json.getString("runner");
    JSONObject latency = json.optJSONObject("latency_ms");
    p50 = number(latency, "p50");
    p90 = number(latency, "p90");
    p99 = number(latency, "p99");
    runs = latency == null ? 0 : latency.getInt("n");
    samples = latency == null ? new double[0] : numbers(latency.getJSONArray("samples"));
    initMs = number(json, "init_ms");
    peakRssBytes = number(json, "peak_rss_bytes");
    threads = json.getInt("threads");
    cores = json.getJSONObject("affinity").getJSONArray("cores").join(",");
    isa = json.getString("isa");
    JSONArray parity = json.getJSONArray("parity");
    int passed = 0;
    double largest = 0;
    double required = 0;
    for (int i = 0; i < parity.length(); i++) {
      JSONObject item = parity.getJSONObject(i);
      passed += item.getBoolean("passed") ? 1 : 0;
      // Math.max keeps NaN, which is what null means here.
      largest = Math.max(largest, number(item, "max_abs"));
      required = Math.max(required, number(item, "required_tolerance"));
    }
    outputsChecked = parity.length();
    outputsPassed = passed;
    largestDifference = largest;
    requiredTolerance = required;
    JSONArray minutes = json.getJSONArray("sustained");
    minuteMedians = new double[minutes.length()];
    for (int i = 0; i < minuteMedians.length; i++) {
      minuteMedians[i] = number(minutes.getJSONObject(i), "p50");
    }
    JSONArray texts = json.getJSONArray("warnings");
    for (int i = 0; i < texts.length(); i++) {
      warnings.add(texts.getString(i));
    }
  }

  static Report parse(String text) throws JSONException {
    return new Report(new JSONObject(text));
  }

  boolean hasLatency() {
    return runs > 0;
  }

  private static double number(JSONObject object, String key) throws JSONException {
    return object == null || object.isNull(key) ? Double.NaN : object.getDouble(key);
  }

  private static double[] numbers(JSONArray array) throws JSONException {
    double[] values = new double[array.length()];
    for (int i = 0; i < values.length; i++) {
      values[i] = array.isNull(i) ? Double.NaN : array.getDouble(i);
    }
    return values;
  }
}
