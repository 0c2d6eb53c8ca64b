// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "report/report.h"

#include "io/json_writer.h"
#include "io/npy.h"
#include "io/text.h"
#include "run/statistics.h"

namespace mdeploy::harness {
namespace {

// A millisecond figure keeps its nanoseconds and no digits below.
double rounded(double ms) { return static_cast<double>(static_cast<int64_t>(ms * 1e6 + 0.5)) / 1e6; }

std::optional<double> rounded(const std::optional<double>& ms) {
  return ms ? std::optional<double>(rounded(*ms)) : std::nullopt;
}

void write_blobs(JsonWriter& json, const char* key, const std::vector<BlobSpec>& blobs) {
  json.key(key);
  json.begin_array();
  for (const BlobSpec& blob : blobs) {
    json.begin_object();
    json.field("name", blob.name);
    json.key("shape");
    json.begin_array();
    for (const int64_t dim : blob.dims) json.integer(dim);
    json.end_array();
    json.field("dtype", dtype_name(blob.dtype));
    json.end_object();
  }
  json.end_array();
}

void write_model(JsonWriter& json, const RunResult& result) {
  json.key("model");
  json.begin_object();
  json.field("name", result.model_name);
  write_blobs(json, "inputs", result.inputs);
  write_blobs(json, "outputs", result.outputs);
  json.field("parameters", result.parameters);
  json.field("macs", result.macs);
  json.end_object();
  json.key("files");
  json.begin_object();
  for (const auto& [name, file] : result.files) {
    json.key(name);
    json.begin_object();
    json.field("bytes", static_cast<int64_t>(file.bytes));
    json.field("sha256", file.sha256);
    json.end_object();
  }
  json.end_object();
}

void write_latency(JsonWriter& json, const std::vector<double>& samples) {
  json.key("latency_ms");
  if (samples.empty()) return json.null();
  const Summary summary = summarize(samples);
  json.begin_object();
  json.field("n", static_cast<int64_t>(samples.size()));
  json.field("mean", rounded(summary.mean));
  json.field("std", rounded(summary.std));
  json.field("min", rounded(summary.min));
  json.field("p50", rounded(summary.p50));
  json.field("p90", rounded(summary.p90));
  json.field("p99", rounded(summary.p99));
  json.field("max", rounded(summary.max));
  json.field("percentile_method", "linear");
  json.key("samples");
  json.begin_array();
  for (const double sample : samples) json.number(rounded(sample));
  json.end_array();
  json.end_object();
}

void write_affinity(JsonWriter& json, const RunResult& result) {
  json.key("affinity");
  json.begin_object();
  json.field("requested", result.affinity_requested);
  json.key("cores");
  json.begin_array();
  for (const int core : result.affinity_cores) json.integer(core);
  json.end_array();
  json.field("applied", result.affinity_applied);
  json.end_object();
}

void write_device(JsonWriter& json, const RunResult& result) {
  const Device& device = result.device;
  json.key("device");
  json.begin_object();
  json.field("model", device.model);
  json.field("manufacturer", device.manufacturer);
  json.field("soc", device.soc);
  json.field("os", device.os);
  json.field("os_version", device.os_version);
  json.field("sdk", device.sdk);
  json.field("abi", device.abi);
  json.field("kernel", device.kernel);
  json.field("page_size_bytes", device.page_size_bytes);
  json.field("memory_bytes", device.memory_bytes);
  json.key("cores");
  json.begin_array();
  for (const Core& core : result.cores) {
    json.begin_object();
    json.field("id", int64_t{core.id});
    json.field("max_khz", core.max_khz);
    json.field("cluster", core.cluster);
    json.end_object();
  }
  json.end_array();
  json.end_object();
}

void write_thermal(JsonWriter& json, const char* key, const Thermal& thermal) {
  json.key(key);
  json.begin_object();
  json.field("max_c", thermal.max_c);
  json.key("zones");
  json.begin_object();
  for (const auto& [zone, degrees] : thermal.zones) json.field(zone, degrees);
  json.end_object();
  json.field("status", thermal.status);
  json.end_object();
}

void write_readings(JsonWriter& json, const Readings& readings) {
  json.key("cpu_khz");
  json.begin_array();
  for (const std::optional<int64_t>& khz : readings.cpu_khz) khz ? json.integer(*khz) : json.null();
  json.end_array();
  write_thermal(json, "thermal", readings.thermal);
}

void write_parity(JsonWriter& json, const std::vector<ParityRow>& rows) {
  json.key("parity");
  json.begin_array();
  for (const ParityRow& row : rows) {
    json.begin_object();
    json.field("case", row.case_name);
    json.field("output", row.output);
    json.field("max_abs", row.comparison.max_abs);
    json.field("max_rel", row.comparison.max_rel);
    json.field("passed", row.comparison.passed);
    json.field("tolerance", row.tolerance);
    json.field("required_tolerance", row.comparison.required);
    json.end_object();
  }
  json.end_array();
}

void write_ops(JsonWriter& json, const std::vector<OpRow>& ops) {
  json.key("ops");
  json.begin_array();
  for (const OpRow& op : ops) {
    json.begin_object();
    json.field("name", op.name);
    json.field("type", op.type);
    json.field("kernel", op.kernel.empty() ? std::optional<std::string>() : op.kernel);
    json.field("ms", rounded(op.ms));
    json.field("macs", op.macs);
    json.end_object();
  }
  json.end_array();
}

void write_rounds(JsonWriter& json, const Measurement& measurement) {
  json.key("rounds");
  json.begin_array();
  for (const Round& round : measurement.rounds) {
    json.begin_object();
    json.field("n", static_cast<int64_t>(round.n));
    json.field("p50", rounded(round.p50));
    json.field("start_ms", rounded(round.start_ms));
    json.field("duration_ms", rounded(round.duration_ms));
    json.key("outliers");
    json.begin_array();
    for (const size_t index : round.outliers) json.integer(static_cast<int64_t>(index));
    json.end_array();
    write_readings(json, round.readings);
    json.end_object();
  }
  json.end_array();
  json.key("sustained");
  json.begin_array();
  for (const Minute& minute : measurement.sustained) {
    json.begin_object();
    json.field("minute", minute.minute);
    json.field("n", static_cast<int64_t>(minute.n));
    json.field("p50", rounded(minute.p50));
    json.field("p90", rounded(minute.p90));
    write_readings(json, minute.readings);
    json.end_object();
  }
  json.end_array();
}

}  // namespace

std::string report_json(const RunResult& result) {
  JsonWriter json;
  json.begin_object();
  json.field("schema", "mdeploy-report/1");
  json.field("status", mdeploy_status_name(result.status.code));
  json.field("error", result.status.ok() ? std::optional<std::string>() : result.status.message);
  json.field("runner", result.runner);
  write_model(json, result);
  write_latency(json, result.measurement.samples);
  json.field("init_ms", rounded(result.init_ms));
  json.field("verify_ms", rounded(result.verify_ms));
  json.field("first_run_ms", rounded(result.first_run_ms));
  json.field("preprocess_ms", rounded(result.preprocess_ms));
  json.field("peak_rss_bytes", result.peak_rss_bytes);
  json.field("threads", result.threads);
  write_affinity(json, result);
  json.field("isa", result.isa);
  json.field("emulated", result.emulated);
  json.key("compiler");
  json.begin_object();
  json.field("id", mdeploy_compiler_id());
  json.field("flags", mdeploy_compiler_flags());
  json.field("build_type", mdeploy_build_type());
  json.end_object();
  write_device(json, result);
  json.key("thermal");
  json.begin_object();
  write_thermal(json, "before", result.thermal_before);
  write_thermal(json, "after", result.thermal_after);
  json.end_object();
  json.key("battery");
  json.begin_object();
  json.field("level_percent", result.battery.level_percent);
  json.field("temperature_c", result.battery.temperature_c);
  json.field("charging", result.battery.charging);
  json.end_object();
  write_parity(json, result.parity);
  write_ops(json, result.ops);
  write_rounds(json, result.measurement);
  json.key("warnings");
  json.begin_array();
  for (const std::string& warning : result.warnings) json.string(warning);
  for (const std::string& warning : result.measurement.warnings) json.string(warning);
  json.end_array();
  json.key("versions");
  json.begin_object();
  json.field("harness", mdeploy_version());  // one source tree, one version
  json.field("runtime", mdeploy_version());
  json.field("abi_version", static_cast<int64_t>(mdeploy_abi_version()));
  json.end_object();
  json.end_object();
  return json.text();
}

}  // namespace mdeploy::harness
