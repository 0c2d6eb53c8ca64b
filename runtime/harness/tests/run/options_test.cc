// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "run/options.h"

#include <gtest/gtest.h>

#include <set>

#include "cli/help.h"
#include "io/json_reader.h"
#include "io/text.h"

namespace mdeploy::harness {
namespace {

Status parse(const std::vector<const char*>& words, Options* options) {
  return parse_options(words.size(), words.data(), true, options);
}

TEST(OptionsTest, EveryFlag) {
  Options o;
  ASSERT_EQ(parse({"--init",      "i",
                   "--predict=p", "--manifest",
                   "m",           "--input",
                   "x",           "--input",
                   "y",           "--output",
                   "o",           "--golden",
                   "g",           "--tol",
                   "1e-4",        "--rtol",
                   "0.5",         "--threads",
                   "3",           "--affinity",
                   "f0",          "--warmup",
                   "0",           "--runs",
                   "7",           "--min-seconds",
                   "0.5",         "--rounds",
                   "2",           "--cooldown",
                   "1.5",         "--sustained",
                   "30",          "--profile",
                   "--report",    "r",
                   "--runner",    "app_child"},
                  &o)
                .message,
            "");
  EXPECT_EQ(o.init_path + o.predict_path + o.manifest_path + o.output_dir + o.golden_dir + o.report_path, "ipmogr");
  EXPECT_EQ(o.inputs, (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(o.tolerance, 1e-4);
  EXPECT_EQ(o.relative_tolerance, 0.5);
  EXPECT_EQ(o.threads, 3);
  EXPECT_EQ(o.affinity, "f0");
  EXPECT_EQ(o.warmup, 0);
  EXPECT_EQ(o.runs, 7);
  EXPECT_EQ(o.min_seconds, 0.5);
  EXPECT_EQ(o.rounds, 2);
  EXPECT_EQ(o.cooldown_seconds, 1.5);
  EXPECT_EQ(o.sustained_minutes, 30);
  EXPECT_TRUE(o.profile);
  EXPECT_EQ(o.runner, "app_child");
  EXPECT_TRUE(validate(o).ok());
}

TEST(OptionsTest, Defaults) {
  Options o;
  ASSERT_TRUE(parse({}, &o).ok());
  EXPECT_EQ(o.tolerance, 1e-5);
  EXPECT_EQ(o.affinity, "big");
  EXPECT_EQ(o.runner, "cli");
  EXPECT_FALSE(o.runs.has_value());
}

TEST(OptionsTest, BadFlagsAreUsageAndTheReportIsStillFound) {
  for (const std::vector<const char*>& words : std::vector<std::vector<const char*>>{{"--no-such-flag"},
                                                                                     {"file"},
                                                                                     {""},
                                                                                     {"-x"},
                                                                                     {"--threads", "two"},
                                                                                     {"--threads", "0"},
                                                                                     {"--threads", "-1"},
                                                                                     {"--threads", "1.5"},
                                                                                     {"--tol", "nan"},
                                                                                     {"--tol", "inf"},
                                                                                     {"--tol", "0x1"},
                                                                                     {"--min-seconds", "1s"},
                                                                                     {"--profile=yes"},
                                                                                     {"--init="},
                                                                                     {"--runs", "99999999999999999999"},
                                                                                     {"--runs"}}) {
    Options o;
    std::vector<const char*> with_report = {"--report", "r.json"};
    with_report.insert(with_report.end(), words.begin(), words.end());
    EXPECT_EQ(parse(with_report, &o).code, MDEPLOY_USAGE) << words[0];
    EXPECT_EQ(o.report_path, "r.json");
  }
}

// What a flag changes, as text.
std::string state(const Options& o) {
  const auto number = [](const auto& field) { return field ? format("%.17g", static_cast<double>(*field)) : "-"; };
  std::string text = o.init_path + "|" + o.predict_path + "|" + o.manifest_path + "|" + o.picture_path + "|" +
                     o.output_dir + "|" + o.golden_dir + "|" + o.report_path + "|" + o.affinity + "|" + o.runner;
  for (const std::string& input : o.inputs) text += "|" + input;
  text += format("|%.17g|%.17g|%lld|%.17g|%.17g|%d%d%d%d%d", o.tolerance, o.relative_tolerance,
                 static_cast<long long>(o.rounds), o.cooldown_seconds, o.sustained_minutes, o.profile, o.progress,
                 o.help, o.version, o.list_options);
  return text + "|" + number(o.threads) + "|" + number(o.warmup) + "|" + number(o.runs) + "|" + number(o.min_seconds);
}

TEST(OptionsTest, TheTableIsWhatTheParserDoes) {
  std::set<std::string> states = {state(Options())};
  for (const OptionInfo& option : option_table()) {
    Options changed;
    const bool is_text = option.kind == OptionInfo::Kind::kText;
    const std::string most = format("%.17g", option.high), more = format("%.17g", option.high * 2);
    if (option.kind == OptionInfo::Kind::kSwitch) {
      EXPECT_EQ(option.value, nullptr) << option.name;
      ASSERT_TRUE(parse({option.name}, &changed).ok()) << option.name;
    } else {
      ASSERT_TRUE(parse({option.name, is_text ? "something" : most.c_str()}, &changed).ok()) << option.name;
      Options refused;
      EXPECT_EQ(parse({option.name, is_text ? "" : more.c_str()}, &refused).code, MDEPLOY_USAGE) << option.name;
      EXPECT_EQ(parse({option.name, is_text ? "" : "-1"}, &refused).code, MDEPLOY_USAGE) << option.name;
      EXPECT_EQ(state(refused), state(Options())) << option.name;
    }
    EXPECT_TRUE(states.insert(state(changed)).second) << option.name << " changes what another flag changes";
    if (option.fallback == nullptr) continue;
    Options fallback;
    ASSERT_TRUE(parse({option.name, option.fallback}, &fallback).ok()) << option.name;
    EXPECT_EQ(state(fallback), state(Options())) << option.name << ": its default is another";
  }
}

TEST(OptionsTest, ACommandsFlagsAreNoRuns) {
  for (const char* flag : {"--help", "-h", "--version", "--progress", "--options-json"}) {
    Options o;
    EXPECT_TRUE(parse_options(1, &flag, true, &o).ok());
    EXPECT_EQ(parse_options(1, &flag, false, &o).code, MDEPLOY_USAGE) << flag;
  }
}

TEST(OptionsTest, ListsForPeopleAndPrograms) {
  const std::string help = help_text();
  JsonValue list;
  ASSERT_EQ(parse_json(options_json(), "options", &list).message, "");
  ASSERT_EQ(list.items.size(), option_table().size());
  for (size_t i = 0; i < list.items.size(); ++i) {
    const OptionInfo& option = option_table()[i];
    EXPECT_EQ(list.items[i].find("name")->string, option.name);
    EXPECT_NE(help.find(std::string("\n  ") + option.name), std::string::npos) << option.name;
    if (option.kind != OptionInfo::Kind::kNumber) continue;
    EXPECT_EQ(list.items[i].find("max")->number, option.high);
  }
}

TEST(OptionsTest, WhatMustGoTogether) {
  Options good;
  good.init_path = good.predict_path = good.manifest_path = "x";
  EXPECT_TRUE(validate(good).ok());
  const auto refused = [&](auto change) {
    Options options = good;
    change(options);
    return validate(options).code == MDEPLOY_USAGE;
  };
  EXPECT_TRUE(refused([](Options& o) { o.init_path.clear(); }));
  EXPECT_TRUE(refused([](Options& o) { o.manifest_path.clear(); })) << "no shapes";
  EXPECT_TRUE(refused([](Options& o) { o.output_dir = "o"; })) << "no input to answer";
  EXPECT_TRUE(refused([](Options& o) { o.picture_path = "p", o.inputs = {"x"}; }));
  EXPECT_TRUE(refused([](Options& o) { o.runner = "browser"; }));
}

}  // namespace
}  // namespace mdeploy::harness
