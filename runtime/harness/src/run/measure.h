// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// The measurement: warm-up until stable, timed rounds with readings around them, and a sustained run with figures per
// minute. Everything from outside comes through Subject, so that the loop is tested with made-up clocks.
#ifndef MDEPLOY_HARNESS_RUN_MEASURE_H_
#define MDEPLOY_HARNESS_RUN_MEASURE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "device/device.h"
#include "io/status.h"
#include "mdeploy/harness.h"

namespace mdeploy::harness {

struct MeasureOptions {
  std::optional<int64_t> warmup;  // untimed runs; nothing: until stable
  int64_t runs = 10;              // timed runs per round at least,
  double min_seconds = 1.0;       // for at least this long
  int64_t rounds = 1;
  double cooldown_seconds = 0;  // idle before each round
  double sustained_minutes = 0;
};

struct Readings {
  Thermal thermal;
  std::vector<std::optional<int64_t>> cpu_khz;
};

struct Round {
  size_t n = 0;
  std::optional<double> p50;
  double start_ms = 0, duration_ms = 0;
  std::vector<size_t> outliers;  // indices into Measurement::samples
  Readings readings;
};

struct Minute {
  int64_t minute = 0;
  size_t n = 0;
  std::optional<double> p50, p90;
  Readings readings;
};

struct Measurement {
  std::vector<double> samples;  // ms, in order
  std::vector<Round> rounds;
  std::vector<Minute> sustained;
  std::vector<std::string> warnings;
};

class Subject {
 public:
  virtual ~Subject() = default;
  virtual Status run(double* ms) = 0;
  virtual double now_ms() = 0;
  // Waits; MDEPLOY_CANCELLED when it was cut short.
  virtual Status idle(double ms) = 0;
  virtual Readings read() = 0;
  // Before timing starts after a warm-up.
  virtual void start_timing() = 0;
  virtual void progress(mdeploy_harness_phase phase, double fraction, double last_ms) = 0;
};

// Fills `measurement` as it goes: on an error or a cancel it holds what was measured until then.
Status measure(const MeasureOptions& options, Subject& subject, Measurement* measurement);

}  // namespace mdeploy::harness

#endif  // MDEPLOY_HARNESS_RUN_MEASURE_H_
