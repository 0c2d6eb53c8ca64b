// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "io/text.h"
#include "report/report.h"
#include "run/statistics.h"

namespace mdeploy::harness {
namespace {

std::string figure(const std::optional<double>& value, const char* pattern) {
  char buffer[48];
  if (!value) return "-";
  std::snprintf(buffer, sizeof buffer, pattern, *value);
  return buffer;
}

std::string parity_lines(const std::vector<ParityRow>& rows) {
  size_t case_width = 4, output_width = 6;
  for (const ParityRow& row : rows) {
    case_width = std::max(case_width, row.case_name.size());
    output_width = std::max(output_width, row.output.size());
  }
  std::string text;
  for (const ParityRow& row : rows) {
    const Comparison& c = row.comparison;
    text += format("parity   %-*s %-*s max_abs %s  max_rel %s  needs %s of %.3g  %s\n", static_cast<int>(case_width),
                   row.case_name.c_str(), static_cast<int>(output_width), row.output.c_str(),
                   figure(c.max_abs, "%.3g").c_str(), figure(c.max_rel, "%.3g").c_str(),
                   figure(c.required, "%.3g").c_str(), row.tolerance, c.passed ? "ok" : "FAILED");
  }
  return text;
}

std::string op_lines(const std::vector<OpRow>& ops) {
  constexpr size_t kShown = 10;
  std::vector<OpRow> slowest = ops;
  std::sort(slowest.begin(), slowest.end(), [](const OpRow& a, const OpRow& b) { return a.ms > b.ms; });
  double total = 0;
  for (const OpRow& op : ops) total += op.ms;
  std::string text;
  for (size_t i = 0; i < std::min(kShown, slowest.size()); ++i) {
    const OpRow& op = slowest[i];
    text += format("op       %8.3f ms %5.1f %%  %-14s %s %s\n", op.ms, total > 0 ? 100 * op.ms / total : 0.0,
                   op.type.c_str(), op.name.c_str(), op.kernel.c_str());
  }
  if (ops.size() > kShown) text += format("op       ... %zu more in the report\n", ops.size() - kShown);
  return text;
}

}  // namespace

std::string report_summary(const RunResult& result) {
  const std::string cores = core_list(result.affinity_cores);
  std::string text =
      format("model    %s  %s  %s  %lld thread%s on cores %s (%s%s)%s\n", result.model_name.c_str(),
             result.device.abi.c_str(), result.isa.c_str(), static_cast<long long>(result.threads),
             result.threads == 1 ? "" : "s", cores.empty() ? "-" : cores.c_str(), result.affinity_requested.c_str(),
             result.affinity_applied ? ", pinned" : "", result.emulated ? "  EMULATED: times do not count" : "");
  if (result.init_ms) {
    const std::optional<double> memory =
        result.peak_rss_bytes ? std::optional<double>(*result.peak_rss_bytes / 1048576.0) : std::nullopt;
    text += format("load     verify %s ms  init %s ms  first run %s ms  peak memory %s MiB\n",
                   figure(result.verify_ms, "%.1f").c_str(), figure(result.init_ms, "%.1f").c_str(),
                   figure(result.first_run_ms, "%.3f").c_str(), figure(memory, "%.1f").c_str());
  }
  if (result.preprocess_ms) text += format("picture  resized and scaled in %.3f ms\n", *result.preprocess_ms);
  text += parity_lines(result.parity);
  if (!result.measurement.samples.empty()) {
    const Summary s = summarize(result.measurement.samples);
    text += format("latency  p50 %.3f ms  p90 %.3f  p99 %.3f  mean %.3f +- %.3f  min %.3f  max %.3f  n %zu\n", s.p50,
                   s.p90, s.p99, s.mean, s.std, s.min, s.max, result.measurement.samples.size());
  }
  for (const Minute& minute : result.measurement.sustained) {
    text += format("minute   %lld  p50 %s ms  p90 %s ms  n %zu  %s C\n", static_cast<long long>(minute.minute),
                   figure(minute.p50, "%.3f").c_str(), figure(minute.p90, "%.3f").c_str(), minute.n,
                   figure(minute.readings.thermal.max_c, "%.1f").c_str());
  }
  text += op_lines(result.ops);
  for (const std::string& warning : result.warnings) text += "warning  " + warning + "\n";
  for (const std::string& warning : result.measurement.warnings) text += "warning  " + warning + "\n";
  return text;
}

}  // namespace mdeploy::harness
