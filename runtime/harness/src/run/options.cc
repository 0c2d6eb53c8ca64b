// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "run/options.h"

#include <algorithm>

#include "io/text.h"

namespace mdeploy::harness {
namespace {

constexpr const char* kRunners[] = {"cli", "app_jni", "app_child", "ios_app"};

std::string text_or_empty(const char* text) { return text ? text : ""; }

Status check_range(const char* flag, double value, double low, double high) {
  if (value >= low && value <= high) return {};
  return usage_error(format("%s %g: must be between %g and %g", flag, value, low, high));
}

}  // namespace

Status validate(const Options& options) {
  if (options.init_path.empty() || options.predict_path.empty()) {
    return usage_error("--init and --predict name the two nets; both are needed");
  }
  if (options.manifest_path.empty() && options.inputs.empty() && options.golden_dir.empty()) {
    return usage_error("nothing says what shape the inputs have: give --manifest, --input or --golden");
  }
  if (!options.output_dir.empty() && options.inputs.empty() && options.picture_path.empty()) {
    return usage_error("--output writes what the net answers to --input or --picture, and there is neither");
  }
  if (!options.picture_path.empty() && (!options.inputs.empty() || options.manifest_path.empty())) {
    return usage_error("--picture is prepared as --manifest says and takes the place of --input");
  }
  if (std::find(std::begin(kRunners), std::end(kRunners), options.runner) == std::end(kRunners)) {
    return usage_error("--runner " + printable(options.runner) + ": must be cli, app_jni, app_child or ios_app");
  }
  const struct {
    const char* flag;
    double value, low, high;
  } ranges[] = {
      {"--tol", options.tolerance, 0, 1e30},
      {"--rtol", options.relative_tolerance, 0, 1e30},
      {"--threads", static_cast<double>(options.threads), 0, 256},
      {"--warmup", static_cast<double>(options.warmup.value_or(0)), 0, 1e6},
      {"--runs", static_cast<double>(options.runs.value_or(1)), 1, 1e7},
      {"--min-seconds", options.min_seconds.value_or(0), 0, 86400},
      {"--rounds", static_cast<double>(options.rounds), 1, 1000},
      {"--cooldown", options.cooldown_seconds, 0, 86400},
      {"--sustained", options.sustained_minutes, 0, 1440},
  };
  for (const auto& range : ranges) {
    if (Status status = check_range(range.flag, range.value, range.low, range.high); !status.ok()) return status;
  }
  return {};
}

Options options_from_c(const mdeploy_harness_options& c) {
  Options options;
  options.init_path = text_or_empty(c.init_path);
  options.predict_path = text_or_empty(c.predict_path);
  options.manifest_path = text_or_empty(c.manifest_path);
  for (size_t i = 0; i < c.input_count; ++i) options.inputs.push_back(text_or_empty(c.inputs[i]));
  options.picture_path = text_or_empty(c.picture_path);
  options.output_dir = text_or_empty(c.output_dir);
  options.golden_dir = text_or_empty(c.golden_dir);
  options.report_path = text_or_empty(c.report_path);
  if (c.tolerance != 0) options.tolerance = std::max(c.tolerance, 0.0);
  options.relative_tolerance = c.relative_tolerance;
  options.threads = c.threads;
  if (c.affinity != nullptr) options.affinity = c.affinity;
  if (c.warmup != 0) options.warmup = std::max(c.warmup, 0);
  if (c.runs != 0) options.runs = c.runs;
  if (c.min_seconds != 0) options.min_seconds = c.min_seconds;
  if (c.rounds != 0) options.rounds = c.rounds;
  options.cooldown_seconds = c.cooldown_seconds;
  options.sustained_minutes = c.sustained_minutes;
  options.profile = c.profile != 0;
  if (c.runner != nullptr) options.runner = c.runner;
  return options;
}

}  // namespace mdeploy::harness
