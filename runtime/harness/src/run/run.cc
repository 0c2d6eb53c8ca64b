// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "run/run.h"

#include <algorithm>
#include <cmath>
#include <thread>

#include "device/android.h"
#include "device/emulation.h"
#include "device/process.h"
#include "io/files.h"
#include "io/picture.h"
#include "io/text.h"

namespace mdeploy::harness {
namespace {

constexpr int64_t kMostThreads = 4;  // what mobile benchmarks use at most: more cores fight over heat and memory

const Status kCancelled{MDEPLOY_CANCELLED, "cancelled"};

class Stopwatch {
 public:
  double ms() const {
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

// Data for timing where nobody gave any: the same on every run, in [-1, 1). All zeros would be too easy on some
// processors, and denormals too hard.
Array made_up_input(const BlobSpec& blob) {
  Array array;
  array.dtype = blob.dtype;
  array.dims = blob.dims;
  size_t bytes = 0;
  if (tensor_bytes(blob.dtype, blob.dims, &bytes)) array.bytes.resize(bytes);
  if (blob.dtype != MDEPLOY_FLOAT32) return array;  // indices: zero is always in range
  uint64_t state = 1;
  float* values = reinterpret_cast<float*>(array.bytes.data());
  for (size_t i = 0; i < array.elements(); ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;  // Knuth's MMIX generator
    values[i] = static_cast<float>(static_cast<int32_t>(state >> 32)) / 2147483648.0f;
  }
  return array;
}

std::vector<BlobSpec> specs_of(const std::vector<Array>& arrays) {
  std::vector<BlobSpec> specs;
  for (const Array& array : arrays) specs.push_back({"", array.dtype, array.dims, ""});
  return specs;
}

std::string_view meaning_of(const std::optional<Manifest>& manifest, size_t output) {
  // Without a manifest the rule of logits serves for all: it is the same for values up to 1.
  return manifest && output < manifest->outputs.size() ? std::string_view(manifest->outputs[output].meaning) : "logits";
}

}  // namespace

Run::Run(const Options& options, const mdeploy_harness_host& host) : options_(options), host_(host) {}

void Run::cancel() {
  cancelled_ = true;
  if (mdeploy_session* session = cancellable_) mdeploy_session_cancel(session);
}

void Run::execute(Status given, const Publish& publish) {
  describe();
  if (!given.ok()) return finish(std::move(given), publish);
  Status status;
  for (const auto step : {&Run::prepare, &Run::verify, &Run::load, &Run::check_parity, &Run::choose_inputs,
                          &Run::answer_inputs, &Run::time}) {
    status = (this->*step)();
    if (status.ok() && cancelled_) status = kCancelled;
    if (!status.ok()) break;
  }
  finish(std::move(status), publish);
}

void Run::describe() {
  result_.runner = options_.runner;
  result_.affinity_requested = options_.affinity;
  result_.model_name = base_name(options_.predict_path);
  result_.isa = mdeploy_best_isa();
  result_.cores = read_cores();
  result_.device = read_device(android_properties());
  apply_host_device();
  result_.emulated = is_emulated();
  result_.thermal_before = read().thermal;
}

Status Run::prepare() {
  if (mdeploy_abi_version() != MDEPLOY_ABI_VERSION) {
    return {MDEPLOY_INTERNAL, "the runtime has another ABI version than this harness"};
  }
  if (Status status = validate(options_); !status.ok()) return status;
  CoreChoice choice;
  const std::vector<int> allowed = allowed_cores(result_.cores);
  if (Status status = choose_cores(options_.affinity, result_.cores, allowed, &choice); !status.ok()) return status;
  result_.affinity_cores = choice.cores;
  result_.affinity_applied = choice.pin;  // what was asked for; load() replaces it by what the system granted
  result_.warnings = choice.warnings;
  const int64_t available = static_cast<int64_t>(choice.cores.size());
  result_.threads = options_.threads.value_or(std::min(available, kMostThreads));
  if (result_.threads > available) {
    result_.warnings.push_back(format("%lld threads on %lld cores: they wait for each other",
                                      static_cast<long long>(result_.threads), static_cast<long long>(available)));
  }
  if (!options_.report_path.empty()) {
    if (Status status = check_writable(options_.report_path); !status.ok()) return status;
  }
  return options_.output_dir.empty() ? Status() : make_directories(options_.output_dir);
}

void Run::apply_host_device() {
  const auto take = [](const char* text, std::optional<std::string>* field) {
    if (text != nullptr && text[0] != '\0') *field = text;
  };
  take(host_.device_model, &result_.device.model);
  take(host_.device_manufacturer, &result_.device.manufacturer);
  take(host_.device_soc, &result_.device.soc);
  take(host_.os_version, &result_.device.os_version);
  if (host_.sdk > 0) result_.device.sdk = host_.sdk;
}

Status Run::verify() {
  for (const std::string* path : {&options_.init_path, &options_.predict_path}) {
    LoadedFile file;
    if (Status status = file_size(*path, &file.bytes); !status.ok()) return status;
    result_.files[base_name(*path)] = file;
  }
  if (options_.manifest_path.empty()) {
    return options_.golden_dir.empty() ? Status() : find_golden_cases(options_.golden_dir, nullptr, &golden_);
  }
  event(MDEPLOY_PHASE_VERIFY, 0, NAN, "checking files");
  const Stopwatch watch;
  manifest_.emplace();
  if (Status status = read_manifest(options_.manifest_path, &*manifest_); !status.ok()) return status;
  result_.model_name = manifest_->name;
  // The artifact's file names are fixed, whatever the files are called here.
  const std::pair<const std::string*, const char*> nets[] = {{&options_.init_path, "init_net.pb"},
                                                             {&options_.predict_path, "predict_net.pb"}};
  for (const auto& [path, entry] : nets) {
    if (Status status = verify_file(*path, entry, *manifest_); !status.ok()) return status;
    result_.files[base_name(*path)].sha256 = manifest_->files.at(entry).sha256;
  }
  // Whatever else the manifest lists and this place holds; a package leaves out what a device does not need.
  for (const auto& [entry, unused] : manifest_->files) {
    const std::string path = join_path(parent_directory(options_.manifest_path), entry);
    const bool checked_elsewhere = entry == nets[0].second || entry == nets[1].second || entry.rfind("golden/", 0) == 0;
    if (checked_elsewhere || entry.find("..") != std::string::npos || !exists(path)) continue;
    if (Status status = verify_file(path, entry, *manifest_); !status.ok()) return status;
  }
  if (!options_.golden_dir.empty()) {
    if (Status status = find_golden_cases(options_.golden_dir, &*manifest_, &golden_); !status.ok()) return status;
  }
  for (const GoldenCase& golden : golden_) {
    for (const auto* files : {&golden.inputs, &golden.outputs}) {
      for (const std::string& file : *files) {
        uint64_t bytes = 0;
        if (Status status = file_size(file, &bytes); !status.ok()) return status;
        Status status = verify_file(file, golden_entry_name(golden.name, file), *manifest_);
        if (!status.ok() && golden_refusal_.ok()) golden_refusal_ = std::move(status);
      }
    }
  }
  result_.verify_ms = watch.ms();
  return {};
}

std::vector<BlobSpec> Run::load_specs(Status* status) {
  if (manifest_) return manifest_->inputs;
  std::vector<Array> arrays;
  *status = read_arrays(options_.inputs.empty() ? golden_.front().inputs : options_.inputs, &arrays);
  return specs_of(arrays);
}

Status Run::load() {
  event(MDEPLOY_PHASE_LOAD, 0, NAN, "loading the nets");
  Status status;
  const std::vector<BlobSpec> specs = load_specs(&status);
  if (!status.ok()) return status;
  const bool pin = result_.affinity_applied;
  result_.affinity_applied = false;
  const Stopwatch watch;
  if (status = session_.load(options_.init_path, options_.predict_path, specs); !status.ok()) return status;
  result_.isa = mdeploy_net_isa(session_.net());
  result_.inputs = session_.inputs();
  result_.outputs = session_.outputs();
  result_.parameters = static_cast<int64_t>(mdeploy_net_parameters(session_.net()));
  result_.macs = static_cast<int64_t>(mdeploy_net_macs(session_.net()));
  if (status = check_shapes_against_manifest(); !status.ok()) return status;
  status = session_.start(static_cast<int>(result_.threads), pin ? result_.affinity_cores : std::vector<int>(),
                          options_.profile);
  if (!status.ok()) return status;
  result_.init_ms = watch.ms();
  cancellable_ = session_.handle();
  if (cancelled_) return kCancelled;  // it came before there was anything to hand it on to
  result_.threads = std::max<int64_t>(mdeploy_session_threads(session_.handle()), 1);
  result_.affinity_applied = pin && mdeploy_session_affinity_applied(session_.handle()) != 0;
  if (pin && !result_.affinity_applied) {
    result_.warnings.push_back("affinity: the system did not bind the threads to cores " +
                               core_list(result_.affinity_cores));
  }
  return {};
}

Status Run::check_shapes_against_manifest() const {
  if (!manifest_) return {};
  const auto differs = [](const std::vector<BlobSpec>& a, const std::vector<BlobSpec>& b) {
    return !std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const BlobSpec& x, const BlobSpec& y) {
      return x.name == y.name && x.dtype == y.dtype && x.dims == y.dims;
    });
  };
  const auto text = [](const std::vector<BlobSpec>& blobs) {
    std::string result;
    for (const BlobSpec& blob : blobs) {
      result += (result.empty() ? "" : ", ") + blob.name + " " + dtype_name(blob.dtype) + " " + shape_text(blob.dims);
    }
    return result;
  };
  for (const auto& [role, net, said] : {std::tuple("inputs", &result_.inputs, &manifest_->inputs),
                                        std::tuple("outputs", &result_.outputs, &manifest_->outputs)}) {
    if (!differs(*net, *said)) continue;
    return bad_input(format("%s: its %s are %s where the net's are %s", options_.manifest_path.c_str(), role,
                            text(*said).c_str(), text(*net).c_str()));
  }
  return {};
}

Status Run::check_parity() {
  const Tolerance tolerance{options_.tolerance, options_.relative_tolerance};
  size_t failed = 0;
  for (size_t index = 0; index < golden_.size(); ++index) {
    const GoldenCase& golden = golden_[index];
    event(MDEPLOY_PHASE_PARITY, static_cast<double>(index) / static_cast<double>(golden_.size()), NAN,
          "checking " + golden.name);
    std::vector<Array> inputs, references;
    if (Status status = read_arrays(golden.inputs, &inputs); !status.ok()) return status;
    if (Status status = read_arrays(golden.outputs, &references); !status.ok()) return status;
    const std::string where = join_path(options_.golden_dir, golden.name);
    if (references.size() != result_.outputs.size()) {
      return bad_input(
          format("%s: %zu outputs where the net has %zu", where.c_str(), references.size(), result_.outputs.size()));
    }
    if (Status status = session_.set_inputs(std::move(inputs), where); !status.ok()) return status;
    double ms = 0;
    if (Status status = run_net(&ms); !status.ok()) return status;
    for (size_t i = 0; i < references.size(); ++i) {
      ParityRow row{golden.name, result_.outputs[i].name, options_.tolerance,
                    compare(references[i], session_.output_arrays()[i], meaning_of(manifest_, i), tolerance)};
      failed += !row.comparison.passed;
      result_.parity.push_back(std::move(row));
    }
  }
  for (size_t i = 0; i < result_.outputs.size() && failed == 0 && !golden_.empty(); ++i) {
    // NaN beside NaN agrees, but where nothing else was compared, nothing was shown.
    const std::string& name = result_.outputs[i].name;
    const bool compared = std::any_of(result_.parity.begin(), result_.parity.end(), [&name](const ParityRow& row) {
      return row.output == name && row.comparison.max_abs.has_value();
    });
    if (!compared) {
      for (ParityRow& row : result_.parity) row.comparison.passed = row.comparison.passed && row.output != name;
      return {MDEPLOY_CHECK_FAILED,
              format("parity failed on this device: every value of output %s is NaN or infinite, so that nothing was "
                     "compared",
                     printable(name).c_str())};
    }
  }
  if (failed > 0) {
    // A changed golden value shows here by name and size, which says more than a hash that differs.
    return {MDEPLOY_CHECK_FAILED,
            format("parity failed on this device: %zu of %zu outputs differ from the golden vectors by more than %g%s",
                   failed, result_.parity.size(), options_.tolerance,
                   golden_refusal_.ok() ? "" : (" (" + golden_refusal_.message + ")").c_str())};
  }
  return golden_refusal_;
}

Status Run::choose_inputs() {
  std::vector<Array> arrays;
  if (!options_.picture_path.empty()) {
    const BlobSpec& input = manifest_->inputs.front();
    if (manifest_->inputs.size() != 1 || !input.picture) {
      return bad_input(options_.manifest_path + ": this model's input is not one picture, so --picture does not fit");
    }
    Picture picture;
    if (Status status = read_pam(options_.picture_path, &picture); !status.ok()) return status;
    arrays.push_back({input.dtype, input.dims, {}});
    const Stopwatch watch;
    if (Status status = prepare_picture(picture, *input.picture, &arrays.back()); !status.ok()) return status;
    result_.preprocess_ms = watch.ms();
    return session_.set_inputs(std::move(arrays), "--picture");
  }
  if (!options_.inputs.empty()) {
    if (Status status = read_arrays(options_.inputs, &arrays); !status.ok()) return status;
    return session_.set_inputs(std::move(arrays), "--input");
  }
  if (!golden_.empty()) {
    // A picture or random numbers make a net work as in use; zeros and ones may not.
    const auto lively = std::find_if(golden_.begin(), golden_.end(), [](const GoldenCase& golden) {
      return golden.kind == "random" || golden.kind == "picture";
    });
    const GoldenCase& golden = lively == golden_.end() ? golden_.front() : *lively;
    if (Status status = read_arrays(golden.inputs, &arrays); !status.ok()) return status;
    return session_.set_inputs(std::move(arrays), golden.name);
  }
  for (const BlobSpec& blob : session_.inputs()) arrays.push_back(made_up_input(blob));
  return session_.set_inputs(std::move(arrays), "made-up input");
}

Status Run::answer_inputs() {
  if (options_.output_dir.empty()) return {};
  double ms = 0;
  if (Status status = run_net(&ms); !status.ok()) return status;
  const std::vector<Array>& outputs = session_.output_arrays();
  for (size_t i = 0; i < outputs.size(); ++i) {
    const std::string path = join_path(options_.output_dir, format("output_%zu.npy", i));
    if (Status status = write_npy(path, outputs[i]); !status.ok()) return status;
  }
  return {};
}

MeasureOptions Run::measure_options() const {
  MeasureOptions measure;
  measure.rounds = options_.rounds;
  measure.cooldown_seconds = options_.cooldown_seconds;
  measure.sustained_minutes = options_.sustained_minutes;
  measure.warmup = options_.warmup;
  if (options_.runs || result_.emulated) {
    measure.runs = options_.runs.value_or(1);
    measure.min_seconds = options_.min_seconds.value_or(0);
    if (result_.emulated && !measure.warmup) measure.warmup = 1;
  } else {
    measure.min_seconds = options_.min_seconds.value_or(measure.min_seconds);
  }
  return measure;
}

Status Run::time() { return measure(measure_options(), *this, &result_.measurement); }

void Run::finish(Status status, const Publish& publish) {
  if (session_.handle() != nullptr && options_.profile) result_.ops = session_.op_profile();
  // A cancel that arrives while the net runs comes back as the runtime's own message.
  if (status.code == MDEPLOY_CANCELLED) status = kCancelled;
  result_.thermal_after = read().thermal;
  result_.battery = read_battery();
  if (host_.battery != nullptr) {
    mdeploy_harness_battery battery{sizeof battery, NAN, NAN, -1};
    host_.battery(host_.user, &battery);
    if (!std::isnan(battery.level_percent)) result_.battery.level_percent = battery.level_percent;
    if (!std::isnan(battery.temperature_c)) result_.battery.temperature_c = battery.temperature_c;
    if (battery.charging >= 0) result_.battery.charging = battery.charging != 0;
  }
  result_.peak_rss_bytes = peak_rss_bytes();
  result_.status = std::move(status);
  Status published = publish(result_);
  if (!published.ok() && result_.status.ok()) result_.status = std::move(published);
  event(MDEPLOY_PHASE_DONE, 1, NAN, result_.status.ok() ? "done" : result_.status.message);
}

void Run::event(mdeploy_harness_phase phase, double fraction, double last_ms, const std::string& text) {
  if (host_.progress == nullptr) return;
  const mdeploy_harness_event event{sizeof event, phase, fraction, last_ms, now_ms(), text.c_str()};
  host_.progress(host_.user, &event);
}

Status Run::run_net(double* ms) {
  if (cancelled_) return kCancelled;
  Status status = session_.run(ms);
  if (status.ok() && !result_.first_run_ms) result_.first_run_ms = *ms;
  return status;
}

double Run::now_ms() {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start_).count();
}

Status Run::idle(double ms) {
  const double end = now_ms() + ms;
  while (!cancelled_ && now_ms() < end) {
    std::this_thread::sleep_for(std::chrono::duration<double, std::milli>(std::min(20.0, end - now_ms())));
  }
  return cancelled_ ? kCancelled : Status();
}

Readings Run::read() {
  Readings readings{read_thermal(), read_frequencies(result_.cores)};
  if (host_.thermal_status != nullptr) {
    const int32_t status = host_.thermal_status(host_.user);
    if (status >= 0) readings.thermal.status = status;
  }
  return readings;
}

void Run::start_timing() { mdeploy_session_reset_profile(session_.handle()); }

void Run::progress(mdeploy_harness_phase phase, double fraction, double last_ms) {
  static constexpr const char* kTexts[] = {"checking files", "loading", "parity",    "warming up",
                                           "measuring",      "cooling", "running on"};
  event(phase, fraction, last_ms, kTexts[phase]);
}

}  // namespace mdeploy::harness
