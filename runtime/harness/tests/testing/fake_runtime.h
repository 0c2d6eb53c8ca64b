// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// A runtime that does what a test says: out = 2 * data over float32 [1, 4].
#ifndef MDEPLOY_HARNESS_TESTS_FAKE_RUNTIME_H_
#define MDEPLOY_HARNESS_TESTS_FAKE_RUNTIME_H_

#include <functional>
#include <string>

#include "mdeploy/mdeploy_runtime.h"

namespace mdeploy::harness {

struct FakeRuntime {
  mdeploy_status load_status = MDEPLOY_OK;
  std::string load_message;
  int run_ms = 0;
  int fail_run_at = -1;                 // index of the run that fails
  std::function<void(int)> before_run;  // with the index of the run
  float error = 0;                      // added to every output
  bool affinity_works = true;

  // What the harness asked for.
  std::string input_names;
  int threads = 0, affinity_cores = 0, runs = 0, profile_resets = 0, live_handles = 0;
};

FakeRuntime& fake_runtime();

}  // namespace mdeploy::harness

#endif  // MDEPLOY_HARNESS_TESTS_FAKE_RUNTIME_H_
