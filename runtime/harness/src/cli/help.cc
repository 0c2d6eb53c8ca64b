// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "cli/args.h"

#include <functional>
#include <string_view>

#include "io/text.h"

namespace mdeploy::harness {
namespace {

// One row per flag: its name, whether it takes a value, and what to do with it (false: the value is malformed).
struct Flag {
  std::string_view name;
  bool takes_value;
  std::function<bool(std::string_view)> apply;
};

std::vector<Flag> flags_for(Arguments* arguments) {
  Options* o = &arguments->options;
  const auto text = [](std::string* target) {
    return [target](std::string_view value) { return *target = value, !value.empty(); };
  };
  const auto number = [](auto* target) {
    return [target](std::string_view value) {
      double parsed = 0;
      if (!parse_double(value, &parsed)) return false;
      *target = parsed;
      return true;
    };
  };
  const auto count = [](auto* target) {
    return [target](std::string_view value) {
      int64_t parsed = 0;
      if (!parse_int(value, &parsed) || parsed < 0) return false;
      *target = parsed;
      return true;
    };
  };
  const auto set = [](bool* target) { return [target](std::string_view) { return *target = true; }; };
  return {
      {"--init", true, text(&o->init_path)},
      {"--predict", true, text(&o->predict_path)},
      {"--manifest", true, text(&o->manifest_path)},
      {"--input", true, [o](std::string_view value) { return o->inputs.emplace_back(value), !value.empty(); }},
      {"--picture", true, text(&o->picture_path)},
      {"--output", true, text(&o->output_dir)},
      {"--golden", true, text(&o->golden_dir)},
      {"--tol", true, number(&o->tolerance)},
      {"--rtol", true, number(&o->relative_tolerance)},
      {"--threads", true, count(&o->threads)},
      {"--affinity", true, text(&o->affinity)},
      {"--warmup", true, count(&o->warmup)},
      {"--runs", true, count(&o->runs)},
      {"--min-seconds", true, number(&o->min_seconds)},
      {"--rounds", true, count(&o->rounds)},
      {"--cooldown", true, number(&o->cooldown_seconds)},
      {"--sustained", true, number(&o->sustained_minutes)},
      {"--profile", false, set(&o->profile)},
      {"--report", true, text(&o->report_path)},
      {"--runner", true, text(&o->runner)},
      {"--progress", false, set(&arguments->progress)},
      {"--version", false, set(&arguments->version)},
      {"--help", false, set(&arguments->help)},
      {"-h", false, set(&arguments->help)},
  };
}

}  // namespace

Status parse_arguments(int argc, const char* const* argv, Arguments* arguments) {
  const std::vector<Flag> flags = flags_for(arguments);
  Status first;
  const auto refuse = [&first](const std::string& why) {
    if (first.ok()) first = usage_error(why + " (see --help)");
  };
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    const size_t equals = word.substr(0, 2) == "--" ? word.find('=') : std::string_view::npos;
    const std::string_view name = word.substr(0, equals);
    const Flag* flag = nullptr;
    for (const Flag& candidate : flags) {
      if (candidate.name == name) flag = &candidate;
    }
    if (flag == nullptr) {
      refuse(printable(word) + (argv[i][0] == '-' ? ": no such flag" : ": not a flag"));
      continue;
    }
    std::string_view value;
    if (flag->takes_value && equals != std::string_view::npos) {
      value = word.substr(equals + 1);
    } else if (flag->takes_value && i + 1 < argc) {
      value = argv[++i];
    } else if (flag->takes_value || equals != std::string_view::npos) {
      refuse(std::string(name) + (flag->takes_value ? ": a value is missing" : ": takes no value"));
      continue;
    }
    if (!flag->apply(value)) refuse(std::string(name) + " " + printable(value) + ": not a valid value");
  }
  return first;
}

const char* help_text() {
  return R"(mdeploy-harness: runs a Caffe2 net pair, proves parity with golden vectors, measures latency.

  mdeploy-harness --init init_net.pb --predict predict_net.pb --manifest manifest.json --golden golden

  --init F --predict F   the nets
  --manifest F           check every SHA-256 before loading; shapes and meanings come from here
  --golden DIR           check CASE/{input_N,output_N}.npy before timing
  --tol T                tolerance of that check: 1e-5, times max(1, |reference|) but for probabilities
  --rtol R               adds R * |reference| to what is allowed: 0
  --input F.npy          data to time with, one per input by position (default: golden data, else random)
  --picture F.pam        instead of --input: a picture (binary PAM, RGBA), prepared as the manifest says
  --output DIR           write what the net answers to --input or --picture as output_N.npy
  --threads N            default: the chosen cores, at most 4
  --affinity A           all, big (default), little, or a hexadecimal mask of cores
  --warmup N             untimed runs; default: until latency is stable
  --runs N               timed runs a round; default: at least 10 and --min-seconds
  --min-seconds S        a round lasts at least this long; default 1, or 0 with --runs
  --rounds N             repeat warm-up and timed runs: 1
  --cooldown S           idle time before each round: 0
  --sustained MINUTES    run on for this long, with a median per minute
  --profile              per-operator times
  --report F             also write the JSON report here
  --runner NAME          what started this, as the report names it: cli, app_child
  --progress             lines "MDeployProgress {json}" on stderr, at most ten a second
  --version, --help

The report is one line "MDeployReport {json}" on stdout; a summary goes to stderr. Under an emulator the defaults are
one warm-up and one timed run, since times do not count there.
Exit codes: 0 done; 1 parity failed; 2 usage; 3 input missing, corrupt or refused; 4 unsupported operator;
5 something needed is missing; 70 internal error; 130 interrupted.
)";
}

}  // namespace mdeploy::harness
