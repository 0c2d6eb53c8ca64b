// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
package org.mdeploy.harness;

import android.content.Context;
import java.io.File;
import java.io.FileNotFoundException;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.json.JSONException;

/** The model in the app's assets, and its unpacked copy in files, where the harness can map it. */
final class ModelStore {
  private static final String ASSETS = "model/";
  private static final String PREFIX = "model-";
  private static final String PARTIAL = PREFIX + "partial";
  /** Space that unpacking leaves free, for the report and for the system. */
  private static final long SPARE_BYTES = 16L << 20;

  private final Context context;

  ModelStore(Context context) {
    this.context = context.getApplicationContext();
  }

  /**
   * Reads the manifest from the assets.
   *
   * @return null when the app was built without a model
   * @throws IOException when the manifest is broken
   */
  ModelManifest manifest() throws IOException {
    byte[] bytes = manifestBytes();
    if (bytes == null) {
      return null;
    }
    try {
      return ModelManifest.parse(new String(bytes, StandardCharsets.UTF_8));
    } catch (JSONException e) {
      throw new IOException("manifest.json in this app is broken: " + e.getMessage());
    }
  }

  /**
   * Unpacks the model once and returns its directory. Copies of other models are removed. What is in the files is for the
   * harness to verify, by the SHA-256 of each.
   */
  File unpack(ModelManifest manifest) throws IOException {
    byte[] bytes = manifestBytes();
    if (bytes == null) {
      throw new FileNotFoundException("no model in this app");
    }
    File parent = context.getNoBackupFilesDir();
    File directory = new File(parent, PREFIX + Files.sha256(bytes).substring(0, 16));
    if (directory.isDirectory()) {
      return directory;
    }
    removeOld(parent);
    checkSpace(parent, manifest.files);
    File partial = new File(parent, PARTIAL);
    try {
      for (Map.Entry<String, Long> file : manifest.files.entrySet()) {
        File target = new File(partial, file.getKey());
        Files.makeDirectory(target.getParentFile());
        copy(file.getKey(), target, file.getValue());
      }
      Files.replace(new File(partial, "manifest.json"), new String(bytes, StandardCharsets.UTF_8));
      if (!partial.renameTo(directory)) {
        throw new IOException("cannot store the unpacked model");
      }
    } finally {
      Files.removeAll(partial);
    }
    return directory;
  }

  private byte[] manifestBytes() throws IOException {
    try (InputStream in = context.getAssets().open(ASSETS + "manifest.json")) {
      return Files.read(in);
    } catch (FileNotFoundException e) {
      return null;
    }
  }

  private void copy(String name, File target, long expected) throws IOException {
    long copied;
    try (InputStream in = context.getAssets().open(ASSETS + name);
        OutputStream out = new FileOutputStream(target)) {
      copied = Files.copy(in, out);
    } catch (FileNotFoundException e) {
      throw new IOException(name + " is missing in this app");
    }
    if (copied != expected) {
      throw new IOException(name + " has " + copied + " bytes in this app where its manifest says " + expected);
    }
  }

  private static void removeOld(File parent) {
    File[] files = parent.listFiles();
    if (files != null) {
      for (File file : files) {
        if (file.getName().startsWith(PREFIX)) {
          Files.removeAll(file);
        }
      }
    }
  }

  private static void checkSpace(File parent, Map<String, Long> files) throws IOException {
    long needed = SPARE_BYTES;
    for (long bytes : files.values()) {
      needed += bytes;
    }
    long free = parent.getUsableSpace();
    if (free > 0 && free < needed) {
      throw new IOException(
          "the model needs " + (needed >> 20) + " MB of storage and " + (free >> 20) + " MB are free");
    }
  }
}
