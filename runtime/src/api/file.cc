// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "api/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace mdeploy {

MappedFile::~MappedFile() {
  if (data_ != nullptr) munmap(data_, size_);
}

Status MappedFile::open(const char* path) {
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a pipe without a writer must not block us
  if (fd < 0) return bad_input("cannot open ", path, ": ", std::strerror(errno));
  struct stat info{};
  Status status;
  if (fstat(fd, &info) != 0) {
    status = bad_input("cannot read ", path, ": ", std::strerror(errno));
  } else if (!S_ISREG(info.st_mode)) {
    status = bad_input("cannot read ", path, ": it is not a regular file");
  } else if (info.st_size > 0) {
    void* data = mmap(nullptr, static_cast<size_t>(info.st_size), PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED) {
      status = bad_input("cannot read ", path, ": ", std::strerror(errno));
    } else {
      data_ = data;
      size_ = static_cast<size_t>(info.st_size);
    }
  }
  close(fd);
  return status;
}

void MappedFile::release_up_to(std::string_view part) {
  const char* base = static_cast<const char*>(data_);
  if (part.data() < base || part.data() + part.size() > base + size_) return;
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const size_t end = static_cast<size_t>(part.data() + part.size() - base) / page * page;
  if (end <= released_) return;
  madvise(static_cast<char*>(data_) + released_, end - released_, MADV_DONTNEED);
  released_ = end;
}

}  // namespace mdeploy
