// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// A bound on the memory that a net may ask for, checked before it is allocated.
#ifndef MDEPLOY_BASE_MEMORY_BUDGET_H_
#define MDEPLOY_BASE_MEMORY_BUDGET_H_

#include <cstdint>

#include "base/status.h"

namespace mdeploy {

class MemoryBudget {
 public:
  explicit MemoryBudget(uint64_t limit) : limit_(limit) {}

  Status take(uint64_t bytes) {
    if (bytes > limit_ - used_) {
      return bad_input("the net needs more than the limit of ", limit_, " bytes (", bytes, " on top of ", used_,
                       "); raise max_bytes if it is to be trusted");
    }
    used_ += bytes;
    return {};
  }
  void give_back(uint64_t bytes) { used_ -= bytes < used_ ? bytes : used_; }
  uint64_t limit() const { return limit_; }

 private:
  uint64_t limit_;
  uint64_t used_ = 0;
};

}  // namespace mdeploy

#endif  // MDEPLOY_BASE_MEMORY_BUDGET_H_
