// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "exec/executable.h"

#include <algorithm>

namespace mdeploy {

size_t Executable::scratch_bytes(int threads) const {
  size_t most = 0;
  for (const Step& step : steps) {
    if (step.kernel.scratch_bytes) most = std::max(most, step.kernel.scratch_bytes(threads));
  }
  return most;
}

}  // namespace mdeploy
