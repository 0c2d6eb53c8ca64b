// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "proto/wire.h"

namespace mdeploy::proto {
namespace {
constexpr int kMaxGroupDepth = 100;  // protobuf's own recursion limit
}

uint64_t WireReader::raw_varint() {
  uint64_t value = 0;
  for (int shift = 0; shift < 70; shift += 7) {
    if (position_ == end_) {
      fail("the message ends inside a number");
      return 0;
    }
    const auto byte = static_cast<unsigned char>(*position_++);
    if (shift < 63 || byte <= 1) value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) return value;
  }
  fail("a number is longer than 10 bytes");
  return 0;
}

bool WireReader::next() {
  if (failed() || position_ == end_) return false;
  const uint64_t tag = raw_varint();
  if (failed()) return false;
  field_ = static_cast<uint32_t>(tag >> 3);
  const auto type = static_cast<uint32_t>(tag & 7);
  if (tag > UINT32_MAX || field_ == 0 || type > 5) {
    fail("a field has an invalid tag");
    return false;
  }
  type_ = static_cast<WireType>(type);
  if (type_ == WireType::kEndGroup) {
    fail("a group ends that has not begun");
    return false;
  }
  return true;
}

uint64_t WireReader::varint() { return expect(WireType::kVarint) ? raw_varint() : 0; }

uint32_t WireReader::fixed32() {
  if (!expect(WireType::kFixed32)) return 0;
  uint32_t value = 0;
  if (left() < sizeof(value)) {
    fail("the message ends inside a number");
    return 0;
  }
  std::memcpy(&value, position_, sizeof(value));
  position_ += sizeof(value);
  return value;
}

uint64_t WireReader::fixed64() {
  if (!expect(WireType::kFixed64)) return 0;
  uint64_t value = 0;
  if (left() < sizeof(value)) {
    fail("the message ends inside a number");
    return 0;
  }
  std::memcpy(&value, position_, sizeof(value));
  position_ += sizeof(value);
  return value;
}

std::string_view WireReader::bytes() {
  if (!expect(WireType::kBytes)) return {};
  const uint64_t size = raw_varint();
  if (failed()) return {};
  if (size > left()) {
    fail("a field is longer than the message around it");
    return {};
  }
  const std::string_view view(position_, static_cast<size_t>(size));
  position_ += size;
  return view;
}

void WireReader::skip() {
  switch (type_) {
    case WireType::kVarint: varint(); break;
    case WireType::kFixed64: fixed64(); break;
    case WireType::kBytes: bytes(); break;
    case WireType::kFixed32: fixed32(); break;
    case WireType::kGroup: skip_group(); break;
    case WireType::kEndGroup: fail("a group ends that has not begun"); break;
  }
}

void WireReader::skip_group() {
  uint32_t open[kMaxGroupDepth];
  int depth = 0;
  open[depth++] = field_;
  while (depth > 0 && !failed()) {
    const uint64_t tag = raw_varint();
    if (failed()) return;
    const auto field = static_cast<uint32_t>(tag >> 3);
    const auto type = static_cast<uint32_t>(tag & 7);
    if (tag > UINT32_MAX || field == 0 || type > 5) return fail("a field has an invalid tag");
    type_ = static_cast<WireType>(type);
    if (type_ == WireType::kGroup) {
      if (depth == kMaxGroupDepth) return fail("groups are nested too deeply");
      open[depth++] = field;
    } else if (type_ == WireType::kEndGroup) {
      if (open[--depth] != field) return fail("a group ends that has not begun");
    } else {
      skip();
    }
  }
}

void append_varint(std::string& out, uint64_t value) {
  while (value >= 0x80) {
    out += static_cast<char>(value | 0x80);
    value >>= 7;
  }
  out += static_cast<char>(value);
}

void append_tag(std::string& out, uint32_t field, WireType type) {
  append_varint(out, (static_cast<uint64_t>(field) << 3) | static_cast<uint32_t>(type));
}

void append_bytes(std::string& out, uint32_t field, std::string_view bytes) {
  append_tag(out, field, WireType::kBytes);
  append_varint(out, bytes.size());
  out.append(bytes);
}

}  // namespace mdeploy::proto
