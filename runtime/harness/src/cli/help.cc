// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "cli/help.h"

#include "io/json_writer.h"
#include "io/text.h"
#include "run/options.h"

namespace mdeploy::harness {
namespace {

constexpr const char* kIntroduction =
    R"(mdeploy-harness: runs a Caffe2 net pair, proves parity with golden vectors, measures latency.

  mdeploy-harness --init init_net.pb --predict predict_net.pb --manifest manifest.json --golden golden

)";

constexpr const char* kRest = R"(
After the word -- only flags that say how to measure are taken, none that names a file.
The report is one line "MDeployReport {json}" on stdout; a summary goes to stderr. Under an emulator the defaults are
one warm-up and one timed run, since times do not count there.
Exit codes: 0 done; 1 parity failed; 2 usage; 3 input missing, corrupt or refused; 4 unsupported operator;
5 something needed is missing; 70 internal error; 130 interrupted.
)";

const char* kind_name(OptionInfo::Kind kind) {
  switch (kind) {
    case OptionInfo::Kind::kSwitch: return "switch";
    case OptionInfo::Kind::kText: return "text";
    case OptionInfo::Kind::kInteger: return "integer";
    case OptionInfo::Kind::kNumber: return "number";
  }
  return "";
}

const char* group_name(OptionInfo::Group group) {
  switch (group) {
    case OptionInfo::Group::kCaller: return "caller";
    case OptionInfo::Group::kMeasure: return "measure";
    case OptionInfo::Group::kCommand: return "command";
  }
  return "";
}

}  // namespace

std::string help_text() {
  std::string text = kIntroduction;
  for (const OptionInfo& option : option_table()) {
    const std::string flag = option.value ? format("%s %s", option.name, option.value) : option.name;
    text += format("  %-20s %s", flag.c_str(), option.help);
    text += option.fallback ? format("; default: %s\n", option.fallback) : "\n";
  }
  return text + kRest;
}

std::string options_json() {
  JsonWriter json;
  json.begin_array();
  for (const OptionInfo& option : option_table()) {
    const bool has_range = option.kind == OptionInfo::Kind::kInteger || option.kind == OptionInfo::Kind::kNumber;
    const auto text = [](const char* field) { return field ? std::optional<std::string>(field) : std::nullopt; };
    json.begin_object();
    json.field("name", option.name);
    json.field("value", text(option.value));
    json.field("kind", kind_name(option.kind));
    json.field("group", group_name(option.group));
    json.field("min", has_range ? std::optional<double>(option.low) : std::nullopt);
    json.field("max", has_range ? std::optional<double>(option.high) : std::nullopt);
    json.field("default", text(option.fallback));
    json.field("help", option.help);
    json.end_object();
  }
  json.end_array();
  return json.text();
}

}  // namespace mdeploy::harness
