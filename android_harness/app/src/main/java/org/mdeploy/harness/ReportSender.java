// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
package org.mdeploy.harness;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.HttpURLConnection;
import java.nio.charset.StandardCharsets;
import org.json.JSONException;
import org.json.JSONObject;

/** Posts one report. Not for the main thread. */
final class ReportSender {
  private static final int CONNECT_MS = 10_000;
  private static final int ANSWER_MS = 60_000;
  private static final int MAX_ANSWER = 1 << 14;

  private ReportSender() {}

  /**
   * Sends a report and returns the number that it has got there, or an empty text where the server gives none.
   *
   * @throws IOException with one line for people where it was not taken
   */
  static String send(byte[] report, CollectTarget target) throws IOException {
    HttpURLConnection connection = (HttpURLConnection) target.url.openConnection();
    try {
      connection.setRequestMethod("POST");
      connection.setConnectTimeout(CONNECT_MS);
      connection.setReadTimeout(ANSWER_MS);
      // The token is for the server that was named.
      connection.setInstanceFollowRedirects(false);
      connection.setDoOutput(true);
      connection.setFixedLengthStreamingMode(report.length);
      connection.setRequestProperty("Content-Type", "application/json");
      if (target.token != null) {
        connection.setRequestProperty("Authorization", "Bearer " + target.token);
      }
      try (OutputStream out = connection.getOutputStream()) {
        out.write(report);
      }
      int status = connection.getResponseCode();
      JSONObject answer = answer(status < 400 ? connection.getInputStream() : connection.getErrorStream());
      if (status != HttpURLConnection.HTTP_CREATED && status != HttpURLConnection.HTTP_OK) {
        throw new IOException("the server refused the report (" + status + ") " + answer.optString("error"));
      }
      return answer.isNull("run") ? "" : answer.optString("run");
    } catch (SecurityException e) {
      throw new IOException("this app may not use the network");
    } finally {
      connection.disconnect();
    }
  }

  private static JSONObject answer(InputStream in) throws IOException {
    if (in == null) {
      return new JSONObject();
    }
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (InputStream stream = in) {
      byte[] buffer = new byte[4096];
      for (int n = stream.read(buffer); n >= 0 && out.size() < MAX_ANSWER; n = stream.read(buffer)) {
        out.write(buffer, 0, n);
      }
    }
    try {
      return new JSONObject(new String(out.toByteArray(), StandardCharsets.UTF_8));
    } catch (JSONException e) {
      return new JSONObject();
    }
  }
}
