// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "proto/netdef.h"

#include <algorithm>

#include "proto/text.h"
#include "proto/wire.h"

namespace mdeploy::proto {
namespace {

// Bounds on what a small hostile file may make us allocate; real nets have a few thousand operators.
constexpr size_t kMaxOperators = 100'000;
constexpr size_t kMaxArguments = 1'000'000;
constexpr size_t kMaxNames = 2'000'000;

enum ArgumentField : uint32_t { kName = 1, kF = 2, kI = 3, kS = 4, kFloats = 5, kInts = 6, kStrings = 7 };

struct Totals {
  size_t arguments = 0;
  size_t names = 0;
};

// A repeated scalar field comes one value a tag or packed into bytes. `on_value` gets each value of an unpacked field,
// `on_packed` each packed run.
template <typename OnPacked, typename OnValue>
void read_repeated(WireReader& reader, OnPacked on_packed, OnValue on_value) {
  if (reader.type() == WireType::kBytes) {
    on_packed(reader.bytes());
  } else {
    on_value();
  }
}

size_t count_varints(std::string_view packed) {
  // The last byte of a varint is the one without the high bit.
  return static_cast<size_t>(std::count_if(packed.begin(), packed.end(), [](char c) { return (c & 0x80) == 0; }));
}

Status parse_argument(std::string_view bytes, Argument* argument) {
  argument->body = bytes;
  WireReader reader(bytes);
  while (reader.next()) {
    switch (reader.field()) {
      case kName: argument->name = reader.bytes(); break;
      case kF: argument->f = float_from_bits(reader.fixed32()); break;
      case kI: argument->i = static_cast<int64_t>(reader.varint()); break;
      case kS: argument->s = reader.bytes(); break;
      case kFloats:
        read_repeated(
            reader,
            [&](std::string_view packed) {
              if (packed.size() % sizeof(float) != 0) reader.fail("packed floats are not a multiple of 4 bytes");
              argument->float_count += packed.size() / sizeof(float);
            },
            [&] {
              reader.fixed32();
              ++argument->float_count;
            });
        break;
      case kInts:
        read_repeated(
            reader,
            [&](std::string_view packed) {
              if (!packed.empty() && (packed.back() & 0x80) != 0) reader.fail("packed integers end inside a number");
              size_t run = 0;
              for (char c : packed) {
                run = (c & 0x80) != 0 ? run + 1 : 0;
                if (run >= 10) reader.fail("a number is longer than 10 bytes");
              }
              argument->int_count += count_varints(packed);
            },
            [&] {
              reader.varint();
              ++argument->int_count;
            });
        break;
      case kStrings:
        reader.bytes();
        ++argument->string_count;
        break;
      case 8:
      case 9:
      case 10:
      case 11:
      case 12:  // n, nets, t, tensors, qtensors
        argument->has_message = true;
        reader.skip();
        break;
      default: reader.skip();
    }
  }
  if (reader.failed()) return bad_input("argument ", quoted(argument->name), ": ", reader.error());
  return {};
}

Status parse_operator(std::string_view bytes, OperatorDef* op, Totals* totals) {
  WireReader reader(bytes);
  while (reader.next()) {
    switch (reader.field()) {
      case 1:
        op->inputs.push_back(reader.bytes());
        ++totals->names;
        break;
      case 2:
        op->outputs.push_back(reader.bytes());
        ++totals->names;
        break;
      case 3: op->name = reader.bytes(); break;
      case 4: op->type = reader.bytes(); break;
      case 5: {
        const std::string_view body = reader.bytes();
        if (reader.failed()) break;
        if (++totals->arguments > kMaxArguments) return bad_input("more than ", kMaxArguments, " arguments");
        op->arguments.emplace_back();
        MDEPLOY_TRY(parse_argument(body, &op->arguments.back()));
        break;
      }
      case 7: op->engine = reader.bytes(); break;
      default: reader.skip();
    }
    if (totals->names > kMaxNames) return bad_input("more than ", kMaxNames, " blob names");
  }
  if (reader.failed()) return bad_input(reader.error());
  if (op->type.empty()) return bad_input("it has no type");
  return {};
}

}  // namespace

void Argument::read_floats(float* out) const {
  WireReader reader(body);
  while (reader.next()) {
    if (reader.field() != kFloats) {
      reader.skip();
      continue;
    }
    read_repeated(
        reader,
        [&](std::string_view packed) {
          if (packed.empty()) return;
          std::memcpy(out, packed.data(), packed.size());
          out += packed.size() / sizeof(float);
        },
        [&] { *out++ = float_from_bits(reader.fixed32()); });
  }
}

std::string_view Argument::packed_floats() const {
  std::string_view run;
  WireReader reader(body);
  while (reader.next()) {
    if (reader.field() == kFloats && reader.type() == WireType::kBytes && run.empty()) {
      run = reader.bytes();
    } else {
      reader.skip();
    }
  }
  return run.size() / sizeof(float) == float_count ? run : std::string_view();
}

void Argument::read_ints(int64_t* out) const {
  WireReader reader(body);
  while (reader.next()) {
    if (reader.field() != kInts) {
      reader.skip();
      continue;
    }
    read_repeated(
        reader,
        [&](std::string_view packed) {
          uint64_t value = 0;
          int shift = 0;
          for (char c : packed) {
            if (shift < 64) value |= static_cast<uint64_t>(c & 0x7f) << shift;
            shift += 7;
            if ((c & 0x80) != 0) continue;
            *out++ = static_cast<int64_t>(value);
            value = 0;
            shift = 0;
          }
        },
        [&] { *out++ = static_cast<int64_t>(reader.varint()); });
  }
}

std::vector<float> Argument::floats() const {
  std::vector<float> values(static_cast<size_t>(float_count));
  read_floats(values.data());
  return values;
}

std::vector<int64_t> Argument::ints() const {
  std::vector<int64_t> values(static_cast<size_t>(int_count));
  read_ints(values.data());
  return values;
}

std::vector<std::string_view> Argument::strings() const {
  std::vector<std::string_view> values;
  WireReader reader(body);
  while (reader.next()) {
    if (reader.field() == kStrings) {
      values.push_back(reader.bytes());
    } else {
      reader.skip();
    }
  }
  return values;
}

Status parse_netdef(std::string_view bytes, NetDef* net) {
  WireReader reader(bytes);
  Totals totals;
  while (reader.next()) {
    switch (reader.field()) {
      case 1: net->name = reader.bytes(); break;
      case 2: {
        const std::string_view body = reader.bytes();
        if (reader.failed()) break;
        if (net->operators.size() >= kMaxOperators) return bad_input("more than ", kMaxOperators, " operators");
        net->operators.emplace_back();
        const Status status = parse_operator(body, &net->operators.back(), &totals);
        if (!status.ok()) return status.with_prefix(cat("operator #", net->operators.size() - 1, ": "));
        break;
      }
      case 3: net->type = reader.bytes(); break;
      case 7:
        net->external_inputs.push_back(reader.bytes());
        ++totals.names;
        break;
      case 8:
        net->external_outputs.push_back(reader.bytes());
        ++totals.names;
        break;
      default: reader.skip();
    }
    if (totals.names > kMaxNames) return bad_input("more than ", kMaxNames, " blob names");
  }
  if (reader.failed()) return bad_input(reader.error());
  return {};
}

Status read_netdef(std::string_view bytes, std::string* storage, NetDef* net) {
  const Status binary = parse_netdef(bytes, net);
  if (binary.ok()) return binary;
  *net = NetDef();
  if (!looks_like_text(bytes)) return binary.with_prefix("not a readable NetDef: ");
  const Status text = text_to_wire(bytes, storage);
  if (!text.ok()) return text.with_prefix("not a readable text-format NetDef: ");
  return parse_netdef(*storage, net);
}

}  // namespace mdeploy::proto
