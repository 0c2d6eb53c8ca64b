// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
package org.mdeploy.harness;

import java.util.UUID;

/** What one run is asked to do, by the screen or by the host that drives the app. */
final class BenchRequest extends MeasureOptions {
  static final double DEFAULT_TOLERANCE = 1e-5;

  /** Names the report; the host recognises the end of its own run by it. */
  String id = UUID.randomUUID().toString();
  /** Classify only: run once on {@link #goldenCase} or {@link #picture}, without parity and without timing rounds. */
  boolean classifyOnly;
  String goldenCase;
  /** A picture that the user chose; its file is deleted after the run. */
  Picture picture;
  /** Where the report is sent after the run, or null: nowhere. */
  CollectTarget collect;

  BenchRequest() {
    tolerance = DEFAULT_TOLERANCE;
  }

  /** A request that only classifies one golden case. */
  static BenchRequest classify(String goldenCase) {
    BenchRequest request = new BenchRequest();
    request.classifyOnly = true;
    request.goldenCase = goldenCase;
    return request;
  }

  /** A request that only classifies a picture that the user chose. */
  static BenchRequest classify(Picture picture) {
    BenchRequest request = new BenchRequest();
    request.classifyOnly = true;
    request.picture = picture;
    return request;
  }

  /**
   * Reads the flags that the host sends in one string, those of {@code mdeploy bench}.
   *
   * <p>Any app may start an exported activity, so nothing here can name a file.
   *
   * @throws IllegalArgumentException with one line for people
   */
  static BenchRequest parse(String id, String flags) {
    BenchRequest request = new BenchRequest();
    if (id != null) {
      if (!id.matches("[A-Za-z0-9-]{1,64}")) {
        throw new IllegalArgumentException("run id is not of letters, digits and dashes");
      }
      request.id = id;
    }
    String[] words = flags == null || flags.trim().isEmpty() ? new String[0] : flags.trim().split("\\s+");
    for (int i = 0; i < words.length; i++) {
      String flag = words[i];
      if (flag.equals("--profile")) {
        request.profile = true;
        continue;
      }
      if (i + 1 == words.length) {
        throw new IllegalArgumentException(flag + " is not a flag of the app, or lacks its value");
      }
      String value = words[++i];
      try {
        request.set(flag, value);
      } catch (NumberFormatException e) {
        throw new IllegalArgumentException(flag + ": '" + value + "' is not a number that it takes");
      }
    }
    return request;
  }

  private void set(String flag, String value) {
    switch (flag) {
      case "--threads":
        threads = count(value, 1024);
        break;
      case "--warmup":
        warmup = count(value, 1000000);
        if (warmup == 0) {
          warmup = -1;  // none; 0 means "until stable" to the harness
        }
        break;
      case "--runs":
        runs = count(value, 1000000);
        break;
      case "--min-seconds":
        minSeconds = number(value);
        break;
      case "--rounds":
        rounds = count(value, 10000);
        break;
      case "--cooldown":
        cooldownSeconds = number(value);
        break;
      case "--sustained":
        sustainedMinutes = number(value);
        break;
      case "--tol":
        tolerance = number(value);
        if (tolerance == 0) {
          tolerance = -1;  // exactly equal; 0 means the default to the harness
        }
        break;
      case "--affinity":
        if (!value.matches("big|little|all|(0x)?[0-9a-fA-F]{1,64}")) {
          throw new IllegalArgumentException("--affinity: '" + value + "' is not big, little, all or a mask of cores");
        }
        affinity = value;
        break;
      default:
        throw new IllegalArgumentException(flag + " is not a flag of the app");
    }
  }

  private static int count(String value, int limit) {
    int number = Integer.parseInt(value);
    if (number < 0 || number > limit) {
      throw new NumberFormatException();
    }
    return number;
  }

  private static double number(String value) {
    double number = Double.parseDouble(value);
    if (!(number >= 0 && number <= 1e6)) {
      throw new NumberFormatException();
    }
    return number;
  }
}
