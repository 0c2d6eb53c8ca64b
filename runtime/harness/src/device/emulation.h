// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// Which processor this was compiled for, and whether another one pretends to be it.
#ifndef MDEPLOY_HARNESS_DEVICE_EMULATION_H_
#define MDEPLOY_HARNESS_DEVICE_EMULATION_H_

#include <optional>
#include <string>

namespace mdeploy::harness {

// The ABI that this was compiled for, by Android's name where it has one.
const char* compiled_abi();

// Whether an emulator runs this process: qemu-user, an Android emulator, a translator of another processor's code, or
// the iOS simulator. Nothing needs to be told by the caller.
bool is_emulated();

// e_machine of an ELF file, or nothing. Exposed for is_emulated's test.
std::optional<int> elf_machine(const std::string& path);

}  // namespace mdeploy::harness

#endif  // MDEPLOY_HARNESS_DEVICE_EMULATION_H_
