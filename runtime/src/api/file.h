// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#ifndef MDEPLOY_API_FILE_H_
#define MDEPLOY_API_FILE_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "base/status.h"

namespace mdeploy {

// A file's bytes, mapped for reading.
class MappedFile {
 public:
  MappedFile() = default;
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  Status open(const char* path);
  std::string_view bytes() const { return {static_cast<const char*>(data_), size_}; }
  // Lets the system drop the pages up to the end of `part` from this process; they come back when they are read again.
  void release_up_to(std::string_view part);

 private:
  void* data_ = nullptr;
  size_t size_ = 0;
  size_t released_ = 0;
};

}  // namespace mdeploy

#endif  // MDEPLOY_API_FILE_H_
