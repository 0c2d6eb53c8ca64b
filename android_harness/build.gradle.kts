// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
plugins {
  alias(libs.plugins.android.application) apply false
}
