// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "io/json_reader.h"
#include "io/json_writer.h"
#include "io/text.h"

namespace mdeploy::harness {
namespace {

std::string problem_of(std::string_view text) {
  JsonValue value;
  return parse_json(text, "file", &value).message;
}

TEST(JsonReader, ReadsEveryKind) {
  JsonValue value;
  ASSERT_TRUE(
      parse_json(R"( {"a": [1, -2.5e3, true, false, null], "b": {"c": "x\u00e9\ud83d\ude00\n\"\\/"}} )", "file", &value)
          .ok());
  const JsonValue* list = value.find("a");
  ASSERT_NE(list, nullptr);
  ASSERT_EQ(list->items.size(), 5u);
  EXPECT_TRUE(list->items[0].is_integer);
  EXPECT_EQ(list->items[0].integer, 1);
  EXPECT_FALSE(list->items[1].is_integer);
  EXPECT_DOUBLE_EQ(list->items[1].number, -2500);
  EXPECT_TRUE(list->items[2].boolean);
  EXPECT_FALSE(list->items[3].boolean);
  EXPECT_TRUE(list->items[4].is(JsonValue::Kind::kNull));
  EXPECT_EQ(value.find("b")->find("c")->string, "x\u00e9\U0001F600\n\"\\/");
  EXPECT_EQ(value.find("missing"), nullptr);
}

TEST(JsonReader, RefusesWhatIsNotJson) {
  for (const char* text : {"",
                           " ",
                           "{",
                           "[",
                           "[1",
                           "[1,",
                           "[1,]",
                           "{\"a\"}",
                           "{\"a\":}",
                           "{\"a\":1,}",
                           "{a:1}",
                           "{'a':1}",
                           "[1] 2",
                           "nul",
                           "tru",
                           "01",
                           "-",
                           "+1",
                           "1.",
                           ".5",
                           "1e",
                           "1e+",
                           "0x10",
                           "NaN",
                           "Infinity",
                           "-Infinity",
                           "1e999",
                           "\"",
                           "\"\\x\"",
                           "\"\\u12\"",
                           "\"\\u12G4\"",
                           "\"\\ud800\"",
                           "\"\\ud800\\u0041\"",
                           "\"\\udc00\"",
                           "\"a\nb\"",
                           "\"\xff\"",
                           "\"\xc0\x80\"",
                           "\"\xed\xa0\x80\"",
                           "\"\xf4\x90\x80\x80\"",
                           "\"\xe2\x82\"",
                           "{\"a\":1,\"a\":2}",
                           "[1 2]",
                           "// comment\n1",
                           "\xef\xbb\xbf{}"}) {
    EXPECT_NE(problem_of(text), "") << text;
  }
}

TEST(JsonReader, NamesThePlace) {
  EXPECT_EQ(problem_of("{\n  \"a\": oops}"), "file: not valid JSON: line 2 column 8: not a JSON value");
}

TEST(JsonReader, IsBounded) {
  EXPECT_EQ(problem_of(std::string(30, '[') + std::string(30, ']')), "");
  EXPECT_NE(problem_of(std::string(100'000, '[')).find("nested too deeply"), std::string::npos);
  std::string many = "[0";
  for (int i = 0; i < 600'000; ++i) many += ",0";
  EXPECT_NE(problem_of(many + "]").find("too many values"), std::string::npos);
}

TEST(JsonReader, EveryPrefixIsRefusedQuietly) {
  const std::string text = R"({"a": [1, 2.5, "x\u00e9"], "b": null, "c": {"d": true}})";
  for (size_t length = 0; length < text.size(); ++length) {
    EXPECT_NE(problem_of(std::string_view(text).substr(0, length)), "") << length;
  }
}

TEST(JsonWriter, EscapesAndNulls) {
  JsonWriter json;
  json.begin_object();
  json.field("quote\"", "a\\b\n\x01\xff\u00e9");
  json.field("nan", std::nan(""));
  json.field("inf", std::numeric_limits<double>::infinity());
  json.field("none", std::optional<int64_t>());
  json.field("some", std::optional<std::string>("s"));
  json.field("no", false);
  json.key("list");
  json.begin_array();
  json.integer(std::numeric_limits<int64_t>::min());
  json.begin_object();
  json.end_object();
  json.begin_array();
  json.end_array();
  json.end_array();
  json.end_object();
  EXPECT_EQ(json.text(),
            "{\"quote\\\"\":\"a\\\\b\\u000a\\u0001\ufffd\u00e9\",\"nan\":null,\"inf\":null,\"none\":null,"
            "\"some\":\"s\",\"no\":false,\"list\":[-9223372036854775808,{},[]]}");
  JsonValue value;
  EXPECT_TRUE(parse_json(json.text(), "", &value).ok());
}

TEST(JsonWriter, NumbersReadBackExactly) {
  for (const double number : {0.0, -0.0, 0.1, 1e-5, 1.0 / 3, 5e-324, 1.7976931348623157e308, 123456789.123456789}) {
    double back = 0;
    ASSERT_TRUE(parse_double(shortest(number), &back)) << shortest(number);
    EXPECT_EQ(back, number);
  }
  EXPECT_EQ(shortest(1e-5), "1e-05");
  EXPECT_EQ(shortest(12.5), "12.5");
}

}  // namespace
}  // namespace mdeploy::harness
