// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "run/tolerance.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "io/files.h"
#include "io/json_reader.h"
#include "testing/temporary.h"

namespace mdeploy::harness {
namespace {

Array array_of(const JsonValue& list) {
  std::vector<float> values;
  for (const JsonValue& item : list.items) {
    float value = static_cast<float>(item.number);
    if (item.string == "nan") value = NAN;
    if (item.string == "inf") value = INFINITY;
    if (item.string == "-inf") value = -INFINITY;
    values.push_back(value);
  }
  return float_array({static_cast<int64_t>(values.size())}, values);
}

void expect_figure(const JsonValue& expected, const std::optional<double>& found, double absolute) {
  ASSERT_EQ(found.has_value(), !expected.is(JsonValue::Kind::kNull));
  if (!found) return;
  EXPECT_NEAR(*found, expected.number, std::max(1e-12 * std::fabs(expected.number), absolute));
}

TEST(Tolerance, SharedVectors) {
  std::string text;
  ASSERT_TRUE(read_file(MDEPLOY_GOLDEN_TOLERANCE, 16 << 20, &text).ok()) << MDEPLOY_GOLDEN_TOLERANCE;
  JsonValue document;
  ASSERT_EQ(parse_json(text, "tolerance.json", &document).message, "");
  ASSERT_GT(document.find("cases")->items.size(), 20u);
  for (const JsonValue& item : document.find("cases")->items) {
    SCOPED_TRACE(item.find("name")->string);
    const double rtol = item.find("rtol")->number;
    const Array reference = array_of(*item.find("reference"));
    double scale = 1;
    for (size_t i = 0; i < reference.elements(); ++i) {
      if (std::isfinite(reference.at(i))) scale = std::max(scale, std::fabs(reference.at(i)));
    }
    const Comparison found = compare(reference, array_of(*item.find("actual")), item.find("meaning")->string,
                                     {item.find("tol")->number, rtol});
    const JsonValue& expected = *item.find("expected");
    EXPECT_EQ(found.passed, expected.find("passed")->boolean);
    expect_figure(*expected.find("max_abs"), found.max_abs, 0);
    expect_figure(*expected.find("max_rel"), found.max_rel, 0);
    expect_figure(*expected.find("required_tolerance"), found.required, rtol > 0 ? 1e-15 * scale : 0);
    const JsonValue& worst = *expected.find("worst");
    EXPECT_EQ(found.worst.has_value(), !worst.is(JsonValue::Kind::kNull));
    if (found.worst) {
      EXPECT_EQ(static_cast<int64_t>(*found.worst), worst.integer);
    }
  }
}

TEST(Tolerance, OtherShapeOrTypeNeverPasses) {
  const Array reference = float_array({1, 2}, {0, 0});
  Array actual = float_array({2, 1}, {0, 0});
  EXPECT_FALSE(compare(reference, actual, "logits", {1e9}).passed);
  EXPECT_FALSE(compare(reference, actual, "logits", {1e9}).required.has_value());
  actual.dims = {1, 2};
  EXPECT_TRUE(compare(reference, actual, "logits", {0}).passed);
  actual.dtype = MDEPLOY_INT32;
  EXPECT_FALSE(compare(reference, actual, "logits", {1e9}).passed);
}

}  // namespace
}  // namespace mdeploy::harness
