// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
package androidx.test.runner.intent;

/** Hears of intents that are started. */
public interface IntentMonitor {}
