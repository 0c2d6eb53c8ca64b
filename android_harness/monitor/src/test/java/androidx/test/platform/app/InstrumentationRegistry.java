// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
package androidx.test.platform.app;

import android.app.Instrumentation;
import android.os.Bundle;

/** Takes what Robolectric registers; nothing here asks for it. */
public final class InstrumentationRegistry {
  private InstrumentationRegistry() {}

  public static void registerInstance(Instrumentation instrumentation, Bundle arguments) {}
}
