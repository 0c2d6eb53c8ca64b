// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// What one run found out: everything that its report tells (schemas/report.schema.json), as a struct.
#ifndef MDEPLOY_HARNESS_RUN_RESULT_H_
#define MDEPLOY_HARNESS_RUN_RESULT_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "device/cores.h"
#include "device/device.h"
#include "io/manifest.h"
#include "io/status.h"
#include "run/measure.h"
#include "run/tolerance.h"

namespace mdeploy::harness {

struct LoadedFile {
  uint64_t bytes = 0;
  std::optional<std::string> sha256;
};

struct ParityRow {
  std::string case_name, output;
  double tolerance = 0;
  Comparison comparison;
};

struct OpRow {
  std::string name, type, kernel;
  double ms = 0;  // mean over the timed runs
  int64_t macs = 0;
};

struct RunResult {
  Status status;
  std::string runner = "cli";
  std::string model_name;
  std::vector<BlobSpec> inputs, outputs;
  std::optional<int64_t> parameters, macs;
  std::map<std::string, LoadedFile> files;
  Measurement measurement;
  std::optional<double> init_ms, verify_ms, first_run_ms;
  std::optional<double> preprocess_ms;  // from the decoded picture to the input, where one was given
  std::optional<int64_t> peak_rss_bytes;
  int64_t threads = 1;
  std::string affinity_requested;
  std::vector<int> affinity_cores;
  bool affinity_applied = false;
  std::string isa;
  bool emulated = false;
  Device device;
  std::vector<Core> cores;
  Thermal thermal_before, thermal_after;
  Battery battery;
  std::vector<ParityRow> parity;
  std::vector<OpRow> ops;
  std::vector<std::string> warnings;
};

}  // namespace mdeploy::harness

#endif  // MDEPLOY_HARNESS_RUN_RESULT_H_
