// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// What the harness needs of an artifact's manifest (schemas/manifest.schema.json).
#ifndef MDEPLOY_HARNESS_IO_MANIFEST_H_
#define MDEPLOY_HARNESS_IO_MANIFEST_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "io/status.h"

namespace mdeploy::harness {

struct BlobSpec {
  std::string name;
  int32_t dtype = MDEPLOY_FLOAT32;
  std::vector<int64_t> dims;
  std::string meaning;                                  // of an output
  std::optional<mdeploy_preprocess_spec> picture = {};  // of an input that takes pictures: how they are prepared
};

struct FileEntry {
  uint64_t bytes = 0;
  std::string sha256;
};

struct GoldenEntry {
  std::string name;
  std::string kind;  // "zeros", "ones", "random" or "picture"
};

struct Manifest {
  std::string name;
  std::vector<BlobSpec> inputs, outputs;
  std::map<std::string, FileEntry> files;  // by path inside the artifact
  std::vector<GoldenEntry> golden;
};

Status parse_manifest(std::string_view text, const std::string& where, Manifest* manifest);
Status read_manifest(const std::string& path, Manifest* manifest);

// Compares one file with its entry; the message says what differs.
Status verify_file(const std::string& path, const std::string& entry_name, const Manifest& manifest);

}  // namespace mdeploy::harness

#endif  // MDEPLOY_HARNESS_IO_MANIFEST_H_
