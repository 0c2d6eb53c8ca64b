// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// One run of the harness from options to result: verify, load, parity, measure.
#ifndef MDEPLOY_HARNESS_RUN_RUN_H_
#define MDEPLOY_HARNESS_RUN_RUN_H_

#include <atomic>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "io/golden.h"
#include "io/manifest.h"
#include "io/status.h"
#include "mdeploy/harness.h"
#include "run/measure.h"
#include "run/options.h"
#include "run/result.h"
#include "run/session.h"

namespace mdeploy::harness {

class Run final : private Subject {
 public:
  Run(const Options& options, const mdeploy_harness_host& host);

  // Told the finished result, before the last event. Its error is the run's where that had none.
  using Publish = std::function<Status(const RunResult&)>;

  // Runs to the end; every error is in the result's status. `given` is an error that was found before, such as a bad
  // flag: then nothing runs and the result says so.
  void execute(Status given, const Publish& publish);
  const RunResult& result() const { return result_; }

  // From any thread or a signal handler, while this object lives.
  void cancel();

 private:
  // The steps, in order. Each returns at the first error, which ends the run.
  void describe();
  Status prepare();
  Status verify();
  Status load();
  Status check_shapes_against_manifest() const;
  Status choose_inputs();
  Status answer_inputs();
  Status check_parity();
  Status time();
  void finish(Status status, const Publish& publish);

  std::vector<BlobSpec> load_specs(Status* status);
  void apply_host_device();
  MeasureOptions measure_options() const;
  void event(mdeploy_harness_phase phase, double fraction, double last_ms, const std::string& text);
  // Runs the net; the first run of all is noted in the report.
  Status run_net(double* ms);

  // Subject
  Status run(double* ms) override { return run_net(ms); }
  double now_ms() override;
  Status idle(double ms) override;
  Readings read() override;
  void start_timing() override;
  void progress(mdeploy_harness_phase phase, double fraction, double last_ms) override;

  const Options options_;
  const mdeploy_harness_host host_;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::atomic<bool> cancelled_{false};
  std::atomic<mdeploy_session*> cancellable_{nullptr};
  std::optional<Manifest> manifest_;
  Status golden_refusal_;  // a golden file that differs from the manifest; see check_parity
  std::vector<GoldenCase> golden_;
  Session session_;
  RunResult result_;
};

}  // namespace mdeploy::harness

#endif  // MDEPLOY_HARNESS_RUN_RUN_H_
