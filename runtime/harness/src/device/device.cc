// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "device/device.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>

#include "device/emulation.h"
#include "device/process.h"
#include "io/files.h"
#include "io/text.h"

#if defined(__APPLE__)
#include <TargetConditionals.h>
#include <sys/sysctl.h>
#endif

namespace mdeploy::harness {
namespace {

void fill_android(const Properties& properties, Device* device) {
  device->os = "Android";
  device->model = property(properties, {"ro.product.model"});
  device->manufacturer = property(properties, {"ro.product.manufacturer"});
  device->soc = property(properties, {"ro.soc.model", "ro.board.platform", "ro.hardware"});
  device->os_version = property(properties, {"ro.build.version.release"});
  int64_t sdk = 0;
  if (parse_int(property(properties, {"ro.build.version.sdk"}).value_or(""), &sdk)) device->sdk = sdk;
}

#if defined(__APPLE__)

std::optional<std::string> sysctl_text(const char* name) {
  char buffer[256];
  size_t size = sizeof buffer;
  if (::sysctlbyname(name, buffer, &size, nullptr, 0) != 0 || size < 2) return std::nullopt;
  return std::string(buffer, size - 1);
}

void fill_host(const std::string&, Device* device) {
  device->os = TARGET_OS_IOS || TARGET_OS_SIMULATOR ? "iOS" : "macOS";
  device->model = sysctl_text(TARGET_OS_IOS ? "hw.machine" : "hw.model");
  device->manufacturer = "Apple";
  device->soc = sysctl_text("machdep.cpu.brand_string");
  device->os_version = sysctl_text("kern.osproductversion");
}

#else

// Value of the first "key : value" line of /proc/cpuinfo.
std::optional<std::string> cpuinfo_value(const std::string& cpuinfo, std::string_view key) {
  for (const std::string_view line : split_lines(cpuinfo)) {
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos || trim(line.substr(0, colon)) != key) continue;
    const std::string_view value = trim(line.substr(colon + 1));
    if (!value.empty()) return std::string(value);
  }
  return std::nullopt;
}

// PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
std::optional<std::string> os_release_name(const std::string& text) {
  for (const std::string_view line : split_lines(text)) {
    if (line.substr(0, 12) != "PRETTY_NAME=") continue;
    std::string_view value = trim(line.substr(12));
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"') value = value.substr(1, value.size() - 2);
    if (!value.empty()) return std::string(value);
  }
  return std::nullopt;
}

std::optional<std::string> first_file(const std::string& root, std::initializer_list<const char*> paths) {
  for (const char* path : paths) {
    if (std::optional<std::string> text = read_system_file(root + path)) return text;
  }
  return std::nullopt;
}

void fill_host(const std::string& root, Device* device) {
  device->os = "Linux";
  device->model = first_file(root, {"/proc/device-tree/model", "/sys/class/dmi/id/product_name"});
  device->manufacturer = first_file(root, {"/sys/class/dmi/id/sys_vendor"});
  const std::string cpuinfo = first_file(root, {"/proc/cpuinfo"}).value_or("");
  device->soc = cpuinfo_value(cpuinfo, "model name");
  if (!device->soc) device->soc = cpuinfo_value(cpuinfo, "Hardware");
  device->os_version = os_release_name(first_file(root, {"/etc/os-release", "/usr/lib/os-release"}).value_or(""));
}

#endif

std::optional<int64_t> system_value(int name) {
  const long value = ::sysconf(name);
  if (value <= 0) return std::nullopt;
  return value;
}

// The kernel's unit is a thousandth of a degree; some drivers give degrees or tenths.
std::optional<double> zone_degrees(std::string_view text) {
  int64_t raw = 0;
  if (!parse_int(trim(text), &raw)) return std::nullopt;
  const double degrees = std::abs(raw) >= 1000 ? raw / 1000.0 : std::abs(raw) >= 200 ? raw / 10.0 : raw;
  if (degrees < -60 || degrees > 200) return std::nullopt;
  return degrees;
}

// Zones by which vendors report volts, amperes and charge levels, and thresholds of a power limiter.
bool measures_temperature(const std::string& zone) {
  for (const char* other : {"bcl", "vbat", "ibat", "soc-limit", "socd", "charger", "lmh"}) {
    if (zone.find(other) != std::string::npos) return false;
  }
  return true;
}

std::optional<double> battery_number(const std::string& path, double unit) {
  int64_t value = 0;
  const std::optional<std::string> text = read_system_file(path);
  if (!text || !parse_int(*text, &value)) return std::nullopt;
  return static_cast<double>(value) * unit;
}

}  // namespace

Device read_device(const Properties& properties, const std::string& root) {
  Device device;
  device.abi = compiled_abi();
  if (!properties.empty()) {
    fill_android(properties, &device);
  } else {
    fill_host(root, &device);
  }
  utsname name{};
  if (::uname(&name) == 0) device.kernel = name.release;
  device.page_size_bytes = system_value(_SC_PAGESIZE);
#if defined(__APPLE__)
  int64_t memory = 0;
  size_t size = sizeof memory;
  if (::sysctlbyname("hw.memsize", &memory, &size, nullptr, 0) == 0) device.memory_bytes = memory;
#else
  const std::optional<int64_t> pages = system_value(_SC_PHYS_PAGES);
  if (pages && device.page_size_bytes) device.memory_bytes = *pages * *device.page_size_bytes;
#endif
  return device;
}

Thermal read_thermal_zones(const std::string& root) {
  const std::string directory = root + "/sys/class/thermal";
  Thermal thermal;
  for (const std::string& entry : list_directory(directory).value_or(std::vector<std::string>())) {
    if (entry.rfind("thermal_zone", 0) != 0) continue;
    const std::string zone = directory + "/" + entry;
    const std::optional<std::string> text = read_system_file(zone + "/temp");
    const std::optional<double> degrees = zone_degrees(text.value_or(""));
    if (!degrees) continue;
    const std::string type = read_system_file(zone + "/type").value_or(entry);
    thermal.zones[thermal.zones.count(type) ? type + "." + entry.substr(12) : type] = *degrees;
    if (measures_temperature(type)) thermal.max_c = std::max(thermal.max_c.value_or(*degrees), *degrees);
  }
  return thermal;
}

std::optional<int64_t> parse_thermal_service(std::string_view text) {
  int64_t status = 0;
  if (!parse_int(dumpsys_value(text, "Thermal Status").value_or(""), &status)) return std::nullopt;
  return status;
}

Battery read_battery_files(const std::string& root) {
  const std::string directory = root + "/sys/class/power_supply";
  Battery battery;
  for (const std::string& entry : list_directory(directory).value_or(std::vector<std::string>())) {
    const std::string supply = directory + "/" + entry + "/";
    // Mice and keyboards have batteries too: theirs have scope "Device".
    if (read_system_file(supply + "type").value_or("") != "Battery") continue;
    if (read_system_file(supply + "scope").value_or("") == "Device") continue;
    battery.level_percent = battery_number(supply + "capacity", 1.0);
    battery.temperature_c = battery_number(supply + "temp", 0.1);
    if (const std::optional<std::string> status = read_system_file(supply + "status")) {
      if (*status != "Unknown") battery.charging = *status == "Charging" || *status == "Full";
    }
    break;
  }
  return battery;
}

Battery parse_battery_service(std::string_view text) {
  Battery battery;
  int64_t value = 0;
  if (parse_int(dumpsys_value(text, "level").value_or(""), &value)) battery.level_percent = static_cast<double>(value);
  if (parse_int(dumpsys_value(text, "temperature").value_or(""), &value)) {
    battery.temperature_c = static_cast<double>(value) / 10.0;
  }
  // BatteryManager: 2 charging, 3 discharging, 4 not charging, 5 full.
  if (parse_int(dumpsys_value(text, "status").value_or(""), &value) && value >= 2) {
    battery.charging = value == 2 || value == 5;
  }
  return battery;
}

Thermal read_thermal() {
  Thermal thermal = read_thermal_zones();
  if (!android_properties().empty()) {
    const auto text = system_tool_output({"/system/bin/dumpsys", "thermalservice"});
    if (text) thermal.status = parse_thermal_service(*text);
  }
  return thermal;
}

Battery read_battery() {
  const Battery battery = read_battery_files();
  if (battery.level_percent || android_properties().empty()) return battery;
  const auto text = system_tool_output({"/system/bin/dumpsys", "battery"});
  return text ? parse_battery_service(*text) : battery;
}

}  // namespace mdeploy::harness
