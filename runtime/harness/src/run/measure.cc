// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "run/measure.h"

#include <algorithm>
#include <cmath>

#include "io/text.h"
#include "run/statistics.h"

namespace mdeploy::harness {
namespace {

// Warm-up is over when the median of the last kWindow runs is within kStable of the median of the kWindow before, and
// clocks had kMinWarmupMs to rise; a net too slow or too noisy for that is given up on after kMaxWarmupMs.
constexpr size_t kWindow = 5;
constexpr double kStable = 0.03;
constexpr double kMinWarmupMs = 200;
constexpr double kMaxWarmupMs = 3000;

constexpr double kUnevenSamples = 0.10;  // standard deviation over mean
constexpr double kUnevenRounds = 0.05;   // spread of the rounds' medians
constexpr double kThrottled = 1.10;      // last minute over first
constexpr double kMinuteMs = 60'000;

class Loop {
 public:
  Loop(const MeasureOptions& options, Subject& subject, Measurement* measurement)
      : options_(options), subject_(subject), out_(*measurement) {}

  Status measure() {
    for (int64_t index = 0; index < options_.rounds; ++index) {
      if (Status status = cool_down(); !status.ok()) return status;
      if (Status status = warm_up(); !status.ok()) return status;
      subject_.start_timing();
      if (Status status = round(index); !status.ok()) return status;
    }
    return sustain();
  }

  void warn() {
    if (out_.samples.size() > 1) {
      const Summary all = summarize(out_.samples);
      if (all.std > kUnevenSamples * all.mean) {
        add(format("latencies vary: standard deviation is %.0f %% of the mean; other load, or clocks that change",
                   100 * all.std / all.mean));
      }
    }
    size_t flagged = 0;
    std::vector<double> medians;
    for (const Round& round : out_.rounds) {
      flagged += round.outliers.size();
      if (round.p50) medians.push_back(*round.p50);
    }
    if (flagged > 0) {
      add(format("%zu of %zu runs are outliers; flagged in rounds, not dropped", flagged, out_.samples.size()));
    }
    if (medians.size() > 1) {
      const auto [low, high] = std::minmax_element(medians.begin(), medians.end());
      if (*high > *low * (1 + kUnevenRounds)) add(format("medians of the rounds differ: %.3f to %.3f ms", *low, *high));
    }
    if (out_.sustained.size() > 1) {
      const double first = out_.sustained.front().p50.value_or(0), last = out_.sustained.back().p50.value_or(0);
      if (first > 0 && last > kThrottled * first) {
        add(format("throttling: the last minute's median is %.2f times the first's", last / first));
      }
    }
  }

 private:
  void add(std::string warning) { out_.warnings.push_back(std::move(warning)); }

  Status cool_down() {
    const double total = options_.cooldown_seconds * 1000;
    const double start = subject_.now_ms();
    for (double passed = 0; passed < total; passed = subject_.now_ms() - start) {
      subject_.progress(MDEPLOY_PHASE_COOLDOWN, passed / total, NAN);
      if (Status status = subject_.idle(std::min(200.0, total - passed)); !status.ok()) return status;
    }
    return {};
  }

  Status warm_up() {
    std::vector<double> latencies;
    const double start = subject_.now_ms();
    for (;;) {
      const double passed = subject_.now_ms() - start;
      const double count = static_cast<double>(latencies.size());
      if (options_.warmup) {
        if (static_cast<int64_t>(latencies.size()) >= *options_.warmup) return {};
      } else if (passed >= kMinWarmupMs && is_stable(latencies)) {
        return {};
      } else if (passed >= kMaxWarmupMs) {
        if (latencies.size() >= 2 * kWindow) {
          add(format("latency had not settled after %.1f s of warm-up", passed / 1000));
        }
        return {};
      }
      const double fraction = options_.warmup ? count / static_cast<double>(*options_.warmup) : passed / kMaxWarmupMs;
      double ms = 0;
      if (Status status = subject_.run(&ms); !status.ok()) return status;
      latencies.push_back(ms);
      subject_.progress(MDEPLOY_PHASE_WARMUP, fraction, ms);
    }
  }

  static bool is_stable(const std::vector<double>& latencies) {
    if (latencies.size() < 2 * kWindow) return false;
    const auto end = latencies.end(), middle = end - kWindow;
    const double now = median({middle, end}), before = median({middle - kWindow, middle});
    return std::fabs(now - before) <= kStable * before;
  }

  Status round(int64_t index) {
    const size_t begin = out_.samples.size();
    const double start = subject_.now_ms();
    if (index == 0) first_start_ = start;
    Status status;
    double passed = 0;
    for (int64_t n = 0; n < options_.runs || passed < options_.min_seconds * 1000; ++n) {
      double ms = 0;
      status = subject_.run(&ms);
      if (!status.ok()) break;
      out_.samples.push_back(ms);
      passed = subject_.now_ms() - start;
      const double by_count = static_cast<double>(n + 1) / static_cast<double>(std::max<int64_t>(options_.runs, 1));
      const double by_time = options_.min_seconds > 0 ? passed / (options_.min_seconds * 1000) : 1;
      const double share = std::min({by_count, by_time, 1.0});
      subject_.progress(MDEPLOY_PHASE_MEASURE,
                        (static_cast<double>(index) + share) / static_cast<double>(options_.rounds), ms);
    }
    if (out_.samples.size() == begin) return status;
    Round round;
    const std::vector<double> samples(out_.samples.begin() + static_cast<std::ptrdiff_t>(begin), out_.samples.end());
    round.n = samples.size();
    round.p50 = median(samples);
    round.start_ms = start - first_start_;
    round.duration_ms = subject_.now_ms() - start;
    for (const size_t i : outliers(samples)) round.outliers.push_back(begin + i);
    round.readings = subject_.read();
    out_.rounds.push_back(std::move(round));
    return status;
  }

  Status sustain() {
    const double total = options_.sustained_minutes * kMinuteMs;
    const double start = subject_.now_ms();
    for (int64_t index = 0; static_cast<double>(index) * kMinuteMs < total; ++index) {
      const double end = std::min(static_cast<double>(index + 1) * kMinuteMs, total);
      std::vector<double> samples;
      Status status;
      do {
        double ms = 0;
        status = subject_.run(&ms);
        if (!status.ok()) break;
        samples.push_back(ms);
        subject_.progress(MDEPLOY_PHASE_SUSTAINED, std::min((subject_.now_ms() - start) / total, 1.0), ms);
      } while (subject_.now_ms() - start < end);
      if (!samples.empty()) {
        std::sort(samples.begin(), samples.end());
        out_.sustained.push_back(
            {index + 1, samples.size(), percentile(samples, 0.5), percentile(samples, 0.9), subject_.read()});
      }
      if (!status.ok()) return status;
    }
    return {};
  }

  const MeasureOptions& options_;
  Subject& subject_;
  Measurement& out_;
  double first_start_ = 0;
};

}  // namespace

Status measure(const MeasureOptions& options, Subject& subject, Measurement* measurement) {
  Loop loop(options, subject, measurement);
  Status status = loop.measure();
  loop.warn();
  return status;
}

}  // namespace mdeploy::harness
