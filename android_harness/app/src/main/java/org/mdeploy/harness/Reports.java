// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
package org.mdeploy.harness;

import android.content.ContentResolver;
import android.net.Uri;
import java.io.File;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;

/** Takes a report to where the user wants it. */
final class Reports {
  private Reports() {}

  static void copy(File report, ContentResolver resolver, Uri target) throws IOException {
    // "wt" truncates: a longer file that was there before must not shine through.
    try (InputStream in = new FileInputStream(report);
        OutputStream out = resolver.openOutputStream(target, "wt")) {
      if (out == null) {
        throw new IOException("the chosen place cannot be written");
      }
      Files.copy(in, out);
    } catch (SecurityException e) {
      throw new IOException("the chosen place may not be written");
    }
  }
}
