// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
package org.mdeploy.harness;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.UUID;

/** What one run is asked to do, by the screen or by the host that drives the app. */
final class BenchRequest {
  /** Names the report; the host recognises the end of its own run by it. */
  String id = UUID.randomUUID().toString();
  /** Classify only: run once on {@link #goldenCase} or {@link #picture}, without parity and without timing rounds. */
  boolean classifyOnly;
  String goldenCase;
  /** A picture that the user chose; its file is deleted after the run. */
  Picture picture;
  /** Where the report is sent after the run, or null: nowhere. */
  CollectTarget collect;

  private final List<String> flags = new ArrayList<>();

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
   * <p>Any app may start an exported activity. Which flags there are and what they take the harness alone knows; it gets
   * these as a stranger's words, among which it takes no flag that names a file ({@link HarnessOptions#measure}).
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
    for (String word : words) {
      if (!word.matches("[A-Za-z0-9.+=-]{1,80}")) {
        throw new IllegalArgumentException("the flags are not of letters, digits and . + - = alone");
      }
      request.flags.add(word);
    }
    return request;
  }

  /** Adds a flag of the harness that says how to measure, and returns this request. */
  BenchRequest measure(String flag, Object value) {
    flags.add(flag);
    flags.add(value.toString());
    return this;
  }

  /** How to measure; the harness chooses what is not said. */
  List<String> flags() {
    return Collections.unmodifiableList(flags);
  }
}
