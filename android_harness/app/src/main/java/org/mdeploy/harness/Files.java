// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
package org.mdeploy.harness;

import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;

/** Reading, writing and removing files whole. */
final class Files {
  private static final int BUFFER = 1 << 16;
  private static final char[] HEX = "0123456789abcdef".toCharArray();

  private Files() {}

  static byte[] read(File file) throws IOException {
    try (InputStream in = new FileInputStream(file)) {
      return read(in);
    }
  }

  static byte[] read(InputStream in) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    copy(in, out);
    return out.toByteArray();
  }

  /** Copies to the end and returns the number of bytes. */
  static long copy(InputStream in, OutputStream out) throws IOException {
    byte[] buffer = new byte[BUFFER];
    long total = 0;
    for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
      out.write(buffer, 0, n);
      total += n;
    }
    return total;
  }

  /** Writes beside the place and renames, so that a reader sees the old file or the new one. */
  static void replace(File file, String text) throws IOException {
    File partial = new File(file.getPath() + ".partial");
    try (FileOutputStream out = new FileOutputStream(partial)) {
      out.write(text.getBytes(StandardCharsets.UTF_8));
      out.getFD().sync();
    }
    if (!partial.renameTo(file)) {
      partial.delete();
      throw new IOException("cannot write " + file.getName());
    }
  }

  static void makeDirectory(File directory) throws IOException {
    if (!directory.isDirectory() && !directory.mkdirs()) {
      throw new IOException("cannot make the directory " + directory.getName());
    }
  }

  static void removeAll(File file) {
    File[] children = file.listFiles();
    if (children != null) {
      for (File child : children) {
        removeAll(child);
      }
    }
    file.delete();
  }

  /** SHA-256, lower-case hexadecimal. */
  static String sha256(byte[] bytes) {
    byte[] digest;
    try {
      digest = MessageDigest.getInstance("SHA-256").digest(bytes);
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError(e);  // every Android has it
    }
    StringBuilder text = new StringBuilder();
    for (byte b : digest) {
      text.append(HEX[(b >> 4) & 15]).append(HEX[b & 15]);
    }
    return text.toString();
  }
}
