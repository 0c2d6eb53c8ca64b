// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// Field names, numbers and types of the messages that a NetDef is made of, for the text reader.
#ifndef MDEPLOY_PROTO_TEXT_SCHEMA_H_
#define MDEPLOY_PROTO_TEXT_SCHEMA_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace mdeploy::proto {

enum class FieldKind { kFloat, kDouble, kInteger, kBool, kBytes, kMessage };

struct MessageSchema;

struct FieldSchema {
  std::string_view name;
  uint32_t number;
  FieldKind kind;
  const MessageSchema* message;  // for kMessage
};

struct MessageSchema {
  std::string_view name;
  const FieldSchema* fields;
  size_t field_count;

  const FieldSchema* find(std::string_view field) const;
};

const MessageSchema& netdef_schema();

// The number of an enum value written by name: TensorProto.DataType and DeviceTypeProto.
std::optional<int64_t> enum_value(std::string_view name);

}  // namespace mdeploy::proto

#endif  // MDEPLOY_PROTO_TEXT_SCHEMA_H_
