// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// Golden vectors: what the reference answered, stored as DIR/CASE/{input_N,output_N}.npy.
#ifndef MDEPLOY_HARNESS_IO_GOLDEN_H_
#define MDEPLOY_HARNESS_IO_GOLDEN_H_

#include <string>
#include <vector>

#include "io/manifest.h"
#include "io/npy.h"
#include "io/status.h"

namespace mdeploy::harness {

struct GoldenCase {
  std::string name;
  std::string kind;                          // "" without a manifest
  std::vector<std::string> inputs, outputs;  // paths, by position
};

// The cases of the manifest in its order, or without one (NULL) every directory in DIR in alphabetical order. No case
// at all is an error.
Status find_golden_cases(const std::string& directory, const Manifest* manifest, std::vector<GoldenCase>* cases);

// Entry of a golden file in the manifest: "golden/CASE/input_0.npy".
std::string golden_entry_name(const std::string& name, const std::string& file);

Status read_arrays(const std::vector<std::string>& paths, std::vector<Array>* arrays);

}  // namespace mdeploy::harness

#endif  // MDEPLOY_HARNESS_IO_GOLDEN_H_
