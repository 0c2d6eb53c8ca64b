// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "tolerance.h"

#include <algorithm>
#include <cmath>

namespace mdeploy::harness {
namespace {

// NaN beside NaN and an infinity beside the same infinity agree; beside anything else they never do.
bool same_special(double a, double b) { return (std::isnan(a) && std::isnan(b)) || a == b; }

}  // namespace

Comparison compare(const Array& found, const Array& reference, std::string_view meaning, double tolerance) {
  Comparison result;
  if (found.dtype != reference.dtype || found.dims != reference.dims || found.bytes.size() != reference.bytes.size()) {
    return result;
  }
  const bool absolute = meaning == "probabilities";
  double max_abs = 0, max_rel = 0, required = 0;
  bool specials_agree = true;
  for (size_t i = 0; i < reference.elements(); ++i) {
    const double a = found.at(i), b = reference.at(i);
    if (!std::isfinite(a) || !std::isfinite(b)) {
      if (!same_special(a, b) && specials_agree) {
        specials_agree = false;
        result.worst_index = i;
      }
      continue;
    }
    const double difference = std::fabs(a - b);
    const double relative = difference / std::max(1.0, std::fabs(b));
    const double needed = absolute ? difference : relative;
    max_abs = std::max(max_abs, difference);
    max_rel = std::max(max_rel, relative);
    if (needed > required) {
      required = needed;
      if (specials_agree) result.worst_index = i;
    }
  }
  result.max_abs = max_abs;
  result.max_rel = max_rel;
  if (specials_agree) {
    result.required = required;
    result.passed = required <= tolerance;
  }
  return result;
}

}  // namespace mdeploy::harness
