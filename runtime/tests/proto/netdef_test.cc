// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "proto/netdef.h"

#include <gtest/gtest.h>

#include "testing/net_writer.h"

namespace mdeploy::proto {
namespace {

using namespace mdeploy::testing;  // NOLINT: the writer's short names

Status parse(const std::string& bytes, NetDef* net) { return parse_netdef(bytes, net); }

TEST(NetDefReader, ReadsPackedAndUnpackedAndMixed) {
  const std::string unpacked =
      field(1, std::string("v")) + field(5, 1.5f) + field(5, -2.0f) + field(6, int64_t{300}) + field(6, int64_t{-1});
  const std::string packed = field(1, std::string("v")) + field(5, raw(1.5f) + raw(-2.0f)) +
                             field(6, varint(300) + varint(static_cast<uint64_t>(-1)));
  const std::string mixed = field(5, raw(1.5f)) + field(6, varint(300)) + field(1, std::string("v")) + field(5, -2.0f) +
                            field(6, int64_t{-1});
  for (const std::string& body : {unpacked, packed, mixed}) {
    const std::string bytes = net(field(2, field(4, std::string("T")) + field(5, body)));
    NetDef def;
    ASSERT_TRUE(parse(bytes, &def).ok());
    const Argument& argument = def.operators.at(0).arguments.at(0);
    EXPECT_EQ(argument.name, "v");
    EXPECT_EQ(argument.floats(), (std::vector<float>{1.5f, -2.0f}));
    EXPECT_EQ(argument.ints(), (std::vector<int64_t>{300, -1}));
  }
}

TEST(NetDefReader, SkipsUnknownFieldsOfEveryKind) {
  std::string group =
      varint(99 << 3 | 3) + field(7, int64_t{1}) + varint(98 << 3 | 3) + varint(98 << 3 | 4) + varint(99 << 3 | 4);
  const std::string unknown = field(50, int64_t{7}) + field(51, std::string("abc")) + field(52, 1.0f) +
                              varint(53 << 3 | 1) + std::string(8, 'x') + group;
  const std::string bytes = unknown + net(op("Relu", {"x"}, {"y"}, unknown)) + unknown;
  NetDef def;
  ASSERT_TRUE(parse(bytes, &def).ok());
  EXPECT_EQ(def.operators.at(0).type, "Relu");
  EXPECT_EQ(def.operators.at(0).inputs, (std::vector<std::string_view>{"x"}));
}

TEST(NetDefReader, KnownBytes) {
  // What Caffe2 itself writes for an Argument of floats 1, 2 (docs/caffe2.md section 1).
  const std::string argument("\x0a\x06values\x2d\x00\x00\x80\x3f\x2d\x00\x00\x00\x40", 18);
  const std::string bytes = field(2, field(4, std::string("T")) + field(5, argument));
  NetDef def;
  ASSERT_TRUE(parse(bytes, &def).ok());
  EXPECT_EQ(def.operators[0].arguments[0].floats(), (std::vector<float>{1.0f, 2.0f}));
}

TEST(NetDefReader, EveryTruncationIsAnErrorOrAShorterNet) {
  const std::string bytes =
      net(fill("w", {2, 2}, {1, 2, 3, 4}) + op("Relu", {"w"}, {"y"}, arg("a", 3) + arg("s", "t")));
  for (size_t size = 0; size < bytes.size(); ++size) {
    NetDef def;
    const Status status = parse(bytes.substr(0, size), &def);
    if (status.ok()) {
      EXPECT_LT(def.operators.size(), 2u + (size > bytes.size() - 1));
    } else {
      EXPECT_EQ(status.code(), MDEPLOY_BAD_INPUT);
      EXPECT_FALSE(status.message().empty());
    }
  }
}

TEST(NetDefReader, RefusesMalformedMessages) {
  const std::string deep = [] {
    std::string s;
    for (int i = 0; i < 200; ++i) s += varint(20 << 3 | 3);
    return s;
  }();
  const std::vector<std::string> bad = {
      std::string(11, '\xff'),                                                         // a varint without an end
      std::string("\x0a\xff\xff\xff\xff\x0f", 6),                                      // longer than the message
      std::string("\x00\x01", 2),                                                      // field 0
      std::string("\x0c", 1),                                                          // a group's end
      std::string("\x0e", 1),                                                          // wire type 6
      field(2, std::string()),                                                         // an operator without a type
      field(2, field(4, std::string("T")) + field(5, field(5, std::string("abc")))),   // floats of 3 bytes
      field(2, field(4, std::string("T")) + field(5, field(6, std::string("\x80")))),  // half an integer
      field(1, int64_t{3}),                                                            // a name that is a number
      deep};
  for (const std::string& bytes : bad) {
    NetDef def;
    EXPECT_EQ(parse(bytes, &def).code(), MDEPLOY_BAD_INPUT);
  }
}

TEST(NetDefReader, ReadsTextWhereTheBytesAreText) {
  const std::string text = R"(name: "net"  # a comment
    op { input: "x" output: 'y' type: "Clip" arg { name: "min" f: -0.5 } arg < name: "max", f: 1e2f > }
    op { type: "T" arg { name: "l" ints: [1, 0x10, -3] ints: 7 floats: inf floats: 2 strings: "a\n\x41\102" "c" } }
    device_option { device_type: CPU } type: "simple" external_input: ["x", "w"] external_output: "y")";
  std::string storage;
  NetDef def;
  ASSERT_TRUE(read_netdef(text, &storage, &def).ok());
  EXPECT_EQ(def.name, "net");
  EXPECT_EQ(def.external_inputs, (std::vector<std::string_view>{"x", "w"}));
  EXPECT_EQ(def.operators[0].arguments[0].f, -0.5f);
  EXPECT_EQ(def.operators[0].arguments[1].f, 100.0f);
  const Argument& list = def.operators[1].arguments[0];
  EXPECT_EQ(list.ints(), (std::vector<int64_t>{1, 16, -3, 7}));
  EXPECT_EQ(list.floats()[1], 2.0f);
  EXPECT_EQ(list.strings(), (std::vector<std::string_view>{"a\nABc"}));
}

TEST(NetDefReader, TextErrorsNameTheLine) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"name: \"a\"\nnope: 3", "line 2: NetDef has no field \"nope\""},
      {"op {\n\n type 3 }", "line 3: expected \":\", found \"3\""},
      {"name: \"a", "a string does not end"},
      {"op { arg { i: 99999999999999999999 } }", "out of range"},
      {"op { arg { f: abc } }", "expected a number"},
      {"op { type: \"T\"", "found the end"},
      {"num_workers: \"x\"", "expected an integer"}};
  for (const auto& [text, message] : cases) {
    std::string storage;
    NetDef def;
    const Status status = read_netdef(text, &storage, &def);
    EXPECT_EQ(status.code(), MDEPLOY_BAD_INPUT);
    EXPECT_NE(status.message().find(message), std::string::npos) << status.message();
  }
  std::string nested, storage;
  for (int i = 0; i < 100; ++i) nested += "op { arg { n { ";
  NetDef def;
  EXPECT_EQ(read_netdef(nested, &storage, &def).code(), MDEPLOY_BAD_INPUT);
}

}  // namespace
}  // namespace mdeploy::proto
