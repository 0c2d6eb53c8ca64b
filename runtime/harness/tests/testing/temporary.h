// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// A directory for one test, removed afterwards, and short ways to fill it.
#ifndef MDEPLOY_HARNESS_TESTS_TEMPORARY_H_
#define MDEPLOY_HARNESS_TESTS_TEMPORARY_H_

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "io/npy.h"

namespace mdeploy::harness {

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string pattern = std::filesystem::temp_directory_path() / "mdeploy-test-XXXXXX";
    path_ = ::mkdtemp(pattern.data());
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

  // Writes a file, making directories on the way, and returns its path.
  std::string write(const std::string& name, std::string_view text) const {
    const std::filesystem::path file = *this / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << text;
    return file;
  }

 private:
  std::string path_;
};

inline Array float_array(std::vector<int64_t> dims, const std::vector<float>& values) {
  Array array;
  array.dims = std::move(dims);
  array.bytes.resize(values.size() * sizeof(float));
  if (!values.empty()) std::copy(values.begin(), values.end(), reinterpret_cast<float*>(array.bytes.data()));
  return array;
}

}  // namespace mdeploy::harness

#endif  // MDEPLOY_HARNESS_TESTS_TEMPORARY_H_
