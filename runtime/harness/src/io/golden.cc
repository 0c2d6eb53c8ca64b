// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "io/golden.h"

#include "io/files.h"
#include "io/text.h"

namespace mdeploy::harness {
namespace {

std::vector<std::string> numbered(const std::string& directory, const char* role, size_t count) {
  std::vector<std::string> paths;
  for (size_t i = 0; i < count; ++i) paths.push_back(join_path(directory, format("%s_%zu.npy", role, i)));
  return paths;
}

size_t count_present(const std::string& directory, const char* role) {
  size_t count = 0;
  while (exists(join_path(directory, format("%s_%zu.npy", role, count)))) ++count;
  return count;
}

}  // namespace

Status find_golden_cases(const std::string& directory, const Manifest* manifest, std::vector<GoldenCase>* cases) {
  const std::optional<std::vector<std::string>> names = list_directory(directory);
  if (!names) return bad_input(directory + ": no such directory of golden vectors, or not readable");
  if (manifest != nullptr) {
    for (const GoldenEntry& entry : manifest->golden) {
      const std::string place = join_path(directory, entry.name);
      cases->push_back({entry.name, entry.kind, numbered(place, "input", manifest->inputs.size()),
                        numbered(place, "output", manifest->outputs.size())});
    }
  } else {
    for (const std::string& name : *names) {
      const std::string place = join_path(directory, name);
      const size_t inputs = count_present(place, "input"), outputs = count_present(place, "output");
      if (inputs == 0 || outputs == 0) continue;
      cases->push_back({name, "", numbered(place, "input", inputs), numbered(place, "output", outputs)});
    }
  }
  if (cases->empty()) return bad_input(directory + ": holds no golden case (CASE/input_0.npy and CASE/output_0.npy)");
  return {};
}

std::string golden_entry_name(const std::string& name, const std::string& file) {
  return "golden/" + name + "/" + base_name(file);
}

Status read_arrays(const std::vector<std::string>& paths, std::vector<Array>* arrays) {
  arrays->clear();
  for (const std::string& path : paths) {
    if (Status status = read_npy(path, &arrays->emplace_back()); !status.ok()) return status;
  }
  return {};
}

}  // namespace mdeploy::harness
