// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "device/android.h"

#include "device/process.h"
#include "io/text.h"

#if defined(__ANDROID__)
#include <sys/system_properties.h>
#endif

namespace mdeploy::harness {
namespace {

#if defined(__ANDROID__)
// The NDK build links bionic, which has the properties mapped; an app could not start getprop.
Properties read_properties() {
  Properties properties;
  for (const char* name : {"ro.product.model", "ro.product.manufacturer", "ro.soc.model", "ro.soc.manufacturer",
                           "ro.board.platform", "ro.hardware", "ro.build.version.release", "ro.build.version.sdk",
                           "ro.kernel.qemu", "ro.boot.qemu", "ro.product.cpu.abi"}) {
    char value[PROP_VALUE_MAX] = "";
    if (__system_property_get(name, value) > 0) properties[name] = value;
  }
  return properties;
}
#else
// A static musl executable cannot map the properties, but the shell has a tool.
Properties read_properties() {
  const std::optional<std::string> output = system_tool_output({"/system/bin/getprop"});
  return output ? parse_properties(*output) : Properties();
}
#endif

}  // namespace

const Properties& android_properties() {
  static const Properties properties = read_properties();
  return properties;
}

Properties parse_properties(std::string_view text) {
  Properties properties;
  for (std::string_view line : split_lines(text)) {
    line = trim(line);
    const size_t middle = line.find("]: [");
    if (line.size() < 6 || line.front() != '[' || line.back() != ']' || middle == std::string_view::npos) continue;
    properties.emplace(line.substr(1, middle - 1), line.substr(middle + 4, line.size() - middle - 5));
  }
  return properties;
}

std::optional<std::string> property(const Properties& properties, std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    const auto found = properties.find(name);
    if (found != properties.end() && !found->second.empty()) return found->second;
  }
  return std::nullopt;
}

bool is_android_emulator(const Properties& properties, std::string_view abi) {
  if (property(properties, {"ro.boot.qemu", "ro.kernel.qemu"}).value_or("0") == "1") return true;
  const std::string hardware = property(properties, {"ro.hardware"}).value_or("");
  if (hardware == "ranchu" || hardware == "goldfish" || hardware.rfind("cutf", 0) == 0) return true;
  // ARM code on an x86 device goes through a translator.
  const std::string device_abi = property(properties, {"ro.product.cpu.abi"}).value_or(std::string(abi));
  return device_abi.rfind("x86", 0) == 0 && abi.rfind("arm", 0) == 0;
}

std::optional<std::string> dumpsys_value(std::string_view text, std::string_view key) {
  for (const std::string_view line : split_lines(text)) {
    const std::string_view entry = trim(line);
    if (entry.size() > key.size() && entry.substr(0, key.size()) == key && entry[key.size()] == ':') {
      return std::string(trim(entry.substr(key.size() + 1)));
    }
  }
  return std::nullopt;
}

}  // namespace mdeploy::harness
