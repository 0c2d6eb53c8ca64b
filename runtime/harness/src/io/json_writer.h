// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// Writes one line of JSON. NaN and infinities become null.
#ifndef MDEPLOY_HARNESS_IO_JSON_WRITER_H_
#define MDEPLOY_HARNESS_IO_JSON_WRITER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mdeploy::harness {

class JsonWriter {
 public:
  void begin_object() { open('{'); }
  void end_object() { close('}'); }
  void begin_array() { open('['); }
  void end_array() { close(']'); }
  // Names the next value of an object.
  void key(std::string_view name);

  void string(std::string_view text);
  void integer(int64_t value);
  void number(double value);
  void boolean(bool value);
  void null();

  void field(std::string_view name, std::string_view text) { key(name), string(text); }
  void field(std::string_view name, const char* text) { key(name), string(text); }
  void field(std::string_view name, bool value) { key(name), boolean(value); }
  void field(std::string_view name, int64_t value) { key(name), integer(value); }
  void field(std::string_view name, double value) { key(name), number(value); }
  template <typename T>
  void field(std::string_view name, const std::optional<T>& value) {
    if (value) return field(name, *value);
    key(name), null();
  }

  const std::string& text() const { return text_; }

 private:
  void open(char bracket);
  void close(char bracket);
  void separate();

  std::string text_;
  bool first_ = true;  // nothing written in the current object or array yet
  bool after_key_ = false;
};

}  // namespace mdeploy::harness

#endif  // MDEPLOY_HARNESS_IO_JSON_WRITER_H_
