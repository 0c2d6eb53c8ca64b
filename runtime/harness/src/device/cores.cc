// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "device/cores.h"

#include <algorithm>
#include <cstring>

#include "io/files.h"
#include "io/text.h"

#if defined(__linux__)
#include <sched.h>
#elif defined(__APPLE__)
#include <sys/sysctl.h>
#endif
#include <unistd.h>

namespace mdeploy::harness {
namespace {

constexpr const char* kCpuDirectory = "/sys/devices/system/cpu/";

std::optional<int64_t> read_number(const std::string& path) {
  int64_t value = 0;
  const std::optional<std::string> text = read_system_file(path);
  if (!text || !parse_int(*text, &value)) return std::nullopt;
  return value;
}

std::string cpu_file(const std::string& root, int core, const char* name) {
  return format("%s%scpu%d/%s", root.c_str(), kCpuDirectory, core, name);
}

// Kinds that are within 10 % of each other are alike: favoured cores of desktop processors differ that much.
void mark_clusters(const std::vector<int64_t>& speeds, std::vector<Core>* cores) {
  const auto [slowest, fastest] = std::minmax_element(speeds.begin(), speeds.end());
  if (speeds.empty() || *slowest <= 0 || *slowest * 10 >= *fastest * 9) return;
  for (size_t i = 0; i < cores->size(); ++i) (*cores)[i].cluster = speeds[i] == *slowest ? "little" : "big";
}

#if defined(__APPLE__)
int sysctl_int(const char* name) {
  int value = 0;
  size_t size = sizeof value;
  return ::sysctlbyname(name, &value, &size, nullptr, 0) == 0 ? value : 0;
}
#endif

bool contains(const std::vector<int>& cores, int id) {
  return std::find(cores.begin(), cores.end(), id) != cores.end();
}

Status parse_mask(std::string_view request, const std::vector<Core>& cores, std::vector<int>* wanted) {
  std::string_view digits = request;
  if (digits.substr(0, 2) == "0x" || digits.substr(0, 2) == "0X") digits.remove_prefix(2);
  const auto refuse = [&](const char* why) {
    return usage_error(format("--affinity %s: %s; use all, big, little, or a hexadecimal mask of cores such as f0",
                              printable(request).c_str(), why));
  };
  if (digits.empty() || digits.size() > 256 ||
      digits.find_first_not_of("0123456789abcdefABCDEF") != std::string_view::npos) {
    return refuse("neither a name nor a mask");
  }
  for (size_t i = 0; i < digits.size(); ++i) {
    const char c = digits[digits.size() - 1 - i];
    const int bits = c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
    for (int bit = 0; bit < 4; ++bit) {
      if (bits >> bit & 1) wanted->push_back(static_cast<int>(4 * i) + bit);
    }
  }
  if (wanted->empty()) return refuse("names no core");
  for (const int id : *wanted) {
    if (std::none_of(cores.begin(), cores.end(), [id](const Core& core) { return core.id == id; })) {
      return refuse(format("core %d does not exist here", id).c_str());
    }
  }
  return {};
}

}  // namespace

std::vector<Core> read_cores(const std::string& root) {
  std::vector<Core> cores;
  std::vector<int> ids;
  const std::optional<std::string> present = read_system_file(root + kCpuDirectory + "present");
  if (!present || !parse_core_list(*present, &ids)) {
    const long count = root.empty() ? ::sysconf(_SC_NPROCESSORS_CONF) : 0;
    for (long id = 0; id < std::max(count, 1L); ++id) ids.push_back(static_cast<int>(id));
  }
  std::vector<int64_t> capacities, frequencies;
  for (const int id : ids) {
    Core core;
    core.id = id;
    core.max_khz = read_number(cpu_file(root, id, "cpufreq/cpuinfo_max_freq"));
    capacities.push_back(read_number(cpu_file(root, id, "cpu_capacity")).value_or(0));
    frequencies.push_back(core.max_khz.value_or(0));
    cores.push_back(core);
  }
  const bool has_capacities = std::find(capacities.begin(), capacities.end(), 0) == capacities.end();
  mark_clusters(has_capacities ? capacities : frequencies, &cores);
#if defined(__APPLE__)
  // No frequencies there, but performance levels: 0 is the fastest.
  const int big = sysctl_int("hw.perflevel0.logicalcpu");
  for (Core& core : cores) {
    if (big > 0 && big < static_cast<int>(cores.size())) core.cluster = core.id < big ? "big" : "little";
  }
#endif
  return cores;
}

std::vector<int> allowed_cores(const std::vector<Core>& cores) {
  std::vector<int> allowed;
#if defined(__linux__)
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) == 0) {
    for (const Core& core : cores) {
      if (core.id < CPU_SETSIZE && CPU_ISSET(core.id, &set)) allowed.push_back(core.id);
    }
  }
#endif
  if (allowed.empty()) {
    for (const Core& core : cores) allowed.push_back(core.id);
  }
  return allowed;
}

std::vector<std::optional<int64_t>> read_frequencies(const std::vector<Core>& cores, const std::string& root) {
  std::vector<std::optional<int64_t>> frequencies;
  for (const Core& core : cores)
    frequencies.push_back(read_number(cpu_file(root, core.id, "cpufreq/scaling_cur_freq")));
  return frequencies;
}

Status choose_cores(std::string_view request, const std::vector<Core>& cores, const std::vector<int>& allowed,
                    CoreChoice* choice) {
  std::vector<int> wanted;
  if (request == "all") {
    wanted = allowed;
  } else if (request == "big" || request == "little") {
    for (const Core& core : cores) {
      if (request == core.cluster || std::strcmp(core.cluster, "all") == 0) wanted.push_back(core.id);
    }
  } else if (Status status = parse_mask(request, cores, &wanted); !status.ok()) {
    return status;
  }
  for (const int id : wanted) {
    if (contains(allowed, id)) choice->cores.push_back(id);
  }
  const std::string name(request);
  if (choice->cores.empty()) {
    // A background app on Android may be kept off the big cores; running where it may is more useful than failing.
    choice->warnings.push_back(format("affinity %s: this process may use only cores %s; running there", name.c_str(),
                                      core_list(allowed).c_str()));
    choice->cores = allowed;
  } else if (choice->cores.size() < wanted.size()) {
    choice->warnings.push_back(format("affinity %s: of cores %s this process may use only %s", name.c_str(),
                                      core_list(wanted).c_str(), core_list(choice->cores).c_str()));
  }
  choice->pin = choice->cores.size() < allowed.size();
  return {};
}

}  // namespace mdeploy::harness
