// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// Android's build properties and system services.
#ifndef MDEPLOY_HARNESS_DEVICE_ANDROID_H_
#define MDEPLOY_HARNESS_DEVICE_ANDROID_H_

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace mdeploy::harness {

using Properties = std::map<std::string, std::string, std::less<>>;

// The properties of this device, read once; empty where this is not Android.
const Properties& android_properties();

// Parses the output of getprop: lines "[name]: [value]".
Properties parse_properties(std::string_view text);

// A property's value, or nothing when it is absent or empty. The first of several names that has one wins.
std::optional<std::string> property(const Properties& properties, std::initializer_list<std::string_view> names);

// Whether these properties belong to an emulator, or to a device that translates the code of `abi`.
bool is_android_emulator(const Properties& properties, std::string_view abi);

// Value of "key: value" in the output of dumpsys.
std::optional<std::string> dumpsys_value(std::string_view text, std::string_view key);

}  // namespace mdeploy::harness

#endif  // MDEPLOY_HARNESS_DEVICE_ANDROID_H_
