// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// What the system says about this process: memory, and the output of small system tools.
#ifndef MDEPLOY_HARNESS_DEVICE_PROCESS_H_
#define MDEPLOY_HARNESS_DEVICE_PROCESS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace mdeploy::harness {

// High-water mark of resident memory.
std::optional<int64_t> peak_rss_bytes();

// Standard output of a system tool, or nothing when it is not there, fails, or takes longer than two seconds.
std::optional<std::string> system_tool_output(const std::vector<const char*>& command);

}  // namespace mdeploy::harness

#endif  // MDEPLOY_HARNESS_DEVICE_PROCESS_H_
