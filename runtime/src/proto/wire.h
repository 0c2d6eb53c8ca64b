// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// The protobuf wire format: a bounds-checked reader that copies nothing, and the few writers that the text reader
// needs.
#ifndef MDEPLOY_PROTO_WIRE_H_
#define MDEPLOY_PROTO_WIRE_H_

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace mdeploy::proto {

enum class WireType : uint32_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kGroup = 3, kEndGroup = 4, kFixed32 = 5 };

// Reads one message field by field:
//   while (reader.next()) switch (reader.field()) { case 1: name = reader.bytes(); break; default: reader.skip(); }
//   if (reader.failed()) ...
// After a failure every read gives zeros and next() is false. A field must be read or skipped exactly once.
class WireReader {
 public:
  explicit WireReader(std::string_view bytes) : position_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  bool next();
  uint32_t field() const { return field_; }
  WireType type() const { return type_; }
  bool at_end() const { return position_ == end_; }

  uint64_t varint();
  uint32_t fixed32();
  uint64_t fixed64();
  std::string_view bytes();
  void skip();

  bool failed() const { return error_ != nullptr; }
  // What is wrong, in words; null when nothing is.
  const char* error() const { return error_; }
  void fail(const char* error) {
    if (error_ == nullptr) error_ = error;
    position_ = end_;
  }

 private:
  void skip_group();
  // True when the field has the wire type that the schema gives it.
  bool expect(WireType type) {
    if (type_ != type) fail("a field has another wire type than its message declares");
    return !failed();
  }
  size_t left() const { return static_cast<size_t>(end_ - position_); }
  uint64_t raw_varint();

  const char* position_;
  const char* end_;
  uint32_t field_ = 0;
  WireType type_ = WireType::kVarint;
  const char* error_ = nullptr;
};

// Wire values are little-endian, and so is every processor that this runtime is built for.
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "big-endian processors are not supported");

inline float float_from_bits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

void append_varint(std::string& out, uint64_t value);
void append_tag(std::string& out, uint32_t field, WireType type);
void append_bytes(std::string& out, uint32_t field, std::string_view bytes);

}  // namespace mdeploy::proto

#endif  // MDEPLOY_PROTO_WIRE_H_
