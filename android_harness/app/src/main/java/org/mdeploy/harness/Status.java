// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
package org.mdeploy.harness;

/** The statuses of the C ABI, which are exit codes too. */
final class Status {
  static final int OK = 0;
  static final int CHECK_FAILED = 1;
  static final int USAGE = 2;
  static final int BAD_INPUT = 3;
  static final int UNSUPPORTED = 4;
  static final int UNAVAILABLE = 5;
  static final int INTERNAL = 70;
  static final int CANCELLED = 130;

  private Status() {}

  /** The report's word for a status. */
  static String word(int status) {
    switch (status) {
      case OK:
        return "ok";
      case CHECK_FAILED:
        return "check_failed";
      case USAGE:
        return "usage";
      case BAD_INPUT:
        return "bad_input";
      case UNSUPPORTED:
        return "unsupported";
      case UNAVAILABLE:
        return "unavailable";
      case CANCELLED:
        return "cancelled";
      default:
        return "internal_error";
    }
  }
}
