// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "device/device.h"

#include <gtest/gtest.h>

#include "device/emulation.h"
#include "device/process.h"
#include "testing/temporary.h"

namespace mdeploy::harness {
namespace {

constexpr const char* kGetprop =
    "[ro.product.model]: [Pixel 8 Pro]\n[ro.product.manufacturer]: [Google]\n[ro.soc.model]: [Tensor G3]\n"
    "[ro.build.version.release]: [14]\r\n[ro.build.version.sdk]: [34]\n[ro.product.cpu.abi]: [arm64-v8a]\n"
    "[empty]: []\n[two\nlines]: [x]\nrubbish\n[]: []\n";

TEST(Android, Properties) {
  const Properties properties = parse_properties(kGetprop);
  EXPECT_EQ(property(properties, {"ro.product.model"}), "Pixel 8 Pro");
  EXPECT_EQ(property(properties, {"ro.missing", "ro.build.version.release"}), "14");
  EXPECT_EQ(property(properties, {"empty"}), std::nullopt);
  EXPECT_TRUE(parse_properties("").empty());
}

TEST(Android, DeviceFromProperties) {
  const Device device = read_device(parse_properties(kGetprop));
  EXPECT_EQ(device.os, "Android");
  EXPECT_EQ(device.model, "Pixel 8 Pro");
  EXPECT_EQ(device.manufacturer, "Google");
  EXPECT_EQ(device.soc, "Tensor G3");
  EXPECT_EQ(device.os_version, "14");
  EXPECT_EQ(device.sdk, 34);
  EXPECT_EQ(device.abi, compiled_abi());
}

TEST(Android, Emulators) {
  EXPECT_FALSE(is_android_emulator(parse_properties(kGetprop), "arm64-v8a"));
  EXPECT_FALSE(is_android_emulator({}, "arm64-v8a"));
  EXPECT_TRUE(is_android_emulator({{"ro.kernel.qemu", "1"}}, "x86_64"));
  EXPECT_TRUE(is_android_emulator({{"ro.hardware", "ranchu"}}, "x86_64"));
  EXPECT_TRUE(is_android_emulator({{"ro.product.cpu.abi", "x86_64"}}, "arm64-v8a")) << "translated code";
  EXPECT_FALSE(is_android_emulator({{"ro.product.cpu.abi", "x86_64"}}, "x86_64"));
}

TEST(Device, LinuxFiles) {
  const TemporaryDirectory root;
  root.write("sys/class/dmi/id/product_name", "Some Board\n");
  root.write("proc/cpuinfo", "processor\t: 0\nmodel name\t: Fast CPU 9000\n");
  root.write("etc/os-release", "ID=debian\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n");
  const Device device = read_device({}, root.path());
  EXPECT_EQ(device.os, "Linux");
  EXPECT_EQ(device.model, "Some Board");
  EXPECT_EQ(device.soc, "Fast CPU 9000");
  EXPECT_EQ(device.os_version, "Debian GNU/Linux 12 (bookworm)");
  EXPECT_FALSE(device.sdk.has_value());
  EXPECT_GT(device.page_size_bytes.value_or(0), 0);
  EXPECT_GT(device.memory_bytes.value_or(0), 1 << 20);
  EXPECT_FALSE(read_device({}, "/no/such/root").model.has_value());
}

TEST(Thermal, ZonesAndUnits) {
  const TemporaryDirectory root;
  const auto zone = [&](const std::string& number, const std::string& type, const std::string& temperature) {
    root.write("sys/class/thermal/thermal_zone" + number + "/type", type + "\n");
    root.write("sys/class/thermal/thermal_zone" + number + "/temp", temperature + "\n");
  };
  zone("0", "cpu-0-0-usr", "41500");
  zone("1", "cpu-0-0-usr", "43250");        // the same name twice
  zone("2", "battery", "305");              // tenths of a degree
  zone("3", "skin", "37");                  // degrees
  zone("4", "pm8150b-vbat-lvl0", "90000");  // volts
  zone("5", "broken", "-274000");
  zone("6", "empty", "");
  root.write("sys/class/thermal/cooling_device0/type", "fan\n");
  const Thermal thermal = read_thermal_zones(root.path());
  EXPECT_EQ(thermal.zones, (std::map<std::string, double>{{"cpu-0-0-usr", 41.5},
                                                          {"cpu-0-0-usr.1", 43.25},
                                                          {"battery", 30.5},
                                                          {"skin", 37.0},
                                                          {"pm8150b-vbat-lvl0", 90.0}}));
  EXPECT_EQ(thermal.max_c, 43.25);
  EXPECT_FALSE(read_thermal_zones("/no/such/root").max_c.has_value());
}

TEST(Thermal, Service) {
  EXPECT_EQ(parse_thermal_service("IsStatusOverride: false\nThermal Status: 2\nCached temperatures:\n"), 2);
  EXPECT_EQ(parse_thermal_service("Thermal Status: ?\n"), std::nullopt);
  EXPECT_EQ(parse_thermal_service(""), std::nullopt);
}

TEST(Battery, Files) {
  const TemporaryDirectory root;
  const std::string supplies = "sys/class/power_supply/";
  root.write(supplies + "ac/type", "Mains\n");
  root.write(supplies + "a-mouse/type", "Battery\n");
  root.write(supplies + "a-mouse/scope", "Device\n");
  root.write(supplies + "a-mouse/capacity", "12\n");
  root.write(supplies + "battery/type", "Battery\n");
  root.write(supplies + "battery/capacity", "83\n");
  root.write(supplies + "battery/temp", "287\n");
  root.write(supplies + "battery/status", "Discharging\n");
  const Battery battery = read_battery_files(root.path());
  EXPECT_EQ(battery.level_percent, 83);
  EXPECT_NEAR(battery.temperature_c.value_or(0), 28.7, 1e-9);
  EXPECT_EQ(battery.charging, false);
  EXPECT_FALSE(read_battery_files("/no/such/root").level_percent.has_value());
}

TEST(Battery, Service) {
  const Battery battery = parse_battery_service(
      "Current Battery Service state:\n  AC powered: false\n  status: 2\n  level: 64\n  temperature: 312\n");
  EXPECT_EQ(battery.level_percent, 64);
  EXPECT_NEAR(battery.temperature_c.value_or(0), 31.2, 1e-9);
  EXPECT_EQ(battery.charging, true);
  EXPECT_FALSE(parse_battery_service("Can't find service: battery").charging.has_value());
}

TEST(Process, Readings) {
  EXPECT_GT(peak_rss_bytes().value_or(0), 100'000);
  EXPECT_EQ(elf_machine("/no/such/file"), std::nullopt);
  const TemporaryDirectory place;
  EXPECT_EQ(elf_machine(place.write("text", "#!/bin/sh and some more text")), std::nullopt);
#if defined(__linux__)
  EXPECT_TRUE(elf_machine("/proc/self/exe").has_value());
  EXPECT_EQ(system_tool_output({"/bin/echo", "hello"}), "hello\n");
  EXPECT_EQ(system_tool_output({"/bin/false"}), std::nullopt);
  EXPECT_EQ(system_tool_output({"/no/such/tool"}), std::nullopt);
  EXPECT_EQ(system_tool_output({"/bin/sleep", "60"}), std::nullopt) << "ended after two seconds";
#endif
}

}  // namespace
}  // namespace mdeploy::harness
