// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// A strict reader of RFC 8259 JSON for small documents that are not trusted: bounded in depth and in the number of
// values; duplicate keys, invalid UTF-8, lone surrogates and anything after the document are refused.
#ifndef MDEPLOY_HARNESS_IO_JSON_READER_H_
#define MDEPLOY_HARNESS_IO_JSON_READER_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "io/status.h"

namespace mdeploy::harness {

class JsonValue {
 public:
  enum class Kind { kNull, kBoolean, kNumber, kString, kArray, kObject };

  Kind kind = Kind::kNull;
  bool boolean = false;
  double number = 0;
  bool is_integer = false;  // written without fraction and exponent, and within int64
  int64_t integer = 0;
  std::string string;
  std::vector<JsonValue> items;                            // of an array
  std::vector<std::pair<std::string, JsonValue>> members;  // of an object, in file order

  // The member of an object, or NULL.
  const JsonValue* find(std::string_view name) const;
  bool is(Kind wanted) const { return kind == wanted; }
};

// `where` starts the message of an error, which names line and column.
Status parse_json(std::string_view text, const std::string& where, JsonValue* value);

}  // namespace mdeploy::harness

#endif  // MDEPLOY_HARNESS_IO_JSON_READER_H_
