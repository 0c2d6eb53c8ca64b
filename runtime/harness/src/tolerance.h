// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// The one tolerance rule, the same as in the toolkit (toolkit/mdeploy/parity/tolerance.py): probabilities by
// |a-b| <= tol, logits and log-probabilities by |a-b| <= tol * max(1, |reference|); NaN and infinity stand in the
// same places.
#ifndef MDEPLOY_HARNESS_TOLERANCE_H_
#define MDEPLOY_HARNESS_TOLERANCE_H_

#include <optional>
#include <string_view>

#include "npy.h"

namespace mdeploy::harness {

struct Comparison {
  bool passed = false;
  std::optional<double> max_abs;   // over the elements that are finite on both sides; nothing when shapes differ
  std::optional<double> max_rel;   // largest |a-b| / max(1, |reference|)
  std::optional<double> required;  // the smallest tolerance that would pass; nothing when none would
  size_t worst_index = 0;
};

// `meaning` is "logits", "log_probabilities" or "probabilities".
Comparison compare(const Array& found, const Array& reference, std::string_view meaning, double tolerance);

}  // namespace mdeploy::harness

#endif  // MDEPLOY_HARNESS_TOLERANCE_H_
