// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// The native half of org.mdeploy.harness.NativeRunner: takes the flags of HarnessOptions to the harness's C API, and
// the harness's callbacks to DeviceReadings and Runner.Progress. Callbacks come on the thread that runs, so its JNIEnv
// serves them.
#include <jni.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "mdeploy/harness.h"

namespace {

std::string text_of(JNIEnv* env, jstring value) {
  if (value == nullptr || env->ExceptionCheck()) return "";
  const char* chars = env->GetStringUTFChars(value, nullptr);
  if (chars == nullptr) return "";
  std::string text(chars);
  env->ReleaseStringUTFChars(value, chars);
  return text;
}

std::vector<std::string> texts_of(JNIEnv* env, jobjectArray array) {
  std::vector<std::string> texts;
  const jsize count = env->GetArrayLength(array);
  for (jsize i = 0; i < count && !env->ExceptionCheck(); ++i) {
    auto value = static_cast<jstring>(env->GetObjectArrayElement(array, i));
    texts.push_back(text_of(env, value));
    env->DeleteLocalRef(value);
  }
  return texts;
}

// What the callbacks need.
struct Caller {
  JNIEnv* env;
  jobject readings, progress;
  jmethodID thermal_status, battery, at;
  mdeploy_harness* harness;
};

const char* phase_name(int32_t phase) {
  switch (phase) {
    case MDEPLOY_PHASE_VERIFY: return "verify";
    case MDEPLOY_PHASE_LOAD: return "load";
    case MDEPLOY_PHASE_PARITY: return "parity";
    case MDEPLOY_PHASE_WARMUP: return "warmup";
    case MDEPLOY_PHASE_MEASURE: return "measure";
    case MDEPLOY_PHASE_COOLDOWN: return "cooldown";
    case MDEPLOY_PHASE_SUSTAINED: return "sustained";
    default: return "done";
  }
}

// A Java exception in a callback ends the run; it is thrown in Java when nativeRun returns.
bool stopped(Caller* caller) {
  if (!caller->env->ExceptionCheck()) return false;
  mdeploy_harness_cancel(caller->harness);
  return true;
}

void on_progress(void* user, const mdeploy_harness_event* event) {
  auto* caller = static_cast<Caller*>(user);
  if (stopped(caller)) return;
  JNIEnv* env = caller->env;
  if (env->PushLocalFrame(4) != 0) return;
  jstring phase = env->NewStringUTF(phase_name(event->phase));
  jstring text = env->NewStringUTF(event->text ? event->text : "");
  if (phase != nullptr && text != nullptr) {
    env->CallVoidMethod(caller->progress, caller->at, phase, static_cast<jdouble>(event->fraction),
                        static_cast<jdouble>(event->last_ms), static_cast<jdouble>(event->elapsed_ms), text);
  }
  env->PopLocalFrame(nullptr);
  stopped(caller);
}

int32_t on_thermal_status(void* user) {
  auto* caller = static_cast<Caller*>(user);
  if (stopped(caller)) return -1;
  const jint status = caller->env->CallIntMethod(caller->readings, caller->thermal_status);
  return stopped(caller) ? -1 : status;
}

void on_battery(void* user, mdeploy_harness_battery* battery) {
  auto* caller = static_cast<Caller*>(user);
  battery->level_percent = battery->temperature_c = NAN;
  battery->charging = -1;
  if (stopped(caller)) return;
  JNIEnv* env = caller->env;
  auto array = static_cast<jdoubleArray>(env->CallObjectMethod(caller->readings, caller->battery));
  if (stopped(caller) || array == nullptr || env->GetArrayLength(array) != 3) return;
  jdouble values[3];
  env->GetDoubleArrayRegion(array, 0, 3, values);
  env->DeleteLocalRef(array);
  battery->level_percent = values[0];
  battery->temperature_c = values[1];
  battery->charging = std::isnan(values[2]) ? -1 : values[2] == 1;
}

std::string call_text(JNIEnv* env, jobject object, const char* method) {
  if (env->ExceptionCheck()) return "";
  const jmethodID id = env->GetMethodID(env->GetObjectClass(object), method, "()Ljava/lang/String;");
  if (id == nullptr) return "";
  return text_of(env, static_cast<jstring>(env->CallObjectMethod(object, id)));
}

const char* or_null(const std::string& text) { return text.empty() ? nullptr : text.c_str(); }

mdeploy_harness* from_handle(jlong handle) { return reinterpret_cast<mdeploy_harness*>(handle); }

}  // namespace

extern "C" {

JNIEXPORT jlong JNICALL Java_org_mdeploy_harness_NativeRunner_nativeCreate(JNIEnv*, jclass) {
  return reinterpret_cast<jlong>(mdeploy_harness_create());
}

JNIEXPORT void JNICALL Java_org_mdeploy_harness_NativeRunner_nativeFree(JNIEnv*, jclass, jlong handle) {
  mdeploy_harness_free(from_handle(handle));
}

JNIEXPORT void JNICALL Java_org_mdeploy_harness_NativeRunner_nativeCancel(JNIEnv*, jclass, jlong handle) {
  mdeploy_harness_cancel(from_handle(handle));
}

JNIEXPORT jint JNICALL Java_org_mdeploy_harness_NativeRunner_nativeRun(JNIEnv* env, jclass, jlong handle,
                                                                       jobjectArray java_flags, jobject readings,
                                                                       jobject progress) {
  const std::vector<std::string> words = texts_of(env, java_flags);
  std::vector<const char*> flags;
  for (const std::string& word : words) flags.push_back(word.c_str());

  Caller caller = {env, readings, progress, nullptr, nullptr, nullptr, from_handle(handle)};
  if (!env->ExceptionCheck()) {
    const jclass readings_class = env->GetObjectClass(readings);
    caller.thermal_status = env->GetMethodID(readings_class, "thermalStatus", "()I");
    if (caller.thermal_status) caller.battery = env->GetMethodID(readings_class, "battery", "()[D");
    if (caller.battery) {
      caller.at = env->GetMethodID(env->GetObjectClass(progress), "at", "(Ljava/lang/String;DDDLjava/lang/String;)V");
    }
  }
  const std::string model = call_text(env, readings, "model"), maker = call_text(env, readings, "manufacturer"),
                    soc = call_text(env, readings, "soc"), os_version = call_text(env, readings, "osVersion");
  if (env->ExceptionCheck()) return MDEPLOY_INTERNAL;  // the pending exception says what is wrong

  mdeploy_harness_host host = {};
  host.struct_size = sizeof host;
  host.user = &caller;
  host.progress = on_progress;
  host.thermal_status = on_thermal_status;
  host.battery = on_battery;
  host.device_model = or_null(model);
  host.device_manufacturer = or_null(maker);
  host.device_soc = or_null(soc);
  host.os_version = or_null(os_version);
  const jmethodID sdk = env->GetMethodID(env->GetObjectClass(readings), "sdk", "()I");
  if (sdk == nullptr) return MDEPLOY_INTERNAL;
  host.sdk = env->CallIntMethod(readings, sdk);
  return mdeploy_harness_run(caller.harness, flags.size(), flags.data(), &host);
}

}  // extern "C"
