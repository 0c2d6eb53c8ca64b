// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// The pass that finds split attention: in every form in which it is written, and in none that only looks like it.
#include <gtest/gtest.h>

#include <algorithm>

#include "cpu/isa.h"
#include "testing/loaded_net.h"
#include "testing/net_writer.h"

namespace mdeploy::testing {
namespace {

using Types = std::vector<std::string>;
constexpr int64_t kChannels = 32, kInner = 24, kSize = 5, kPictures = 2;

std::string ints(const std::string& name, const std::vector<int64_t>& values) { return arg(name, values); }
std::string move(const std::string& from, const std::string& to, const std::vector<int64_t>& axes) {
  return op("Transpose", {from}, {to}, ints("axes", axes));
}
std::string reshape(const std::string& from, const std::string& to, const std::vector<int64_t>& shape) {
  return op("Reshape", {from}, {to, to + "_old"}, ints("shape", shape));
}

// Pool, products: from the sum "s" to the logits "l".
std::string products(int64_t groups) {
  return op("AveragePool", {"s"}, {"g"}, arg("global_pooling", 1)) +
         op("Conv", {"g", "w1", "b1"}, {"h"}, arg("kernel", 1) + arg("group", groups)) + op("Relu", {"h"}, {"h"}) +
         op("Conv", {"h", "w2"}, {"l"}, arg("kernel", 1) + arg("group", groups));
}
// Logits (n, K, R, C / K) to weights (n, R * C, 1, 1) as the exporter writes it.
std::string softmax(int64_t cardinality) {
  return reshape("l", "l4", {kPictures, cardinality, 2, kChannels / cardinality}) + move("l4", "t", {0, 2, 1, 3}) +
         move("t", "u", {0, 2, 3, 1}) + op("Softmax", {"u"}, {"p"}, arg("axis", 3)) + move("p", "q", {0, 3, 1, 2}) +
         reshape("q", "a", {kPictures, 2 * kChannels, 1, 1});
}
const std::string kSplits = op("Split", {"x"}, {"x0", "x1"}, arg("axis", 1)) + op("Add", {"x0", "x1"}, {"s"});
const std::string kWeighted = op("Split", {"a"}, {"a0", "a1"}, arg("axis", 1)) + op("Mul", {"x0", "a0"}, {"m0"}) +
                              op("Mul", {"a1", "x1"}, {"m1"}) + op("Add", {"m1", "m0"}, {"y"});

std::string weights(int64_t groups) {
  return fill("w1", {kInner, kChannels / groups, 1, 1}, numbers(static_cast<size_t>(kInner * kChannels / groups), 1)) +
         fill("b1", {kInner}, numbers(kInner, 2)) +
         fill("w2", {2 * kChannels, kInner / groups, 1, 1},
              numbers(static_cast<size_t>(2 * kChannels * kInner / groups), 3));
}

struct Case {
  std::string init, body, output;
};

std::vector<std::vector<float>> data() {
  return {numbers(kPictures * 2 * kChannels * kSize * kSize, 11), numbers(kPictures * kChannels * kSize * kSize, 12)};
}

void expect(const Case& c, const Types& types, const How& how = {}) {
  if (best_isa() == Isa::kReference) GTEST_SKIP() << "no fast kernels for this processor";
  const std::vector<Given> inputs = {{"x", {kPictures, 2 * kChannels, kSize, kSize}},
                                     {"r", {kPictures, kChannels, kSize, kSize}}};
  const std::string predict = net(c.body, {"x", "r", "w1", "b1", "w2"}, {c.output});
  How plain;
  plain.isa = "reference";
  plain.skip = {"all"};
  LoadedNet reference(c.init, predict, inputs, plain);
  ASSERT_EQ(reference.status(), MDEPLOY_OK) << reference.error();
  LoadedNet loaded(c.init, predict, inputs, how);
  ASSERT_EQ(loaded.status(), MDEPLOY_OK) << loaded.error();
  if (!types.empty()) {
    Types left = loaded.types();
    left.erase(std::remove(left.begin(), left.end(), "Reorder"), left.end());
    EXPECT_EQ(left, types);
  }
  const auto expected = reference.run(data()), found = loaded.run(data());
  ASSERT_EQ(expected[0].size(), found[0].size());
  for (size_t i = 0; i < expected[0].size(); ++i) ASSERT_NEAR(expected[0][i], found[0][i], 1e-5) << "element " << i;
}

bool is_fused(const Case& c, const How& how = {}) {
  LoadedNet loaded(c.init, net(c.body, {"x", "r", "w1", "b1", "w2"}, {c.output}),
                   {{"x", {kPictures, 2 * kChannels, kSize, kSize}}, {"r", {kPictures, kChannels, kSize, kSize}}}, how);
  EXPECT_EQ(loaded.status(), MDEPLOY_OK) << loaded.error();
  const Types types = loaded.types();
  return std::find(types.begin(), types.end(), "SplitAttention") != types.end();
}

TEST(SplitAttentionPass, SplitsWithOneAndTwoGroups) {
  for (int64_t cardinality : {1, 2}) {
    const Case c = {weights(cardinality), kSplits + products(cardinality) + softmax(cardinality) + kWeighted, "y"};
    expect(c, {"SplitAttention"});
  }
}

TEST(SplitAttentionPass, ResidualAndReluBehind) {
  const std::string block = kSplits + products(1) + softmax(1) + kWeighted;
  expect({weights(1), block + op("Add", {"y", "r"}, {"z"}) + op("Relu", {"z"}, {"z"}), "z"}, {"SplitAttention"});
  expect({weights(1), block + op("Sum", {"r", "y"}, {"z"}), "z"}, {"SplitAttention"});
  expect({weights(1), block + op("Relu", {"y"}, {"z"}), "z"}, {"SplitAttention"});
}

TEST(SplitAttentionPass, FiveDimensionsInsteadOfSplits) {
  const std::string axis_1 = ints("axes", {1}) + arg("keepdims", 0);
  for (int64_t cardinality : {1, 2}) {
    const std::string body = reshape("x", "x5", {kPictures, 2, kChannels, kSize, kSize}) +
                             op("ReduceSum", {"x5"}, {"s"}, axis_1) + products(cardinality) + softmax(cardinality) +
                             reshape("a", "a5", {kPictures, 2, kChannels, 1, 1}) + op("Mul", {"x5", "a5"}, {"m"}) +
                             op("ReduceSum", {"m"}, {"y"}, axis_1);
    expect({weights(cardinality), body, "y"}, {"SplitAttention"});
  }
}

TEST(SplitAttentionPass, ASoftmaxOverSomethingElseStays) {
  // With two groups the logits are (K, R, C / K): read as (R, C) they are other numbers.
  const std::string other = reshape("l", "l4", {kPictures, 2, 1, kChannels}) + move("l4", "u", {0, 2, 3, 1}) +
                            op("Softmax", {"u"}, {"p"}, arg("axis", 3)) + move("p", "q", {0, 3, 1, 2}) +
                            reshape("q", "a", {kPictures, 2 * kChannels, 1, 1});
  const Case groups = {weights(2), kSplits + products(2) + other + kWeighted, "y"};
  EXPECT_FALSE(is_fused(groups));
  expect(groups, {});
  // Over neighbouring channels.
  const std::string channels = reshape("l", "l4", {kPictures, 1, kChannels, 2}) +
                               op("Softmax", {"l4"}, {"p"}, arg("axis", 3)) +
                               reshape("p", "a", {kPictures, 2 * kChannels, 1, 1});
  const Case pairs = {weights(1), kSplits + products(1) + channels + kWeighted, "y"};
  EXPECT_FALSE(is_fused(pairs));
  expect(pairs, {});
  // Weights that meet the other split.
  const std::string crossed = op("Split", {"a"}, {"a0", "a1"}, arg("axis", 1)) + op("Mul", {"x0", "a1"}, {"m0"}) +
                              op("Mul", {"x1", "a0"}, {"m1"}) + op("Add", {"m1", "m0"}, {"y"});
  const Case swapped = {weights(1), kSplits + products(1) + softmax(1) + crossed, "y"};
  EXPECT_FALSE(is_fused(swapped));
  expect(swapped, {});
}

TEST(SplitAttentionPass, WhatIsSeenFromOutsideStays) {
  const std::string block = kSplits + products(1) + softmax(1) + kWeighted;
  EXPECT_TRUE(is_fused({weights(1), block, "y"}));
  How kept;
  kept.keep = {"a"};
  EXPECT_FALSE(is_fused({weights(1), block, "y"}, kept));
  const Case used_twice = {weights(1), block + op("Sub", {"y", "s"}, {"z"}), "z"};
  EXPECT_FALSE(is_fused(used_twice));
  expect(used_twice, {});
  How skipped;
  skipped.skip = {"split_attention"};
  EXPECT_FALSE(is_fused({weights(1), block, "y"}, skipped));
  expect({weights(1), block, "y"}, {}, skipped);
}

}  // namespace
}  // namespace mdeploy::testing
