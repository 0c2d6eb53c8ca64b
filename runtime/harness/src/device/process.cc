// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "device/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "io/files.h"
#include "io/text.h"

#if defined(__linux__) && !defined(__ANDROID__)
#include <spawn.h>
#define MDEPLOY_CAN_SPAWN 1
#endif

namespace mdeploy::harness {
namespace {

#if defined(MDEPLOY_CAN_SPAWN)
// Reads until the writer closes; false after the deadline.
bool drain(int fd, std::chrono::steady_clock::time_point deadline, std::string* output) {
  constexpr size_t kLimit = 1 << 20;
  char buffer[4096];
  for (;;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd waiting{fd, POLLIN, 0};
    if (left.count() <= 0) return false;
    const int ready = ::poll(&waiting, 1, static_cast<int>(left.count()));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return false;
    const ssize_t got = ::read(fd, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return false;
    if (got == 0) return true;
    if (output->size() + static_cast<size_t>(got) > kLimit) return false;
    output->append(buffer, static_cast<size_t>(got));
  }
}
#endif

}  // namespace

std::optional<int64_t> peak_rss_bytes() {
#if defined(__linux__)
  if (const std::optional<std::string> status = read_system_file("/proc/self/status")) {
    for (const std::string_view line : split_lines(*status)) {
      int64_t kilobytes = 0;
      if (line.substr(0, 6) != "VmHWM:") continue;
      const std::string_view value = trim(line.substr(6));
      if (parse_int(value.substr(0, value.find(' ')), &kilobytes)) return kilobytes * 1024;
    }
  }
#endif
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) != 0 || usage.ru_maxrss <= 0) return std::nullopt;
#if defined(__APPLE__)
  return static_cast<int64_t>(usage.ru_maxrss);
#else
  return static_cast<int64_t>(usage.ru_maxrss) * 1024;
#endif
}

std::optional<std::string> system_tool_output(const std::vector<const char*>& command) {
#if defined(MDEPLOY_CAN_SPAWN)
  if (::access(command.front(), X_OK) != 0) return std::nullopt;
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return std::nullopt;
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
  ::posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
  std::vector<char*> arguments;
  for (const char* word : command) arguments.push_back(const_cast<char*>(word));
  arguments.push_back(nullptr);
  pid_t child = 0;
  const int failed = ::posix_spawn(&child, command.front(), &actions, nullptr, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  std::optional<std::string> result;
  if (failed == 0) {
    std::string output;
    const bool whole = drain(ends[0], std::chrono::steady_clock::now() + std::chrono::seconds(2), &output);
    if (!whole) ::kill(child, SIGKILL);
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (whole && WIFEXITED(status) && WEXITSTATUS(status) == 0) result = std::move(output);
  }
  ::close(ends[0]);
  return result;
#else
  (void)command;
  return std::nullopt;
#endif
}

}  // namespace mdeploy::harness
