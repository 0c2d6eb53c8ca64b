// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// The handle of the C API.
#ifndef MDEPLOY_HARNESS_API_HARNESS_H_
#define MDEPLOY_HARNESS_API_HARNESS_H_

#include <atomic>
#include <memory>
#include <string>

#include "run/options.h"
#include "run/run.h"

struct mdeploy_harness {
  // Runs once, as the flags say. No exception leaves.
  mdeploy_status run(size_t flag_count, const char* const* flags, const mdeploy_harness_host& host) noexcept;
  // The same for flags that have been read. `given` is an error that was found in them: then nothing runs, and the
  // report says so.
  mdeploy_status run(const mdeploy::harness::Options& options, const mdeploy_harness_host& host,
                     mdeploy::harness::Status given) noexcept;
  void cancel();

  std::string report, summary, error;

 private:
  std::unique_ptr<mdeploy::harness::Run> run_;
  std::atomic<mdeploy::harness::Run*> cancellable_{nullptr};
  std::atomic<bool> cancelled_{false};
};

#endif  // MDEPLOY_HARNESS_API_HARNESS_H_
