// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "io/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "io/text.h"

namespace mdeploy::harness {
namespace {

Status system_error(const char* what, const std::string& path) {
  return bad_input(format("%s %s: %s", what, path.c_str(), std::strerror(errno)));
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  bool close() { return ::close(std::exchange(fd_, -1)) == 0; }

 private:
  int fd_;
};

// Reads up to limit bytes; false on a read error.
bool read_all(int fd, uint64_t limit, std::string* bytes) {
  constexpr size_t kBlock = 1 << 20;
  while (bytes->size() < limit) {
    const size_t want = static_cast<size_t>(std::min<uint64_t>(kBlock, limit - bytes->size()));
    const size_t have = bytes->size();
    bytes->resize(have + want);
    const ssize_t got = ::read(fd, bytes->data() + have, want);
    bytes->resize(have + static_cast<size_t>(std::max<ssize_t>(got, 0)));
    if (got < 0 && errno != EINTR) return false;
    if (got == 0) break;
  }
  return true;
}

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(fd, bytes.data(), bytes.size());
    if (put < 0 && errno != EINTR) return false;
    if (put > 0) bytes.remove_prefix(static_cast<size_t>(put));
  }
  return true;
}

std::string partial_path(const std::string& path) { return format("%s.partial-%d", path.c_str(), ::getpid()); }

int open_partial(const std::string& partial) {
  return ::open(partial.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
}

// What rename would refuse only at the end of a long run.
Status check_target(const std::string& path) {
  struct stat info;
  if (!path.empty() && ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) {
    return bad_input(format("cannot write %s: it is a directory", path.c_str()));
  }
  return {};
}

}  // namespace

Status file_size(const std::string& path, uint64_t* bytes) {
  struct stat info;
  if (::stat(path.c_str(), &info) != 0) return system_error("cannot read", path);
  if (!S_ISREG(info.st_mode)) return bad_input(format("cannot read %s: not a regular file", path.c_str()));
  *bytes = static_cast<uint64_t>(info.st_size);
  return {};
}

Status read_file(const std::string& path, uint64_t max_bytes, std::string* bytes) {
  uint64_t size = 0;
  if (Status status = file_size(path, &size); !status.ok()) return status;
  if (size > max_bytes) {
    return bad_input(format("%s: %llu bytes, more than the %llu that such a file may have", path.c_str(),
                            static_cast<unsigned long long>(size), static_cast<unsigned long long>(max_bytes)));
  }
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return system_error("cannot read", path);
  bytes->clear();
  bytes->reserve(static_cast<size_t>(size));
  if (!read_all(file.get(), size, bytes)) return system_error("cannot read", path);
  if (bytes->size() != size) return bad_input(format("%s: shrank while it was read", path.c_str()));
  return {};
}

bool exists(const std::string& path) {
  struct stat info;
  return ::stat(path.c_str(), &info) == 0;
}

std::optional<std::string> read_system_file(const std::string& path) {
  constexpr uint64_t kLimit = 256 << 10;  // /proc/cpuinfo of a large server is the longest of them
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  std::string bytes;
  if (file.get() < 0 || !read_all(file.get(), kLimit, &bytes)) return std::nullopt;
  const std::string_view text = trim(bytes);
  if (text.empty()) return std::nullopt;
  return std::string(text);
}

Status write_file_atomically(const std::string& path, std::string_view bytes) {
  if (Status status = check_target(path); !status.ok()) return status;
  const std::string partial = partial_path(path);
  Descriptor file(open_partial(partial));
  if (file.get() < 0) return system_error("cannot write", path);
  if (!write_all(file.get(), bytes) || ::fsync(file.get()) != 0 || !file.close() ||
      ::rename(partial.c_str(), path.c_str()) != 0) {
    Status status = system_error("cannot write", path);
    ::unlink(partial.c_str());
    return status;
  }
  return {};
}

Status check_writable(const std::string& path) {
  if (Status status = check_target(path); !status.ok()) return status;
  const std::string partial = partial_path(path);
  Descriptor file(open_partial(partial));
  if (file.get() < 0) return system_error("cannot write", path);
  ::unlink(partial.c_str());
  return {};
}

Status make_directories(const std::string& path) {
  for (size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const std::string part = path.substr(0, end);
    struct stat info;
    if (::stat(part.c_str(), &info) == 0) {
      if (!S_ISDIR(info.st_mode)) return bad_input(format("%s: not a directory", part.c_str()));
    } else if (::mkdir(part.c_str(), 0755) != 0 && errno != EEXIST) {
      return system_error("cannot make directory", part);
    }
    if (end == std::string::npos) return {};
  }
}

std::optional<std::vector<std::string>> list_directory(const std::string& path) {
  DIR* directory = ::opendir(path.c_str());
  if (directory == nullptr) return std::nullopt;
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(directory)) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  ::closedir(directory);
  std::sort(names.begin(), names.end());
  return names;
}

std::string join_path(const std::string& directory, const std::string& name) {
  if (directory.empty() || directory == ".") return name;
  return directory.back() == '/' ? directory + name : directory + "/" + name;
}

std::string base_name(const std::string& path) {
  const size_t slash = path.find_last_of('/');
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

std::string parent_directory(const std::string& path) {
  const size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace mdeploy::harness
