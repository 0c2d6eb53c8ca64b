// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
package androidx.test.runner.intent;

import android.app.Instrumentation.ActivityResult;
import android.content.Intent;

/** Answers intents in place of other apps. */
public interface IntentStubber {
  ActivityResult getActivityResultForIntent(Intent intent);
}
