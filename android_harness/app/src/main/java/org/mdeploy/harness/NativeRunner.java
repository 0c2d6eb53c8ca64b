// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
package org.mdeploy.harness;

/** Runs the harness inside the app's process through JNI: how an app ships a model. */
final class NativeRunner implements Runner {
  private static final boolean LOADED = load();

  private final long handle = nativeCreate();
  private boolean freed;

  /** Whether the JNI library is in this build. The build without an NDK has none and runs {@link ChildRunner}. */
  static boolean isAvailable() {
    return LOADED;
  }

  NativeRunner() {
    if (handle == 0) {
      throw new OutOfMemoryError("no memory for the harness");
    }
  }

  @Override
  public String name() {
    return "app_jni";
  }

  @Override
  public int run(HarnessOptions options, DeviceReadings readings, Progress progress) {
    try {
      String[] flags = options.arguments(name()).toArray(new String[0]);
      return nativeRun(handle, flags, readings, progress);
    } finally {
      synchronized (this) {
        freed = true;
        nativeFree(handle);
      }
    }
  }

  @Override
  public synchronized void cancel() {
    if (!freed) {
      nativeCancel(handle);
    }
  }

  private static boolean load() {
    try {
      System.loadLibrary("mdeploy_jni");
      return true;
    } catch (UnsatisfiedLinkError e) {
      return false;
    }
  }

  private static native long nativeCreate();

  private static native int nativeRun(long handle, String[] flags, DeviceReadings readings, Progress progress);

  private static native void nativeCancel(long handle);

  private static native void nativeFree(long handle);
}
