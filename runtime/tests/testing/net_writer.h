// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// Writes NetDef messages byte by byte, with nothing of the reader's code.
#ifndef MDEPLOY_TESTS_TESTING_NET_WRITER_H_
#define MDEPLOY_TESTS_TESTING_NET_WRITER_H_

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace mdeploy::testing {

inline std::string varint(uint64_t value) {
  std::string out;
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(0x80 | (value & 0x7f));
  out += static_cast<char>(value);
  return out;
}

inline std::string field(int number, const std::string& bytes) {
  return varint(static_cast<uint64_t>(number) << 3 | 2) + varint(bytes.size()) + bytes;
}
inline std::string field(int number, int64_t value) {
  return varint(static_cast<uint64_t>(number) << 3) + varint(static_cast<uint64_t>(value));
}
inline std::string raw(float value) {
  char bytes[4];
  std::memcpy(bytes, &value, 4);
  return std::string(bytes, 4);
}
inline std::string field(int number, float value) {
  return varint(static_cast<uint64_t>(number) << 3 | 5) + raw(value);
}

// One Argument message as an operator's field 5.
inline std::string arg(const std::string& name, int64_t i) { return field(5, field(1, name) + field(3, i)); }
inline std::string arg(const std::string& name, int i) { return arg(name, static_cast<int64_t>(i)); }
inline std::string arg(const std::string& name, float f) { return field(5, field(1, name) + field(2, f)); }
inline std::string arg(const std::string& name, const char* s) {
  return field(5, field(1, name) + field(4, std::string(s)));
}
inline std::string arg(const std::string& name, const std::vector<int64_t>& ints) {
  std::string body = field(1, name);
  for (int64_t i : ints) body += field(6, i);
  return field(5, body);
}
// Packed, as our converter writes weights.
inline std::string arg(const std::string& name, const std::vector<float>& floats) {
  std::string packed;
  for (float f : floats) packed += raw(f);
  return field(5, field(1, name) + field(5, packed));
}

// One operator as a net's field 2.
inline std::string op(const std::string& type, const std::vector<std::string>& inputs,
                      const std::vector<std::string>& outputs, const std::string& arguments = "") {
  std::string body;
  for (const std::string& name : inputs) body += field(1, name);
  for (const std::string& name : outputs) body += field(2, name);
  return field(2, body + field(4, type) + arguments);
}

inline std::string fill(const std::string& name, const std::vector<int64_t>& shape, const std::vector<float>& values) {
  return op("GivenTensorFill", {}, {name}, arg("shape", shape) + arg("values", values));
}

inline std::string net(const std::string& operators, const std::vector<std::string>& inputs = {},
                       const std::vector<std::string>& outputs = {}) {
  std::string bytes = field(1, std::string("net")) + operators;
  for (const std::string& name : inputs) bytes += field(7, name);
  for (const std::string& name : outputs) bytes += field(8, name);
  return bytes;
}

}  // namespace mdeploy::testing

#endif  // MDEPLOY_TESTS_TESTING_NET_WRITER_H_
