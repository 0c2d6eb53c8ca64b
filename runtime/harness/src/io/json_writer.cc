// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "io/json_writer.h"

#include <cmath>

#include "io/text.h"
#include "io/utf8.h"

namespace mdeploy::harness {

void JsonWriter::separate() {
  if (!first_ && !after_key_) text_ += ',';
  first_ = after_key_ = false;
}

void JsonWriter::open(char bracket) {
  separate();
  text_ += bracket;
  first_ = true;
}

void JsonWriter::close(char bracket) {
  text_ += bracket;
  first_ = false;
}

void JsonWriter::key(std::string_view name) {
  string(name);
  text_ += ':';
  after_key_ = true;
}

void JsonWriter::string(std::string_view text) {
  separate();
  text_ += '"';
  while (!text.empty()) {
    const size_t length = utf8_character(text);
    const char c = text[0];
    if (length == 0) {
      append_utf8(0xFFFD, &text_);  // file names may hold any bytes
    } else if (c == '"' || c == '\\') {
      text_ += '\\', text_ += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      text_ += format("\\u%04x", c);
    } else {
      text_ += text.substr(0, length);
    }
    text.remove_prefix(length ? length : 1);
  }
  text_ += '"';
}

void JsonWriter::integer(int64_t value) {
  separate();
  text_ += format("%lld", static_cast<long long>(value));
}

void JsonWriter::number(double value) {
  if (!std::isfinite(value)) return null();
  separate();
  text_ += shortest(value);
}

void JsonWriter::boolean(bool value) {
  separate();
  text_ += value ? "true" : "false";
}

void JsonWriter::null() {
  separate();
  text_ += "null";
}

}  // namespace mdeploy::harness
