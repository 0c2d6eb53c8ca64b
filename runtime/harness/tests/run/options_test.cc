// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "cli/args.h"

#include <gtest/gtest.h>

namespace mdeploy::harness {
namespace {

Status parse(std::vector<const char*> words, Arguments* arguments) {
  words.insert(words.begin(), "mdeploy-harness");
  return parse_arguments(static_cast<int>(words.size()), words.data(), arguments);
}

TEST(Args, EveryFlag) {
  Arguments a;
  ASSERT_EQ(parse({"--init", "i", "--predict=p", "--manifest", "m", "--input", "x", "--input", "y", "--output", "o",
                   "--golden", "g", "--tol", "1e-4", "--rtol", "0.5", "--threads", "3", "--affinity", "f0", "--warmup",
                   "0", "--runs", "7", "--min-seconds", "0.5", "--rounds", "2", "--cooldown", "1.5", "--sustained", "30",
                   "--profile", "--report", "r", "--runner", "app_child"},
                  &a)
                .message,
            "");
  const Options& o = a.options;
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

TEST(Args, Defaults) {
  Arguments a;
  ASSERT_TRUE(parse({}, &a).ok());
  EXPECT_EQ(a.options.tolerance, 1e-5);
  EXPECT_EQ(a.options.affinity, "big");
  EXPECT_EQ(a.options.runner, "cli");
  EXPECT_FALSE(a.options.runs.has_value());
}

TEST(Args, BadFlagsAreUsageAndTheReportIsStillFound) {
  for (const std::vector<const char*>& words : std::vector<std::vector<const char*>>{
           {"--no-such-flag"}, {"file"}, {""}, {"-x"}, {"--threads", "two"}, {"--threads", "-1"}, {"--threads", "1.5"},
           {"--tol", "nan"}, {"--tol", "inf"}, {"--tol", "0x1"}, {"--min-seconds", "1s"}, {"--profile=yes"}, {"--init="},
           {"--runs", "99999999999999999999"}, {"--runs"}}) {
    Arguments a;
    std::vector<const char*> with_report = {"--report", "r.json"};
    with_report.insert(with_report.end(), words.begin(), words.end());
    EXPECT_EQ(parse(with_report, &a).code, MDEPLOY_USAGE) << words[0];
    EXPECT_EQ(a.options.report_path, "r.json");
  }
}

TEST(Args, Validation) {
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
  EXPECT_TRUE(refused([](Options& o) { o.runs = 0; }));
  EXPECT_TRUE(refused([](Options& o) { o.rounds = 0; }));
  EXPECT_TRUE(refused([](Options& o) { o.threads = 1000; }));
  EXPECT_TRUE(refused([](Options& o) { o.tolerance = -1; }));
  EXPECT_TRUE(refused([](Options& o) { o.min_seconds = -1; }));
  EXPECT_TRUE(refused([](Options& o) { o.cooldown_seconds = 1e9; }));
  EXPECT_TRUE(refused([](Options& o) { o.sustained_minutes = -0.5; }));
  EXPECT_TRUE(refused([](Options& o) { o.runner = "browser"; }));
}

TEST(Args, CStructDefaultsAreTheCommandLines) {
  mdeploy_harness_options c{};
  c.struct_size = sizeof c;
  const Options from_c = options_from_c(c);
  Arguments a;
  ASSERT_TRUE(parse({}, &a).ok());
  EXPECT_EQ(from_c.tolerance, a.options.tolerance);
  EXPECT_EQ(from_c.affinity, a.options.affinity);
  EXPECT_EQ(from_c.rounds, a.options.rounds);
  EXPECT_EQ(from_c.warmup, a.options.warmup);
  EXPECT_EQ(from_c.runs, a.options.runs);
  EXPECT_EQ(from_c.runner, a.options.runner);
  c.warmup = -1;
  EXPECT_EQ(options_from_c(c).warmup, 0);
}

}  // namespace
}  // namespace mdeploy::harness
