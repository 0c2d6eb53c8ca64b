// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "testing/fake_runtime.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <thread>

namespace {

mdeploy::harness::FakeRuntime g_fake;

mdeploy_status fail(mdeploy_status code, const std::string& message, mdeploy_error* error) {
  if (error != nullptr) {
    error->code = code;
    std::snprintf(error->message, sizeof error->message, "%s", message.c_str());
  }
  return code;
}

mdeploy_status describe(const char* name, size_t index, mdeploy_tensor_spec* spec) {
  if (index != 0) return MDEPLOY_USAGE;
  spec->name = name;
  spec->dtype = MDEPLOY_FLOAT32;
  spec->rank = 2;
  spec->dims[0] = 1, spec->dims[1] = 4;
  return MDEPLOY_OK;
}

}  // namespace

namespace mdeploy::harness {
FakeRuntime& fake_runtime() { return g_fake; }
}  // namespace mdeploy::harness

struct mdeploy_net {};
struct mdeploy_session {
  std::atomic<bool> cancelled{false};
};

extern "C" {

uint32_t mdeploy_abi_version(void) { return MDEPLOY_ABI_VERSION; }
const char* mdeploy_version(void) { return "0.0.0-fake"; }
const char* mdeploy_compiler_id(void) { return "fake"; }
const char* mdeploy_compiler_flags(void) { return ""; }
const char* mdeploy_build_type(void) { return "Test"; }
const char* mdeploy_best_isa(void) { return "reference"; }
const char* mdeploy_status_name(int32_t status) {
  switch (status) {
    case MDEPLOY_OK: return "ok";
    case MDEPLOY_CHECK_FAILED: return "check_failed";
    case MDEPLOY_USAGE: return "usage";
    case MDEPLOY_BAD_INPUT: return "bad_input";
    case MDEPLOY_UNSUPPORTED: return "unsupported";
    case MDEPLOY_UNAVAILABLE: return "unavailable";
    case MDEPLOY_CANCELLED: return "cancelled";
    default: return "internal_error";
  }
}

mdeploy_status mdeploy_net_load(const char*, const char*, const mdeploy_load_options* options, mdeploy_net** net,
                                mdeploy_error* error) {
  for (size_t i = 0; i < options->input_count; ++i) {
    g_fake.input_names += options->inputs[i].name ? options->inputs[i].name : "-";
  }
  if (g_fake.load_status != MDEPLOY_OK) return fail(g_fake.load_status, g_fake.load_message, error);
  ++g_fake.live_handles;
  *net = new mdeploy_net();
  return MDEPLOY_OK;
}
void mdeploy_net_free(mdeploy_net* net) {
  if (net != nullptr) --g_fake.live_handles;
  delete net;
}
size_t mdeploy_net_input_count(const mdeploy_net*) { return 1; }
size_t mdeploy_net_output_count(const mdeploy_net*) { return 1; }
mdeploy_status mdeploy_net_input(const mdeploy_net*, size_t index, mdeploy_tensor_spec* spec) {
  return describe("data", index, spec);
}
mdeploy_status mdeploy_net_output(const mdeploy_net*, size_t index, mdeploy_tensor_spec* spec) {
  return describe("out", index, spec);
}
const char* mdeploy_net_isa(const mdeploy_net*) { return "reference"; }
uint64_t mdeploy_net_parameters(const mdeploy_net*) { return 12; }
uint64_t mdeploy_net_macs(const mdeploy_net*) { return 34; }

mdeploy_status mdeploy_session_create(const mdeploy_net*, const mdeploy_session_options* options,
                                      mdeploy_session** session, mdeploy_error*) {
  g_fake.threads = options->threads;
  g_fake.affinity_cores = static_cast<int>(options->affinity_core_count);
  ++g_fake.live_handles;
  *session = new mdeploy_session();
  return MDEPLOY_OK;
}
void mdeploy_session_free(mdeploy_session* session) {
  if (session != nullptr) --g_fake.live_handles;
  delete session;
}
mdeploy_status mdeploy_session_run(mdeploy_session* session, const mdeploy_tensor* inputs, size_t input_count,
                                   mdeploy_tensor* outputs, size_t output_count, mdeploy_error* error) {
  const int index = g_fake.runs++;
  if (g_fake.before_run) g_fake.before_run(index);
  if (input_count != 1 || output_count != 1) return fail(MDEPLOY_USAGE, "one input and one output", error);
  if (index == g_fake.fail_run_at) return fail(MDEPLOY_UNAVAILABLE, "out of memory in the fake", error);
  for (int waited = 0; waited < g_fake.run_ms && !session->cancelled; ++waited) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  if (session->cancelled.exchange(false)) return fail(MDEPLOY_CANCELLED, "cancelled at operator 3", error);
  const float* data = static_cast<const float*>(inputs[0].data);
  float* out = static_cast<float*>(outputs[0].data);
  std::transform(data, data + 4, out, [](float x) { return 2 * x + g_fake.error; });
  return MDEPLOY_OK;
}
void mdeploy_session_cancel(mdeploy_session* session) { session->cancelled = true; }
int32_t mdeploy_session_threads(const mdeploy_session*) { return g_fake.threads; }
int32_t mdeploy_session_affinity_applied(const mdeploy_session*) { return g_fake.affinity_works; }
size_t mdeploy_session_op_count(const mdeploy_session*) { return 1; }
mdeploy_status mdeploy_session_op_profile(const mdeploy_session*, size_t, mdeploy_op_profile* profile) {
  profile->name = "out";
  profile->type = "Scale";
  profile->kernel = nullptr;
  profile->total_ms = 12;
  profile->runs = 4;
  profile->macs = 34;
  return MDEPLOY_OK;
}
// Red of the first pixels.
mdeploy_status mdeploy_preprocess(const uint8_t* rgba, int32_t width, int32_t height, size_t,
                                  const mdeploy_preprocess_spec*, mdeploy_tensor* output, mdeploy_error* error) {
  const size_t count = output->bytes / sizeof(float);
  if (static_cast<size_t>(width) * static_cast<size_t>(height) < count) {
    return fail(MDEPLOY_BAD_INPUT, "the picture is too small", error);
  }
  for (size_t i = 0; i < count; ++i) static_cast<float*>(output->data)[i] = rgba[4 * i];
  return MDEPLOY_OK;
}
void mdeploy_session_reset_profile(mdeploy_session*) { ++g_fake.profile_resets; }

}  // extern "C"
