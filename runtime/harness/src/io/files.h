// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// Files: bounded reading, and writing that leaves the whole file or none.
#ifndef MDEPLOY_HARNESS_IO_FILES_H_
#define MDEPLOY_HARNESS_IO_FILES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "io/status.h"

namespace mdeploy::harness {

// Reads a regular file of at most max_bytes. Devices, pipes and directories are refused.
Status read_file(const std::string& path, uint64_t max_bytes, std::string* bytes);
// Size of a regular file.
Status file_size(const std::string& path, uint64_t* bytes);
bool exists(const std::string& path);

// The content of a short file of /proc or /sys without surrounding blanks; nothing when it cannot be read.
std::optional<std::string> read_system_file(const std::string& path);

// Writes beside the place, syncs and renames.
Status write_file_atomically(const std::string& path, std::string_view bytes);
// Finds out before a long run whether write_file_atomically could work.
Status check_writable(const std::string& path);
Status make_directories(const std::string& path);

// Names in a directory, sorted, without the dot entries; nothing when it cannot be read.
std::optional<std::vector<std::string>> list_directory(const std::string& path);

std::string join_path(const std::string& directory, const std::string& name);
std::string base_name(const std::string& path);
std::string parent_directory(const std::string& path);

}  // namespace mdeploy::harness

#endif  // MDEPLOY_HARNESS_IO_FILES_H_
