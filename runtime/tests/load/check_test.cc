// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// What is refused at load, and how it is said.
#include <gtest/gtest.h>

#include "testing/loaded_net.h"
#include "testing/net_writer.h"

namespace mdeploy::testing {
namespace {

struct Refusal {
  std::string init, predict;
  mdeploy_status status;
  std::string message;  // a part of it
};

const std::vector<Given> kX = {{"x", {1, 4, 6, 6}}};

std::string relu(const std::string& in = "x", const std::string& out = "y") { return op("Relu", {in}, {out}); }

TEST(Load, RefusesWithOneClearLine) {
  const std::string weights = fill("w", {2, 4, 1, 1}, numbers(8, 1));
  const std::string conv = op("Conv", {"x", "w"}, {"y"}, arg("kernel", 1));
  const auto predict = [](const std::string& ops) { return net(ops, {"x", "w"}, {"y"}); };
  const std::vector<Refusal> cases = {
      {"", net(op("Nope", {"x"}, {"z"}) + op("Also", {"z"}, {"y"}), {"x"}, {"y"}), MDEPLOY_UNSUPPORTED,
       "2 operators are not supported: #0 \"Nope\" -> \"z\", #1 \"Also\" -> \"y\""},
      {"", net("", {"x"}, {"x"}), MDEPLOY_BAD_INPUT, "no operators"},
      {"", net(op("Relu", {"x", "x"}, {"y"}), {"x"}, {"y"}), MDEPLOY_BAD_INPUT, "expected 1 inputs, found 2"},
      {"", net(op("Reshape", {"x"}, {"y"}, arg("shape", std::vector<int64_t>{-1})), {"x"}, {"y"}), MDEPLOY_BAD_INPUT,
       "operator #0 Reshape: expected 2 outputs, found 1"},
      {"", net(relu("q"), {"x"}, {"y"}), MDEPLOY_BAD_INPUT, "source for input \"q\" is unknown"},
      {"", net(relu(), {"x"}, {"z"}), MDEPLOY_BAD_INPUT, "\"z\" is never produced"},
      {"", net(op("Softmax", {"x"}, {"x"}), {"x"}, {"x"}), MDEPLOY_BAD_INPUT, "does not work in place"},
      {"", net(op("Clip", {"x"}, {"y"}, arg("min", 0)), {"x"}, {"y"}), MDEPLOY_BAD_INPUT, "expected field f"},
      {"", net(op("Clip", {"x"}, {"y"}, arg("min", 0.0f) + arg("min", 1.0f)), {"x"}, {"y"}), MDEPLOY_BAD_INPUT,
       "twice with different values"},
      {"", net(op("Relu", {"w"}, {"y"}), {"x", "w"}, {"y"}), MDEPLOY_BAD_INPUT, "input \"w\" is made by neither net"},
      {net(weights), predict(op("Conv", {"x", "w"}, {"y"}, arg("kernel", 3))), MDEPLOY_BAD_INPUT,
       "filter (2, 4, 1, 1) does not agree with kernels 3 x 3"},
      {net(fill("w", {2, 3, 1, 1}, numbers(6, 1))), predict(conv), MDEPLOY_BAD_INPUT,
       "needs 3 input channels, found 4"},
      {net(fill("w", {2, 4, 1, 1}, numbers(7, 1))), predict(conv), MDEPLOY_BAD_INPUT,
       "expected 8 floats for shape (2, 4, 1, 1), found 7"},
      {net(op("GivenTensorFill", {}, {"w"}, arg("shape", std::vector<int64_t>{2}))), predict(conv), MDEPLOY_BAD_INPUT,
       "\"values\" is missing"},
      {net(op("ConstantFill", {}, {"w"}, arg("shape", std::vector<int64_t>{100000, 100000}))), predict(conv),
       MDEPLOY_BAD_INPUT, "more than the limit"},
      {net(op("ConstantFill", {}, {"w"}, arg("shape", std::vector<int64_t>(8, 1 << 30)))), predict(conv),
       MDEPLOY_BAD_INPUT, "too large"},
      {net(op("ConstantFill", {}, {"w"}, arg("shape", std::vector<int64_t>{-3}))), predict(conv), MDEPLOY_BAD_INPUT,
       "negative dimension"},
      {net(op("ConstantFill", {}, {"w"}, arg("shape", std::vector<int64_t>(9, 1)))), predict(conv), MDEPLOY_BAD_INPUT,
       "9 dimensions"},
      {"", net(op("MaxPool", {"x"}, {"y"}, arg("kernel", 2) + arg("stride", 0)), {"x"}, {"y"}), MDEPLOY_BAD_INPUT,
       "a stride is 0"},
      {"", net(op("MaxPool", {"x"}, {"y"}, arg("kernel", 2) + arg("pad", 2)), {"x"}, {"y"}), MDEPLOY_BAD_INPUT,
       "a pad is not smaller than the kernel"},
      {"", net(op("SpatialBN", {"x", "x", "x", "x", "x"}, {"y"}), {"x"}, {"y"}), MDEPLOY_BAD_INPUT,
       "\"is_test\" is missing"},
      {"", net(op("Dropout", {"x"}, {"y"}, arg("is_test", 0)), {"x"}, {"y"}), MDEPLOY_UNSUPPORTED, "training mode"},
      {"", net(op("Gather", {"x", "x"}, {"y"}), {"x"}, {"y"}), MDEPLOY_BAD_INPUT,
       "expected int32 or int64, found float32"},
      {std::string("\xff\xff", 2), net(relu(), {"x"}, {"y"}), MDEPLOY_BAD_INPUT, "init_net: not a readable NetDef"},
  };
  for (const Refusal& r : cases) {
    LoadedNet loaded(r.init, r.predict, kX);
    EXPECT_EQ(loaded.status(), r.status) << loaded.error();
    EXPECT_NE(loaded.error().find(r.message), std::string::npos)
        << "expected " << r.message << "\nfound " << loaded.error();
    EXPECT_EQ(loaded.error().find('\n'), std::string::npos);
    EXPECT_EQ(loaded.net(), nullptr);
  }
}

TEST(Load, NamesFromAFileAreFitForOneLine) {
  LoadedNet loaded("", net(op("Bad\n\x01\"", {"x"}, {"y"}), {"x"}, {"y"}), kX);
  EXPECT_NE(loaded.error().find("Bad\\x0a\\x01\\x22"), std::string::npos) << loaded.error();
}

TEST(Load, ChecksTheCallersInputs) {
  const std::string predict = net(relu(), {"x"}, {"y"});
  EXPECT_EQ(LoadedNet("", predict, {{"nobody", {1}}}).status(), MDEPLOY_USAGE);
  EXPECT_EQ(LoadedNet("", predict, {{"x", {1}}, {"x", {1}}}).status(), MDEPLOY_USAGE);
  EXPECT_EQ(LoadedNet("", predict, {{"x", {0}}}).status(), MDEPLOY_USAGE);
  EXPECT_EQ(LoadedNet("", predict, {{"x", {1}, 77}}).status(), MDEPLOY_USAGE);
  EXPECT_EQ(LoadedNet("", predict, {}).status(), MDEPLOY_BAD_INPUT);
  EXPECT_EQ(LoadedNet("", predict, {{"", {3}}}).status(), MDEPLOY_OK);  // by position
  How how;
  how.isa = "abacus";
  EXPECT_EQ(LoadedNet("", predict, {{"x", {1}}}, how).status(), MDEPLOY_USAGE);
  how = {};
  how.skip = {"no_such_pass"};
  EXPECT_EQ(LoadedNet("", predict, {{"x", {1}}}, how).status(), MDEPLOY_USAGE);
  how = {};
  how.keep = {"no_such_blob"};
  EXPECT_EQ(LoadedNet("", predict, {{"x", {1}}}, how).status(), MDEPLOY_USAGE);
}

TEST(Load, TheInitNetIsRunAsANet) {
  // Fills, an operator on them, a blob written twice, and a dummy for the data input.
  const std::string init = net(fill("a", {2}, {1, 2}) + fill("b", {2}, {10, 20}) + op("Add", {"a", "b"}, {"c"}) +
                               op("Scale", {"c"}, {"c"}, arg("scale", 2.0f)) + fill("x", {1, 1}, {0}));
  LoadedNet loaded(init, net(op("Add", {"x", "c"}, {"y"}), {"x", "c"}, {"y"}), {{"x", {2}}});
  ASSERT_EQ(loaded.status(), MDEPLOY_OK) << loaded.error();
  EXPECT_EQ(loaded.run({{0.5f, 0.5f}})[0], (std::vector<float>{22.5f, 44.5f}));
  EXPECT_EQ(mdeploy_net_input_count(loaded.net()), 1u);
}

TEST(Load, EveryTruncationAndEveryFlippedByteIsSurvived) {
  const std::string init = net(fill("w", {4, 4, 1, 1}, numbers(16, 2)));
  const std::string predict = net(op("Conv", {"x", "w"}, {"c"}, arg("kernel", 1)) + relu("c", "r") +
                                      op("Split", {"r"}, {"s", "t"}, arg("axis", 1)) + op("Mul", {"s", "t"}, {"y"}),
                                  {"x", "w"}, {"y"});
  How how;
  how.max_bytes = 1 << 20;
  for (size_t i = 0; i < predict.size(); ++i) {
    LoadedNet cut(init, predict.substr(0, i), kX, how);
    std::string flipped = predict;
    flipped[i] = static_cast<char>(flipped[i] ^ 0x11);
    LoadedNet changed(init, flipped, kX, how);
    if (changed.status() == MDEPLOY_OK) changed.run({numbers(144, 3)});
  }
  for (size_t i = 0; i < init.size(); ++i) {
    LoadedNet cut(init.substr(0, i), predict, kX, how);
    EXPECT_NE(cut.status(), MDEPLOY_OK);
  }
}

}  // namespace
}  // namespace mdeploy::testing
