// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// What the report says about the device: model and system, temperatures, battery. Readers take the root of the system
// files, "" for the real ones, so that recorded devices can be tested.
#ifndef MDEPLOY_HARNESS_DEVICE_DEVICE_H_
#define MDEPLOY_HARNESS_DEVICE_DEVICE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "device/android.h"

namespace mdeploy::harness {

struct Device {
  std::optional<std::string> model, manufacturer, soc;
  std::string os = "unknown";
  std::optional<std::string> os_version;
  std::optional<int64_t> sdk;
  std::string abi;
  std::optional<std::string> kernel;
  std::optional<int64_t> page_size_bytes, memory_bytes;
};

struct Thermal {
  std::optional<double> max_c;          // over zones that measure a temperature of the chip
  std::map<std::string, double> zones;  // degrees Celsius
  std::optional<int64_t> status;        // Android PowerManager's 0..6
};

struct Battery {
  std::optional<double> level_percent, temperature_c;
  std::optional<bool> charging;
};

Device read_device(const Properties& properties, const std::string& root = "");

Thermal read_thermal_zones(const std::string& root = "");
// "Thermal Status: 0" out of dumpsys thermalservice.
std::optional<int64_t> parse_thermal_service(std::string_view text);

Battery read_battery_files(const std::string& root = "");
// Output of dumpsys battery.
Battery parse_battery_service(std::string_view text);

// All that can be read on this device, with Android's services where a shell may ask them.
Thermal read_thermal();
Battery read_battery();

}  // namespace mdeploy::harness

#endif  // MDEPLOY_HARNESS_DEVICE_DEVICE_H_
