// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
package org.mdeploy.harness;

import java.io.File;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/** Reads the float32 arrays that the harness writes: .npy version 1, C order, little endian. */
final class Npy {
  private static final int HEADER = 10;

  private Npy() {}

  /** The values in C order, whatever the shape. */
  static float[] readFloats(File file) throws IOException {
    byte[] bytes = Files.read(file);
    if (bytes.length < HEADER || (bytes[0] & 0xFF) != 0x93 || bytes[1] != 'N' || bytes[6] != 1) {
      throw new IOException(file.getName() + " is not a .npy file of version 1");
    }
    int start = HEADER + ((bytes[8] & 0xFF) | (bytes[9] & 0xFF) << 8);
    if (start > bytes.length || (bytes.length - start) % 4 != 0) {
      throw new IOException(file.getName() + " is cut short");
    }
    String header = new String(bytes, HEADER, start - HEADER, StandardCharsets.US_ASCII);
    if (!header.contains("'<f4'") || !header.contains("'fortran_order': False")) {
      throw new IOException(file.getName() + " does not hold float32 in C order");
    }
    float[] values = new float[(bytes.length - start) / 4];
    ByteBuffer.wrap(bytes, start, bytes.length - start).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(values);
    return values;
  }
}
