// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "run/measure.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

namespace mdeploy::harness {
namespace {

// A clock that only runs and idling move.
class Script final : public Subject {
 public:
  std::function<double(int)> latency = [](int) { return 10.0; };  // of the n-th run
  int fail_at = -1;
  int runs = 0, timings = 0, readings = 0;
  double idled = 0;
  std::vector<mdeploy_harness_phase> phases;

  Status run(double* ms) override {
    if (runs == fail_at) return {MDEPLOY_CANCELLED, "cancelled"};
    *ms = latency(runs++);
    clock_ += *ms;
    return {};
  }
  double now_ms() override { return clock_; }
  Status idle(double ms) override {
    clock_ += ms, idled += ms;
    return {};
  }
  Readings read() override {
    ++readings;
    return {};
  }
  void start_timing() override { ++timings; }
  void progress(mdeploy_harness_phase phase, double fraction, double) override {
    EXPECT_GE(fraction, 0);
    EXPECT_LE(fraction, 1);
    if (phases.empty() || phases.back() != phase) phases.push_back(phase);
  }

 private:
  double clock_ = 1234;
};

TEST(Measure, ExactCounts) {
  Script script;
  Measurement m;
  ASSERT_TRUE(measure({3, 20, 0, 1, 0, 0}, script, &m).ok());
  EXPECT_EQ(script.runs, 23);
  EXPECT_EQ(m.samples, std::vector<double>(20, 10.0));
  ASSERT_EQ(m.rounds.size(), 1u);
  EXPECT_EQ(m.rounds[0].n, 20u);
  EXPECT_EQ(m.rounds[0].p50, 10.0);
  EXPECT_DOUBLE_EQ(m.rounds[0].duration_ms, 200);
  EXPECT_TRUE(m.warnings.empty());
  EXPECT_EQ(script.timings, 1);
}

TEST(Measure, MinSecondsGoesOn) {
  Script script;
  Measurement m;
  ASSERT_TRUE(measure({0, 10, 1.0, 1, 0, 0}, script, &m).ok());
  EXPECT_EQ(m.samples.size(), 100u);
}

TEST(Measure, WarmsUpUntilStable) {
  Script script;
  script.latency = [](int n) { return n < 40 ? 30.0 - 0.5 * n : 10.0; };  // clocks rise for 40 runs
  Measurement m;
  ASSERT_TRUE(measure({std::nullopt, 5, 0, 1, 0, 0}, script, &m).ok());
  EXPECT_GE(script.runs - 5, 40);
  EXPECT_LE(script.runs - 5, 52);
  EXPECT_EQ(m.samples, std::vector<double>(5, 10.0));
}

TEST(Measure, WarmUpEndsForTheRestless) {
  Script script;
  script.latency = [](int n) { return 10.0 * (1 + n / 5 % 2); };
  Measurement m;
  ASSERT_TRUE(measure({std::nullopt, 50, 0, 1, 0, 0}, script, &m).ok());
  ASSERT_EQ(m.warnings.size(), 2u);
  EXPECT_NE(m.warnings[0].find("not settled"), std::string::npos);
  EXPECT_NE(m.warnings[1].find("vary"), std::string::npos);
}

TEST(Measure, SlowNetsAreNotWarmedUpForLong) {
  Script script;
  script.latency = [](int) { return 4000.0; };
  Measurement m;
  ASSERT_TRUE(measure({std::nullopt, 2, 0, 1, 0, 0}, script, &m).ok());
  EXPECT_EQ(script.runs, 3);
}

TEST(Measure, RoundsCooldownAndOutliers) {
  Script script;
  script.latency = [](int n) { return n == 25 ? 40.0 : n >= 20 ? 12.0 : 10.0; };
  Measurement m;
  ASSERT_TRUE(measure({0, 20, 0, 2, 1.5, 0}, script, &m).ok());
  EXPECT_DOUBLE_EQ(script.idled, 3000);
  ASSERT_EQ(m.rounds.size(), 2u);
  EXPECT_DOUBLE_EQ(m.rounds[0].start_ms, 0);
  EXPECT_DOUBLE_EQ(m.rounds[1].start_ms, 1700);
  EXPECT_TRUE(m.rounds[0].outliers.empty());
  EXPECT_EQ(m.rounds[1].outliers, std::vector<size_t>{25});
  EXPECT_EQ(m.samples.size(), 40u) << "flagged, not dropped";
  std::string all;
  for (const std::string& warning : m.warnings) all += warning + "\n";
  EXPECT_NE(all.find("1 of 40 runs are outliers"), std::string::npos) << all;
  EXPECT_NE(all.find("medians of the rounds differ: 10.000 to 12.000"), std::string::npos) << all;
  EXPECT_EQ(script.phases, (std::vector<mdeploy_harness_phase>{MDEPLOY_PHASE_COOLDOWN, MDEPLOY_PHASE_MEASURE,
                                                               MDEPLOY_PHASE_COOLDOWN, MDEPLOY_PHASE_MEASURE}));
}

TEST(Measure, SustainedIsPerMinuteAndSeesThrottling) {
  Script script;
  script.latency = [](int n) { return n < 6000 ? 10.0 : 20.0; };
  Measurement m;
  ASSERT_TRUE(measure({0, 1, 0, 1, 0, 2.5}, script, &m).ok());
  ASSERT_EQ(m.sustained.size(), 3u);
  EXPECT_EQ(m.sustained[0].minute, 1);
  EXPECT_EQ(m.sustained[0].n, 6000u);
  EXPECT_EQ(m.sustained[0].p50, 10.0);
  EXPECT_EQ(m.sustained[1].p50, 20.0);
  EXPECT_EQ(m.sustained[2].n, 1500u) << "half a minute";
  EXPECT_EQ(m.samples.size(), 1u);
  ASSERT_EQ(m.warnings.size(), 1u);
  EXPECT_EQ(m.warnings[0], "throttling: the last minute's median is 2.00 times the first's");
}

TEST(Measure, CancelKeepsWhatThereIs) {
  Script script;
  script.fail_at = 7;
  Measurement m;
  EXPECT_EQ(measure({2, 20, 0, 3, 0, 0}, script, &m).code, MDEPLOY_CANCELLED);
  EXPECT_EQ(m.samples.size(), 5u);
  ASSERT_EQ(m.rounds.size(), 1u);
  EXPECT_EQ(m.rounds[0].n, 5u);
  Script early;
  early.fail_at = 1;
  Measurement none;
  EXPECT_EQ(measure({2, 20, 0, 1, 0, 0}, early, &none).code, MDEPLOY_CANCELLED);
  EXPECT_TRUE(none.rounds.empty());
}

}  // namespace
}  // namespace mdeploy::harness
