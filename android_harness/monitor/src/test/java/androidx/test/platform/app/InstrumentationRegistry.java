// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
package androidx.test.platform.app;

import android.app.Instrumentation;
import android.os.Bundle;

/** Keeps what Robolectric registers. */
public final class InstrumentationRegistry {
  private static Instrumentation instrumentation;
  private static Bundle arguments;

  private InstrumentationRegistry() {}

  public static void registerInstance(Instrumentation instance, Bundle given) {
    instrumentation = instance;
    arguments = given;
  }

  public static Instrumentation getInstrumentation() {
    return instrumentation;
  }

  public static Bundle getArguments() {
    return arguments;
  }
}
