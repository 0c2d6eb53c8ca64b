// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// Each load-time pass on a small net: what operators are left, and that the numbers stay.
#include "load/pass.h"

#include <gtest/gtest.h>

#include <cmath>

#include "testing/loaded_net.h"
#include "testing/net_writer.h"

namespace mdeploy::testing {
namespace {

using Types = std::vector<std::string>;

struct Nets {
  std::string init, predict;
  std::vector<Given> inputs;
};

std::vector<float> positive(size_t n, uint32_t seed) {
  std::vector<float> v = numbers(n, seed);
  for (float& x : v) x = std::fabs(x) + 0.5f;
  return v;
}

std::vector<std::vector<float>> data_for(const Nets& nets) {
  std::vector<std::vector<float>> data;
  for (const Given& g : nets.inputs) {
    size_t n = 1;
    for (int64_t d : g.dims) n *= static_cast<size_t>(d);
    data.push_back(numbers(n, static_cast<uint32_t>(data.size()) + 40));
  }
  return data;
}

// Loads with nothing but the plain loops, and in every other way: the answers must agree.
void expect_same_numbers(const Nets& nets) {
  How plain;
  plain.isa = "reference";
  plain.skip = {"all"};
  LoadedNet reference(nets.init, nets.predict, nets.inputs, plain);
  ASSERT_EQ(reference.status(), MDEPLOY_OK) << reference.error();
  const auto expected = reference.run(data_for(nets));
  std::vector<How> ways;
  for (const char* isa : {static_cast<const char*>(nullptr), "reference"}) {
    How how;
    how.isa = isa;
    ways.push_back(how);
    how.keep = {"*"};
    ways.push_back(how);
    how.keep = {};
    for (const Pass& pass : all_passes()) {
      how.skip = {pass.name};
      ways.push_back(how);
    }
    how.skip = {};
    how.threads = 3;
    ways.push_back(how);
  }
  for (const How& how : ways) {
    LoadedNet loaded(nets.init, nets.predict, nets.inputs, how);
    ASSERT_EQ(loaded.status(), MDEPLOY_OK) << loaded.error();
    for (int round = 0; round < 2; ++round) {  // the second finds the arena used
      const auto found = loaded.run(data_for(nets));
      for (size_t o = 0; o < expected.size(); ++o) {
        float largest = 1.0f;
        for (float v : expected[o]) largest = std::fmax(largest, std::fabs(v));
        for (size_t i = 0; i < expected[o].size(); ++i) {
          ASSERT_NEAR(found[o][i], expected[o][i], 1e-5f * largest)
              << "output " << o << " element " << i << (how.skip.empty() ? "" : how.skip[0]);
        }
      }
    }
  }
}

Types types_of(const Nets& nets, const How& how = {}) {
  LoadedNet loaded(nets.init, nets.predict, nets.inputs, how);
  EXPECT_EQ(loaded.status(), MDEPLOY_OK) << loaded.error();
  return loaded.types();
}

How reference() {
  How how;
  how.isa = "reference";
  return how;
}

TEST(Passes, ConvBatchNormReluResidualBecomeOneConv) {
  const Nets nets = {
      net(fill("w", {32, 32, 3, 3}, numbers(32 * 32 * 9, 1)) + fill("s", {32}, numbers(32, 2)) +
          fill("b", {32}, numbers(32, 3)) + fill("m", {32}, numbers(32, 4)) + fill("v", {32}, positive(32, 5))),
      net(op("Conv", {"x", "w"}, {"c"}, arg("kernel", 3) + arg("pad", 1)) +
              op("SpatialBN", {"c", "s", "b", "m", "v"}, {"c"}, arg("is_test", 1)) + op("Add", {"c", "x"}, {"c"}) +
              op("Relu", {"c"}, {"c"}) + op("Conv", {"c", "w"}, {"y"}, arg("kernel", 3) + arg("pad", 1)),
          {"x", "w", "s", "b", "m", "v"}, {"y"}),
      {{"x", {1, 32, 7, 7}}}};
  EXPECT_EQ(types_of(nets, reference()), (Types{"Conv", "Conv"}));
  expect_same_numbers(nets);
  How kept = reference();
  kept.keep = {"c"};
  EXPECT_EQ(types_of(nets, kept), (Types{"Conv", "Conv"}));  // the last value of the blob is still there
}

TEST(Passes, KeptBlobsKeepTheirOperators) {
  const Nets nets = {net(fill("w", {4, 4, 1, 1}, numbers(16, 1))),
                     net(op("Conv", {"x", "w"}, {"c"}, arg("kernel", 1)) + op("Relu", {"c"}, {"y"}), {"x", "w"}, {"y"}),
                     {{"x", {1, 4, 3, 3}}}};
  EXPECT_EQ(types_of(nets, reference()), (Types{"Conv"}));
  How how = reference();
  how.keep = {"c"};
  EXPECT_EQ(types_of(nets, how), (Types{"Conv", "Relu"}));
  expect_same_numbers(nets);
}

TEST(Passes, AConvWithTwoReadersIsNotFused) {
  const Nets nets = {
      net(fill("w", {4, 4, 1, 1}, numbers(16, 1))),
      net(op("Conv", {"x", "w"}, {"c"}, arg("kernel", 1)) + op("Relu", {"c"}, {"r"}) + op("Sub", {"r", "c"}, {"y"}),
          {"x", "w"}, {"y"}),
      {{"x", {1, 4, 3, 3}}}};
  EXPECT_EQ(types_of(nets, reference()), (Types{"Conv", "Relu", "Sub"}));
  expect_same_numbers(nets);
}

TEST(Passes, TheSecondOfTwoClampsActsOnTheFirst) {
  const Nets nets = {net(fill("w", {4, 4, 1, 1}, numbers(16, 1))),
                     net(op("Conv", {"x", "w"}, {"c"}, arg("kernel", 1)) +
                             op("Clip", {"c"}, {"d"}, arg("min", -0.5f) + arg("max", -0.1f)) +
                             op("Clip", {"d"}, {"y"}, arg("min", -0.3f) + arg("max", 0.5f)),
                         {"x", "w"}, {"y"}),
                     {{"x", {1, 4, 3, 3}}}};
  EXPECT_EQ(types_of(nets, reference()), (Types{"Conv"}));
  expect_same_numbers(nets);
}

TEST(Passes, ABatchNormWithoutAConvBecomesAffine) {
  const Nets nets = {
      net(fill("s", {20}, numbers(20, 2)) + fill("b", {20}, numbers(20, 3)) + fill("m", {20}, numbers(20, 4)) +
          fill("v", {20}, positive(20, 5)) + fill("w", {20, 20, 1, 1}, numbers(400, 6))),
      net(op("Conv", {"x", "w"}, {"c"}, arg("kernel", 1)) + op("Relu", {"c"}, {"r"}) +
              op("SpatialBN", {"r", "s", "b", "m", "v"}, {"n"}, arg("is_test", 1)) + op("Relu", {"n"}, {"q"}) +
              op("Conv", {"q", "w"}, {"y"}, arg("kernel", 1)),
          {"x", "s", "b", "m", "v", "w"}, {"y"}),
      {{"x", {2, 20, 3, 5}}}};
  EXPECT_EQ(types_of(nets, reference()), (Types{"Conv", "AffineChannel", "Conv"}));
  expect_same_numbers(nets);
}

TEST(Passes, LogSoftmaxIsFoundAgain) {
  const auto decomposed = [](int axis) {
    const std::string axes = arg("axes", std::vector<int64_t>{axis}) + arg("keepdims", 1);
    return net(op("ReduceMax", {"x"}, {"m"}, axes) + op("Sub", {"x", "m"}, {"s"}) + op("Exp", {"s"}, {"e"}) +
                   op("ReduceSum", {"e"}, {"t"}, axes) + op("Log", {"t"}, {"l"}) + op("Sub", {"s", "l"}, {"y"}),
               {"x"}, {"y"});
  };
  for (int axis : {1, -1, 0}) {
    const Nets nets = {"", decomposed(axis), {{"x", {3, 7}}}};
    EXPECT_EQ(types_of(nets), (Types{"LogSoftmax"}));
    expect_same_numbers(nets);
  }
}

TEST(Passes, ViewsMoveNothing) {
  const Nets nets = {"",
                     net(op("Reshape", {"x"}, {"r", "old"}, arg("shape", std::vector<int64_t>{1, 32, 9})) +
                             op("Split", {"x"}, {"a", "b"}, arg("axis", 1)) + op("Sqr", {"a"}, {"p"}) +
                             op("Exp", {"b"}, {"q"}) + op("Concat", {"p", "q"}, {"k", "info"}, arg("axis", 1)) +
                             op("Flatten", {"k"}, {"f"}) + op("Flatten", {"r"}, {"g"}) + op("Add", {"f", "g"}, {"y"}),
                         {"x"}, {"y"}),
                     {{"x", {1, 32, 3, 3}}}};
  EXPECT_EQ(types_of(nets, reference()), (Types{"Sqr", "Exp", "Add"}));
  expect_same_numbers(nets);
}

TEST(Passes, ConstantsAreFoldedAndDeadCodeGoes) {
  const Nets nets = {net(fill("w", {8, 8}, numbers(64, 1))),
                     net(op("Transpose", {"w"}, {"t"}) + op("Exp", {"t"}, {"e"}) + op("Tanh", {"x"}, {"unused"}) +
                             op("MatMul", {"x", "e"}, {"y"}),
                         {"x", "w"}, {"y"}),
                     {{"x", {3, 8}}}};
  EXPECT_EQ(types_of(nets), (Types{"MatMul"}));
  expect_same_numbers(nets);
}

TEST(Passes, BlockedLayoutInEveryPosition) {
  // 20 and 48 channels: with and without lanes to spare; broadcasting both ways, pooling, joining and parting.
  const Nets nets = {
      net(fill("w1", {20, 3, 3, 3}, numbers(540, 1)) + fill("w2", {48, 20, 3, 3}, numbers(8640, 2)) +
          fill("w3", {48, 48, 1, 1}, numbers(2304, 3)) + fill("k", {48, 1, 1}, numbers(48, 4)) +
          fill("k20", {20, 1, 1}, numbers(20, 5)) + fill("full", {1, 20, 6, 5}, numbers(600, 6))),
      net(op("Conv", {"x", "w1"}, {"a"}, arg("kernel", 3) + arg("pad", 1)) + op("Sigmoid", {"a"}, {"a1"}) +
              op("Mul", {"a1", "k20"}, {"a2"}) + op("Add", {"a2", "full"}, {"a3"}) + op("HardSigmoid", {"a3"}, {"a4"}) +
              op("Conv", {"a4", "w2"}, {"b"}, arg("kernel", 3) + arg("pad", 1) + arg("stride", 2)) +
              op("MaxPool", {"b"}, {"p"}, arg("kernel", 2) + arg("stride", 1)) +
              op("AveragePool", {"b"}, {"g"}, arg("global_pooling", 1)) + op("Mul", {"p", "g"}, {"m"}) +
              op("Add", {"m", "k"}, {"n"}) + op("ReduceMean", {"n"}, {"plane"}, arg("axes", std::vector<int64_t>{1})) +
              op("Sub", {"n", "plane"}, {"o"}) +
              op("Split", {"o"}, {"s", "t"}, arg("axis", 1) + arg("split", std::vector<int64_t>{16, 32})) +
              op("Concat", {"t", "s"}, {"u", "info"}, arg("axis", 1)) +
              op("Conv", {"u", "w3"}, {"v"}, arg("kernel", 1)) + op("Sum", {"v", "o"}, {"y"}) +
              op("Softmax", {"g"}, {"z"}),
          {"x", "w1", "w2", "w3", "k", "k20", "full"}, {"y", "z", "a4"}),
      {{"x", {1, 3, 6, 5}}}};
  expect_same_numbers(nets);
}

}  // namespace
}  // namespace mdeploy::testing
