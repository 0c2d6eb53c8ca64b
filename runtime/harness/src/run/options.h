// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// What to run. The command line, the C API and through it every app say it by the same flags, listed here once with
// their ranges.
#ifndef MDEPLOY_HARNESS_RUN_OPTIONS_H_
#define MDEPLOY_HARNESS_RUN_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "io/status.h"

namespace mdeploy::harness {

struct Options {
  std::string init_path, predict_path, manifest_path, picture_path;
  std::vector<std::string> inputs;
  std::string output_dir, golden_dir, report_path;
  double tolerance = 1e-5, relative_tolerance = 0;
  // Nothing where the harness chooses.
  std::optional<int64_t> threads, warmup, runs;
  std::optional<double> min_seconds;
  std::string affinity = "big";
  int64_t rounds = 1;
  double cooldown_seconds = 0, sustained_minutes = 0;
  bool profile = false;
  std::string runner = "cli";

  // What only the command does.
  bool progress = false, help = false, version = false, list_options = false;
};

// The value of a flag, as far as its kind has one.
struct OptionValue {
  std::string_view text;
  int64_t integer = 0;
  double number = 0;
};

struct OptionInfo {
  enum class Kind { kSwitch, kText, kInteger, kNumber };
  enum class Group {
    kCaller,   // said by whoever starts the harness: files, and who it is
    kMeasure,  // how to measure. Names no file, so that an app may take it from anyone: alone allowed after "--"
    kCommand,  // of the command alone
  };

  const char* name;
  const char* value;  // as in the help; null for a switch
  Kind kind;
  Group group;
  double low, high;      // of integers and numbers
  const char* fallback;  // the default as a value; null where the help says what happens
  const char* help;
  void (*store)(Options& options, const OptionValue& value);
};

// Every flag, in the order of the help.
const std::vector<OptionInfo>& option_table();

// Reads flags (without the program's name). All are read, also after an error, so that a report can be written where
// --report says. After the word "--" only flags of the group kMeasure are taken. `of_command` allows those of kCommand.
Status parse_options(size_t count, const char* const* words, bool of_command, Options* options);

// What must go together.
Status validate(const Options& options);

}  // namespace mdeploy::harness

#endif  // MDEPLOY_HARNESS_RUN_OPTIONS_H_
