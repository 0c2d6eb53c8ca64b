// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "run/options.h"

#include <algorithm>

#include "io/text.h"

namespace mdeploy::harness {
namespace {

using Kind = OptionInfo::Kind;
using Group = OptionInfo::Group;

constexpr const char* kRunners[] = {"cli", "app_jni", "app_child", "ios_app"};

void assign(std::string& field, const OptionValue& value) { field = value.text; }
void assign(std::vector<std::string>& field, const OptionValue& value) { field.emplace_back(value.text); }
void assign(int64_t& field, const OptionValue& value) { field = value.integer; }
void assign(std::optional<int64_t>& field, const OptionValue& value) { field = value.integer; }
void assign(double& field, const OptionValue& value) { field = value.number; }
void assign(std::optional<double>& field, const OptionValue& value) { field = value.number; }
void assign(bool& field, const OptionValue&) { field = true; }

template <auto Field>
void store(Options& options, const OptionValue& value) {
  assign(options.*Field, value);
}

// Reads `text` as the option's kind and within its range, or says what is wrong with it.
std::string read_value(const OptionInfo& option, std::string_view text, OptionValue* value) {
  value->text = text;
  switch (option.kind) {
    case Kind::kSwitch: return "";
    case Kind::kText: return text.empty() ? "not a valid value" : "";
    case Kind::kInteger:
      if (!parse_int(text, &value->integer)) return "not a valid value";
      value->number = static_cast<double>(value->integer);
      break;
    case Kind::kNumber:
      if (!parse_double(text, &value->number)) return "not a valid value";
      break;
  }
  if (value->number >= option.low && value->number <= option.high) return "";
  return format("must be between %g and %g", option.low, option.high);
}

const OptionInfo* find_option(std::string_view name) {
  for (const OptionInfo& option : option_table()) {
    if (name == option.name) return &option;
  }
  return name == "-h" ? find_option("--help") : nullptr;
}

}  // namespace

const std::vector<OptionInfo>& option_table() {
  static const std::vector<OptionInfo> table = {
      {"--init", "F", Kind::kText, Group::kCaller, 0, 0, nullptr, "the net of the weights", store<&Options::init_path>},
      {"--predict", "F", Kind::kText, Group::kCaller, 0, 0, nullptr, "the net that runs",
       store<&Options::predict_path>},
      {"--manifest", "F", Kind::kText, Group::kCaller, 0, 0, nullptr,
       "check every SHA-256 before loading; shapes and meanings come from here", store<&Options::manifest_path>},
      {"--golden", "DIR", Kind::kText, Group::kCaller, 0, 0, nullptr, "check CASE/{input_N,output_N}.npy before timing",
       store<&Options::golden_dir>},
      {"--tol", "T", Kind::kNumber, Group::kMeasure, 0, 1e30, "1e-5",
       "tolerance of that check, times max(1, |reference|) but for probabilities", store<&Options::tolerance>},
      {"--rtol", "R", Kind::kNumber, Group::kMeasure, 0, 1e30, "0", "adds R * |reference| to what is allowed",
       store<&Options::relative_tolerance>},
      {"--input", "F.npy", Kind::kText, Group::kCaller, 0, 0, nullptr,
       "data to time with, one per input by position; default: golden data, else random", store<&Options::inputs>},
      {"--picture", "F.pam", Kind::kText, Group::kCaller, 0, 0, nullptr,
       "instead of --input: a picture (binary PAM, RGBA), prepared as the manifest says",
       store<&Options::picture_path>},
      {"--output", "DIR", Kind::kText, Group::kCaller, 0, 0, nullptr,
       "write what the net answers to --input or --picture as output_N.npy", store<&Options::output_dir>},
      {"--threads", "N", Kind::kInteger, Group::kMeasure, 1, 256, nullptr, "default: the chosen cores, at most 4",
       store<&Options::threads>},
      {"--affinity", "A", Kind::kText, Group::kMeasure, 0, 0, "big", "all, big, little, or a hexadecimal mask of cores",
       store<&Options::affinity>},
      {"--warmup", "N", Kind::kInteger, Group::kMeasure, 0, 1e6, nullptr,
       "untimed runs; default: until latency is stable", store<&Options::warmup>},
      {"--runs", "N", Kind::kInteger, Group::kMeasure, 1, 1e7, nullptr,
       "timed runs per round; default: at least 10 and --min-seconds", store<&Options::runs>},
      {"--min-seconds", "S", Kind::kNumber, Group::kMeasure, 0, 86400, nullptr,
       "a round lasts at least this long; default: 1, or 0 with --runs", store<&Options::min_seconds>},
      {"--rounds", "N", Kind::kInteger, Group::kMeasure, 1, 1000, "1", "repeat warm-up and timed runs",
       store<&Options::rounds>},
      {"--cooldown", "S", Kind::kNumber, Group::kMeasure, 0, 86400, "0", "idle time before each round",
       store<&Options::cooldown_seconds>},
      {"--sustained", "MINUTES", Kind::kNumber, Group::kMeasure, 0, 1440, "0",
       "run on for this long, with a median per minute", store<&Options::sustained_minutes>},
      {"--profile", nullptr, Kind::kSwitch, Group::kMeasure, 0, 0, nullptr, "per-operator times",
       store<&Options::profile>},
      {"--report", "F", Kind::kText, Group::kCaller, 0, 0, nullptr, "also write the JSON report here",
       store<&Options::report_path>},
      {"--runner", "NAME", Kind::kText, Group::kCaller, 0, 0, "cli",
       "what started this, as the report names it: cli, app_child, app_jni, ios_app", store<&Options::runner>},
      {"--progress", nullptr, Kind::kSwitch, Group::kCommand, 0, 0, nullptr,
       "lines \"MDeployProgress {json}\" on stderr, at most ten a second", store<&Options::progress>},
      {"--version", nullptr, Kind::kSwitch, Group::kCommand, 0, 0, nullptr, "version, ABI and compiler",
       store<&Options::version>},
      {"--options-json", nullptr, Kind::kSwitch, Group::kCommand, 0, 0, nullptr, "this list for programs",
       store<&Options::list_options>},
      {"--help", nullptr, Kind::kSwitch, Group::kCommand, 0, 0, nullptr, "this list", store<&Options::help>},
  };
  return table;
}

Status parse_options(size_t count, const char* const* words, bool of_command, Options* options) {
  Status first;
  const auto refuse = [&first](const std::string& why) {
    if (first.ok()) first = usage_error(why + " (see --help)");
  };
  bool measure_only = false;
  for (size_t i = 0; i < count; ++i) {
    const std::string_view word = words[i];
    if (word == "--" && !measure_only) {
      measure_only = true;
      continue;
    }
    const size_t equals = word.substr(0, 2) == "--" ? word.find('=') : std::string_view::npos;
    const std::string_view name = word.substr(0, equals);
    const OptionInfo* option = find_option(name);
    if (option == nullptr || (option->group == Group::kCommand && !of_command)) {
      refuse(printable(word) + (word.substr(0, 1) == "-" ? ": no such flag" : ": not a flag"));
      continue;
    }
    const bool takes_value = option->kind != Kind::kSwitch;
    OptionValue value;
    std::string_view text;
    if (takes_value && equals != std::string_view::npos) {
      text = word.substr(equals + 1);
    } else if (takes_value && i + 1 < count) {
      text = words[++i];
    } else if (takes_value || equals != std::string_view::npos) {
      refuse(std::string(name) + (takes_value ? ": a value is missing" : ": takes no value"));
      continue;
    }
    if (measure_only && option->group != Group::kMeasure) {
      refuse(std::string(name) + ": says not how to measure, so it may not come after --");
      continue;
    }
    if (const std::string wrong = read_value(*option, text, &value); !wrong.empty()) {
      refuse(std::string(name) + " " + printable(text) + ": " + wrong);
      continue;
    }
    option->store(*options, value);
  }
  return first;
}

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
  return {};
}

}  // namespace mdeploy::harness
