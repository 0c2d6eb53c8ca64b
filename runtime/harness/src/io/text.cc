// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "io/text.h"

#include <cerrno>
#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>

namespace mdeploy::harness {

std::string format(const char* pattern, ...) {
  va_list arguments;
  va_start(arguments, pattern);
  va_list again;
  va_copy(again, arguments);
  const int size = std::vsnprintf(nullptr, 0, pattern, arguments);
  va_end(arguments);
  std::string text(size > 0 ? static_cast<size_t>(size) : 0, '\0');
  if (size > 0) std::vsnprintf(text.data(), text.size() + 1, pattern, again);
  va_end(again);
  return text;
}

std::string shortest(double value) {
  char buffer[40];
  for (const int digits : {6, 9, 12, 15, 17}) {
    std::snprintf(buffer, sizeof buffer, "%.*g", digits, value);
    if (std::strtod(buffer, nullptr) == value) break;
  }
  std::string text = buffer;
  for (char& c : text) {
    if (c == ',') c = '.';  // an app may have set a locale with a decimal comma
  }
  return text;
}

bool parse_int(std::string_view text, int64_t* value) {
  const std::string copy(text);
  if (copy.empty() || copy[0] == ' ' || copy[0] == '+') return false;
  char* end = nullptr;
  errno = 0;
  const long long parsed = std::strtoll(copy.c_str(), &end, 10);
  if (errno != 0 || end != copy.c_str() + copy.size()) return false;
  *value = parsed;
  return true;
}

bool parse_double(std::string_view text, double* value) {
  const std::string copy(text);
  // strtod also takes hexadecimal, "inf" and "nan": none of them is a count of seconds or a tolerance.
  if (copy.empty() || copy.find_first_not_of("0123456789.eE+-") != std::string::npos || copy[0] == '+') return false;
  char* end = nullptr;
  const double parsed = std::strtod(copy.c_str(), &end);
  if (end != copy.c_str() + copy.size() || !std::isfinite(parsed)) return false;
  *value = parsed;
  return true;
}

std::string_view trim(std::string_view text) {
  const char* blank = " \t\r\n\0";
  const std::string_view blanks(blank, 5);
  const size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

std::vector<std::string_view> split_lines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    lines.push_back(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  }
  return lines;
}

std::string core_list(const std::vector<int>& cores) {
  std::string text;
  for (size_t i = 0; i < cores.size();) {
    size_t j = i;
    while (j + 1 < cores.size() && cores[j + 1] == cores[j] + 1) ++j;
    if (!text.empty()) text += ',';
    text += format(j > i ? "%d-%d" : "%d", cores[i], cores[j]);
    i = j + 1;
  }
  return text;
}

bool parse_core_list(std::string_view text, std::vector<int>* cores) {
  constexpr int64_t kMaxCore = 1023;
  cores->clear();
  text = trim(text);
  while (!text.empty()) {
    const size_t comma = text.find(',');
    const std::string_view part = text.substr(0, comma);
    text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
    const size_t dash = part.find('-');
    int64_t first = 0, last = 0;
    if (!parse_int(part.substr(0, dash), &first)) return false;
    last = first;
    if (dash != std::string_view::npos && !parse_int(part.substr(dash + 1), &last)) return false;
    if (first < 0 || last < first || last > kMaxCore) return false;
    for (int64_t core = first; core <= last; ++core) cores->push_back(static_cast<int>(core));
  }
  return !cores->empty();
}

std::string shape_text(const std::vector<int64_t>& dims) {
  std::string text = "[";
  for (size_t i = 0; i < dims.size(); ++i) text += format(i ? ", %lld" : "%lld", static_cast<long long>(dims[i]));
  return text + "]";
}

std::string printable(std::string_view text, size_t limit) {
  std::string result;
  for (const char c : text.substr(0, limit)) result += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  if (text.size() > limit) result += "...";
  return result;
}

}  // namespace mdeploy::harness
