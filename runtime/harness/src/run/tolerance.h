// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// The one tolerance rule, the same as in the toolkit (toolkit/mdeploy/comparison/tolerance.py), in double:
//   probabilities              |a - b| <= tol + rtol * |reference|
//   logits, log-probabilities  |a - b| <= tol * max(1, |reference|) + rtol * |reference|
// NaN and infinities must stand in the same places. Both are tested against tests/golden/tolerance.json.
#ifndef MDEPLOY_HARNESS_RUN_TOLERANCE_H_
#define MDEPLOY_HARNESS_RUN_TOLERANCE_H_

#include <optional>
#include <string_view>

#include "io/npy.h"

namespace mdeploy::harness {

struct Tolerance {
  double tol = 1e-5, rtol = 0;
};

struct Comparison {
  bool passed = false;
  std::optional<double> max_abs;   // over the elements that are finite on both sides; nothing where there are none
  std::optional<double> max_rel;   // largest |a - b| / max(1, |reference|)
  std::optional<double> required;  // the smallest tol that would pass; nothing when none would
  std::optional<size_t> worst;     // a misplaced NaN or infinity before any number; the first of equals
};

// `meaning` is "logits", "log_probabilities" or "probabilities".
Comparison compare(const Array& reference, const Array& actual, std::string_view meaning, Tolerance tolerance);

}  // namespace mdeploy::harness

#endif  // MDEPLOY_HARNESS_RUN_TOLERANCE_H_
