// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// What the system says about this process: memory, emulation, and the output of small system tools.
#ifndef MDEPLOY_HARNESS_PROCESS_H_
#define MDEPLOY_HARNESS_PROCESS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace mdeploy::harness {

// High-water mark of resident memory.
std::optional<int64_t> peak_rss_bytes();

// The ABI that this was compiled for, by Android's name where it has one.
const char* compiled_abi();

// Whether an emulator runs this process: qemu-user, an Android emulator, a translator of another processor's code, or
// the iOS simulator. Nothing needs to be told by the caller.
bool is_emulated();

// e_machine of an ELF file, or nothing. Exposed for is_emulated's test.
std::optional<int> elf_machine(const std::string& path);

// Standard output of a system tool, or nothing when it is not there, fails, or takes longer than two seconds.
std::optional<std::string> system_tool_output(const std::vector<const char*>& command);

}  // namespace mdeploy::harness

#endif  // MDEPLOY_HARNESS_PROCESS_H_
