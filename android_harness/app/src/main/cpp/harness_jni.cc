// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// The native half of org.mdeploy.harness.NativeRunner: takes HarnessOptions to the harness's C API, and the harness's
// callbacks to DeviceReadings and Runner.Progress. Callbacks come on the thread that runs, so its JNIEnv serves them.
#include <jni.h>

#include <cmath>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "mdeploy/harness.h"

namespace {

// Reads the fields of one Java object by name. Strings are kept here as long as the options need them.
class Fields {
 public:
  Fields(JNIEnv* env, jobject object) : env_(env), object_(object), class_(env->GetObjectClass(object)) {}

  const char* text(const char* name) {
    const jfieldID field = id(name, "Ljava/lang/String;");
    return field ? keep(static_cast<jstring>(env_->GetObjectField(object_, field))) : nullptr;
  }

  std::vector<const char*> texts(const char* name) {
    std::vector<const char*> result;
    const jfieldID field = id(name, "[Ljava/lang/String;");
    if (field == nullptr) return result;
    auto array = static_cast<jobjectArray>(env_->GetObjectField(object_, field));
    const jsize count = array ? env_->GetArrayLength(array) : 0;
    for (jsize i = 0; i < count; ++i) {
      result.push_back(keep(static_cast<jstring>(env_->GetObjectArrayElement(array, i))));
    }
    return result;
  }

  double number(const char* name) {
    const jfieldID field = id(name, "D");
    return field ? env_->GetDoubleField(object_, field) : 0;
  }

  int32_t integer(const char* name) {
    const jfieldID field = id(name, "I");
    return field ? env_->GetIntField(object_, field) : 0;
  }

  bool flag(const char* name) {
    const jfieldID field = id(name, "Z");
    return field && env_->GetBooleanField(object_, field);
  }

 private:
  jfieldID id(const char* name, const char* type) {
    return env_->ExceptionCheck() ? nullptr : env_->GetFieldID(class_, name, type);
  }

  const char* keep(jstring value) {
    if (value == nullptr) return nullptr;
    const char* chars = env_->GetStringUTFChars(value, nullptr);
    if (chars == nullptr) return nullptr;
    kept_.emplace_back(chars);
    env_->ReleaseStringUTFChars(value, chars);
    env_->DeleteLocalRef(value);
    return kept_.back().c_str();
  }

  JNIEnv* env_;
  jobject object_;
  jclass class_;
  std::deque<std::string> kept_;
};

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
  auto value = static_cast<jstring>(env->CallObjectMethod(object, id));
  if (value == nullptr || env->ExceptionCheck()) return "";
  const char* chars = env->GetStringUTFChars(value, nullptr);
  if (chars == nullptr) return "";
  std::string text(chars);
  env->ReleaseStringUTFChars(value, chars);
  return text;
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
                                                                       jobject java_options, jobject readings,
                                                                       jobject progress, jstring runner) {
  Fields fields(env, java_options);
  const std::vector<const char*> inputs = fields.texts("inputs");
  mdeploy_harness_options options = {};
  options.struct_size = sizeof options;
  options.init_path = fields.text("initPath");
  options.predict_path = fields.text("predictPath");
  options.manifest_path = fields.text("manifestPath");
  options.inputs = inputs.data();
  options.input_count = inputs.size();
  options.picture_path = fields.text("picturePath");
  options.output_dir = fields.text("outputDir");
  options.golden_dir = fields.text("goldenDir");
  options.tolerance = fields.number("tolerance");
  options.threads = fields.integer("threads");
  options.affinity = fields.text("affinity");
  options.warmup = fields.integer("warmup");
  options.runs = fields.integer("runs");
  options.min_seconds = fields.number("minSeconds");
  options.rounds = fields.integer("rounds");
  options.cooldown_seconds = fields.number("cooldownSeconds");
  options.sustained_minutes = fields.number("sustainedMinutes");
  options.profile = fields.flag("profile");
  options.report_path = fields.text("reportPath");

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
  const char* runner_text = env->ExceptionCheck() ? nullptr : env->GetStringUTFChars(runner, nullptr);
  if (runner_text == nullptr) return MDEPLOY_INTERNAL;  // the pending exception says what is wrong
  const std::string runner_name(runner_text);
  env->ReleaseStringUTFChars(runner, runner_text);
  options.runner = runner_name.c_str();

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
  return mdeploy_harness_run(caller.harness, &options, &host);
}

}  // extern "C"
