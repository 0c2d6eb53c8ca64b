// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// What to run, as the command line and the C API both give it.
#ifndef MDEPLOY_HARNESS_RUN_OPTIONS_H_
#define MDEPLOY_HARNESS_RUN_OPTIONS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "io/status.h"
#include "mdeploy/harness.h"

namespace mdeploy::harness {

struct Options {
  std::string init_path, predict_path, manifest_path, picture_path;
  std::vector<std::string> inputs;
  std::string output_dir, golden_dir, report_path;
  double tolerance = 1e-5, relative_tolerance = 0;
  int64_t threads = 0;  // 0: the chosen cores, at most 4
  std::string affinity = "big";
  // Nothing where the harness chooses.
  std::optional<int64_t> warmup, runs;
  std::optional<double> min_seconds;
  int64_t rounds = 1;
  double cooldown_seconds = 0, sustained_minutes = 0;
  bool profile = false;
  std::string runner = "cli";
};

// Ranges and what must go together.
Status validate(const Options& options);

Options options_from_c(const mdeploy_harness_options& options);

}  // namespace mdeploy::harness

#endif  // MDEPLOY_HARNESS_RUN_OPTIONS_H_
