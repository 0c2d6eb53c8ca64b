// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// Text for people and machines: printf into strings, numbers that do not depend on the locale, strict parsing.
#ifndef MDEPLOY_HARNESS_IO_TEXT_H_
#define MDEPLOY_HARNESS_IO_TEXT_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mdeploy::harness {

__attribute__((format(printf, 1, 2))) std::string format(const char* pattern, ...);

// The shortest decimal form that reads back as the same double; "null" is the caller's business.
std::string shortest(double value);

// Whole-string parses; false when anything is left over, out of range or not finite.
bool parse_int(std::string_view text, int64_t* value);
bool parse_double(std::string_view text, double* value);

std::string_view trim(std::string_view text);
std::vector<std::string_view> split_lines(std::string_view text);

// "0-3,7": core lists as /sys and people write them.
std::string core_list(const std::vector<int>& cores);
// Reads such a list; false when malformed or when an id is above 1023.
bool parse_core_list(std::string_view text, std::vector<int>* cores);

// "[1, 3, 32, 32]"
std::string shape_text(const std::vector<int64_t>& dims);

// One line without control characters, for messages that quote what a file says.
std::string printable(std::string_view text, size_t limit = 120);

}  // namespace mdeploy::harness

#endif  // MDEPLOY_HARNESS_IO_TEXT_H_
