// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
plugins {
  alias(libs.plugins.android.application)
}

// The artifact that goes into the app: what `mdeploy convert` wrote. Without one the app says that it has no model.
val artifact = providers.gradleProperty("mdeploy.artifact").map { rootDir.resolve(it) }
val modelAssets = layout.buildDirectory.dir("modelAssets")

val copyModel = tasks.register<Sync>("copyModel") {
  if (artifact.isPresent) {
    from(artifact) { exclude("model.onnx") }
  }
  into(modelAssets.map { it.dir("model") })
}

android {
  namespace = "org.mdeploy.harness"
  compileSdk = 36
  ndkVersion = "28.2.13676358"

  defaultConfig {
    applicationId = "org.mdeploy.harness"
    minSdk = 26
    targetSdk = 36
    versionCode = 1
    versionName = "0.1.0"
    testInstrumentationRunner = "androidx.test.runner.AndroidJUnitRunner"
    ndk { abiFilters += listOf("arm64-v8a", "armeabi-v7a", "x86_64") }
    externalNativeBuild { cmake { arguments += listOf("-DANDROID_STL=c++_static", "-DCMAKE_BUILD_TYPE=Release") } }
  }

  externalNativeBuild {
    cmake {
      path = file("src/main/cpp/CMakeLists.txt")
      version = "3.22.1"
    }
  }

  buildTypes {
    // The host fetches reports by run-as, so what is measured is a debug build; its native code is a release build.
    debug { isJniDebuggable = false }
    release { isMinifyEnabled = false }
  }

  compileOptions {
    sourceCompatibility = JavaVersion.VERSION_11
    targetCompatibility = JavaVersion.VERSION_11
  }

  sourceSets["main"].assets.srcDir(modelAssets)
  // Stored, so that unpacking is a copy.
  androidResources { noCompress += listOf("pb", "npy") }

  testOptions {
    unitTests {
      isIncludeAndroidResources = true
      all { test ->
        for (name in listOf("mdeploy.native.dir", "mdeploy.artifact", "mdeploy.picture")) {
          providers.gradleProperty(name).orNull?.let { test.systemProperty(name, rootDir.resolve(it)) }
        }
        for (name in listOf("mdeploy.collect.url", "mdeploy.collect.token")) {
          providers.gradleProperty(name).orNull?.let { test.systemProperty(name, it) }
        }
        providers.gradleProperty("mdeploy.native.dir").orNull?.let {
          test.jvmArgs("-Djava.library.path=${rootDir.resolve(it)}")
        }
        // One JVM for each Android: a native library can be loaded by one class loader only.
        test.systemProperty("robolectric.enabledSdks", providers.gradleProperty("sdk").getOrElse("35"))
      }
    }
  }
}

tasks.named("preBuild") { dependsOn(copyModel) }

dependencies {
  testImplementation(libs.junit)
  testImplementation(libs.robolectric)
  androidTestImplementation(libs.junit)
  androidTestImplementation(libs.androidx.test.runner)
}
