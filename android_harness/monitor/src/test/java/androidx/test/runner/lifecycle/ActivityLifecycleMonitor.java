// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
package androidx.test.runner.lifecycle;

/** Hears of activity stages. */
public interface ActivityLifecycleMonitor {}
