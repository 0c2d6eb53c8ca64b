// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
package org.mdeploy.harness;

import java.io.IOException;

/** The harness ended with a status other than 0 and wrote no report. */
final class HarnessException extends IOException {
  private static final long serialVersionUID = 1;

  final int status;

  HarnessException(int status, String message) {
    super(message);
    this.status = status;
  }
}
