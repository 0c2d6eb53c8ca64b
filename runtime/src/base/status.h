// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// Errors as values: nothing in the runtime throws on purpose, and nothing aborts.
#ifndef MDEPLOY_BASE_STATUS_H_
#define MDEPLOY_BASE_STATUS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "mdeploy/mdeploy_runtime.h"

namespace mdeploy {

inline void append_text(std::string& out, std::string_view text) { out.append(text); }
inline void append_text(std::string& out, const char* text) { out.append(text); }
inline void append_text(std::string& out, const std::string& text) { out.append(text); }
template <typename T, std::enable_if_t<std::is_arithmetic_v<T>, int> = 0>
void append_text(std::string& out, T number) {
  out.append(std::to_string(number));
}

// Strings and numbers one after the other. Types of the project join in by an append_text overload.
template <typename... Parts>
std::string cat(const Parts&... parts) {
  std::string out;
  (append_text(out, parts), ...);
  return out;
}

// A name from a file between double quotes, fit for one line of an error message.
std::string quoted(std::string_view name);

class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(mdeploy_status code, std::string message) : code_(code), message_(std::move(message)) {}

  static Status ok_status() { return {}; }
  bool ok() const { return code_ == MDEPLOY_OK; }
  mdeploy_status code() const { return code_; }
  const std::string& message() const { return message_; }
  // The same error with words in front.
  Status with_prefix(std::string_view prefix) const { return ok() ? *this : Status(code_, cat(prefix, message_)); }

 private:
  mdeploy_status code_ = MDEPLOY_OK;
  std::string message_;
};

template <typename... Parts>
Status usage_error(const Parts&... parts) {
  return {MDEPLOY_USAGE, cat(parts...)};
}
template <typename... Parts>
Status bad_input(const Parts&... parts) {
  return {MDEPLOY_BAD_INPUT, cat(parts...)};
}
template <typename... Parts>
Status unsupported(const Parts&... parts) {
  return {MDEPLOY_UNSUPPORTED, cat(parts...)};
}
template <typename... Parts>
Status unavailable(const Parts&... parts) {
  return {MDEPLOY_UNAVAILABLE, cat(parts...)};
}
template <typename... Parts>
Status internal_error(const Parts&... parts) {
  return {MDEPLOY_INTERNAL, cat(parts...)};
}

#define MDEPLOY_TRY(expression)                                                           \
  do {                                                                                    \
    if (::mdeploy::Status try_status = (expression); !try_status.ok()) return try_status; \
  } while (false)

}  // namespace mdeploy

#endif  // MDEPLOY_BASE_STATUS_H_
