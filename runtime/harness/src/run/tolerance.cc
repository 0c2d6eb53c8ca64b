// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "run/tolerance.h"

#include <algorithm>
#include <cmath>

namespace mdeploy::harness {
namespace {

// NaN beside NaN and an infinity beside the same infinity agree; beside anything else they never do.
bool same_special(double a, double b) { return (std::isnan(a) && std::isnan(b)) || a == b; }

}  // namespace

Comparison compare(const Array& reference, const Array& actual, std::string_view meaning, Tolerance tolerance) {
  Comparison result;
  if (actual.dtype != reference.dtype || actual.dims != reference.dims ||
      actual.bytes.size() != reference.bytes.size()) {
    return result;
  }
  bool misplaced = false;
  double required = -1;
  for (size_t i = 0; i < reference.elements(); ++i) {
    const double a = reference.at(i), b = actual.at(i);
    if (!std::isfinite(a) || !std::isfinite(b)) {
      if (!same_special(a, b) && !misplaced) {
        misplaced = true;
        result.worst = i;
      }
      continue;
    }
    const double difference = std::fabs(a - b), magnitude = std::fabs(a), scale = std::max(1.0, magnitude);
    const double beyond = std::max(0.0, difference - tolerance.rtol * magnitude);
    const double needed = meaning == "probabilities" ? beyond : beyond / scale;
    result.max_abs = std::max(result.max_abs.value_or(0), difference);
    result.max_rel = std::max(result.max_rel.value_or(0), difference / scale);
    if (needed > required) {
      required = needed;
      if (!misplaced) result.worst = i;
    }
  }
  if (misplaced) return result;
  result.required = std::max(required, 0.0);
  // By the tolerance that it needs, so that the printed smallest one does pass when it is given.
  result.passed = *result.required <= tolerance.tol;
  return result;
}

}  // namespace mdeploy::harness
