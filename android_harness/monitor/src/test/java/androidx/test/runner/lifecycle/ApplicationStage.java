// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
package androidx.test.runner.lifecycle;

/** Where an application is in its life. */
public enum ApplicationStage {
  PRE_ON_CREATE,
  CREATED
}
