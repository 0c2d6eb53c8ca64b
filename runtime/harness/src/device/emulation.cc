// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "device/emulation.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstring>

#include "device/android.h"
#include "io/files.h"
#include "io/text.h"

#if defined(__linux__)
#include <elf.h>
#include <sys/syscall.h>
#elif defined(__APPLE__)
#include <TargetConditionals.h>
#include <sys/sysctl.h>
#endif

namespace mdeploy::harness {
namespace {

#if defined(__linux__)
#if defined(__aarch64__)
constexpr int kCompiledMachine = EM_AARCH64;
#elif defined(__arm__)
constexpr int kCompiledMachine = EM_ARM;
#elif defined(__x86_64__)
constexpr int kCompiledMachine = EM_X86_64;
#else
constexpr int kCompiledMachine = EM_NONE;
#endif

// qemu-user answers for /proc/self/exe and /proc/PID/exe itself, but passes /proc/self/task/TID/exe on to the kernel:
// there the emulator's own executable shows, for another machine or at least by its name.
bool runs_under_another_executable() {
  const std::string link = format("/proc/self/task/%ld/exe", static_cast<long>(::syscall(SYS_gettid)));
  const std::optional<int> machine = elf_machine(link);
  if (machine && *machine != kCompiledMachine) return true;
  char target[512];
  const ssize_t length = ::readlink(link.c_str(), target, sizeof target - 1);
  if (length <= 0) return false;
  const std::string name = base_name(std::string(target, static_cast<size_t>(length)));
  return name.rfind("qemu-", 0) == 0;
}
#endif

}  // namespace

const char* compiled_abi() {
#if defined(__aarch64__) && defined(__APPLE__)
  return "arm64";
#elif defined(__aarch64__)
  return "arm64-v8a";
#elif defined(__arm__)
  return "armeabi-v7a";
#elif defined(__x86_64__)
  return "x86_64";
#else
  return "unknown";
#endif
}

std::optional<int> elf_machine(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::nullopt;
  unsigned char header[20];
  const ssize_t got = ::read(fd, header, sizeof header);
  ::close(fd);
  if (got != sizeof header || std::memcmp(header, "\177ELF", 4) != 0) return std::nullopt;
  return header[5] == 2 ? header[18] << 8 | header[19] : header[19] << 8 | header[18];
}

bool is_emulated() {
#if defined(__linux__)
  if (runs_under_another_executable()) return true;
  return is_android_emulator(android_properties(), compiled_abi());
#elif defined(__APPLE__)
#if TARGET_OS_SIMULATOR
  return true;
#else
  int translated = 0;
  size_t size = sizeof translated;
  return ::sysctlbyname("sysctl.proc_translated", &translated, &size, nullptr, 0) == 0 && translated == 1;
#endif
#else
  return false;
#endif
}

}  // namespace mdeploy::harness
