// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// The processor's cores: which there are, which are big and little, and which to run on.
#ifndef MDEPLOY_HARNESS_DEVICE_CORES_H_
#define MDEPLOY_HARNESS_DEVICE_CORES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "io/status.h"

namespace mdeploy::harness {

struct Core {
  int id = 0;
  std::optional<int64_t> max_khz;
  const char* cluster = "all";  // "big", "little", or "all" where they are alike
};

// Present cores by the system files under `root` ("" for the real ones). Clusters come from cpu_capacity where every
// core has one, else from the highest frequency: the slowest kind is little, every other is big.
std::vector<Core> read_cores(const std::string& root = "");

// Cores that this process may run on, or every present one where the system does not say.
std::vector<int> allowed_cores(const std::vector<Core>& cores);

// Current frequency per core in kHz.
std::vector<std::optional<int64_t>> read_frequencies(const std::vector<Core>& cores, const std::string& root = "");

struct CoreChoice {
  std::vector<int> cores;
  bool pin = false;  // whether the choice leaves out an allowed core, so that threads must be bound to it
  std::vector<std::string> warnings;
};

// `request` is "all", "big", "little" or a hexadecimal mask with or without 0x, as in taskset.
Status choose_cores(std::string_view request, const std::vector<Core>& cores, const std::vector<int>& allowed,
                    CoreChoice* choice);

}  // namespace mdeploy::harness

#endif  // MDEPLOY_HARNESS_DEVICE_CORES_H_
