// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "net_mutator.h"

#include <cstring>
#include <iterator>
#include <vector>

#include "mdeploy/mdeploy_runtime.h"
#include "proto/netdef.h"
#include "proto/wire.h"

namespace mdeploy::fuzz {
namespace {

using proto::append_bytes;
using proto::append_tag;
using proto::append_varint;
using proto::WireType;

constexpr const char* kArguments[] = {"kernel",
                                      "kernel_h",
                                      "kernel_w",
                                      "kernels",
                                      "stride",
                                      "stride_h",
                                      "stride_w",
                                      "strides",
                                      "pad",
                                      "pad_t",
                                      "pad_l",
                                      "pad_b",
                                      "pad_r",
                                      "pads",
                                      "dilation",
                                      "dilations",
                                      "group",
                                      "legacy_pad",
                                      "global_pooling",
                                      "adj",
                                      "adjs",
                                      "axis",
                                      "axes",
                                      "axis_a",
                                      "axis_b",
                                      "axis_w",
                                      "trans_a",
                                      "trans_b",
                                      "broadcast",
                                      "axis_str",
                                      "order",
                                      "shape",
                                      "dims",
                                      "starts",
                                      "ends",
                                      "split",
                                      "add_axis",
                                      "keepdims",
                                      "num_reduce_dim",
                                      "size",
                                      "alpha",
                                      "beta",
                                      "bias",
                                      "epsilon",
                                      "is_test",
                                      "value",
                                      "values",
                                      "dtype",
                                      "to",
                                      "k",
                                      "tiles",
                                      "mode",
                                      "width_scale",
                                      "height_scale",
                                      "scale",
                                      "exponent",
                                      "min",
                                      "max",
                                      "extra_shape",
                                      "input_as_shape",
                                      "n",
                                      "Y_scale",
                                      "Y_zero_point",
                                      "elementwise_affine",
                                      "count_include_pad"};
constexpr int64_t kIntegers[] = {-1,
                                 0,
                                 1,
                                 2,
                                 3,
                                 4,
                                 5,
                                 7,
                                 8,
                                 16,
                                 64,
                                 255,
                                 1000,
                                 65536,
                                 -2,
                                 -9,
                                 1 << 30,
                                 INT32_MAX,
                                 INT32_MIN,
                                 INT64_MAX,
                                 INT64_MIN,
                                 int64_t{1} << 32,
                                 int64_t{1} << 40};
constexpr float kFloats[] = {0.0f, 1.0f, -1.0f, 0.5f, 2.0f, 1e-30f, 1e30f, -3.7f, 1e-5f, 255.0f};
constexpr const char* kStrings[] = {"NHWC", "NCHW", "C", "edge", "reflect", "constant", ""};

struct Operator {
  std::vector<std::string> inputs, outputs, arguments;
  std::string type;
};

class Mutator {
 public:
  explicit Mutator(std::minstd_rand& random) : random_(random) {}

  void change(std::vector<Operator>& ops) {
    Operator& op = ops[pick(ops.size())];
    switch (pick(9)) {
      case 0: op.type = mdeploy_operator_type(pick(mdeploy_operator_count())); break;
      case 1:
      case 2: {  // an argument that is there gets another value
        if (op.arguments.empty()) break;
        std::string& body = op.arguments[pick(op.arguments.size())];
        body = argument(name_of(body));
        break;
      }
      case 3: op.arguments.push_back(argument(kArguments[pick(std::size(kArguments))])); break;
      case 4:
        if (!op.arguments.empty())
          op.arguments.erase(op.arguments.begin() + static_cast<long>(pick(op.arguments.size())));
        break;
      case 5:
        if (!op.inputs.empty()) op.inputs[pick(op.inputs.size())] = any_blob(ops);
        break;
      case 6: {
        Operator copy = op;
        if (!copy.inputs.empty() && !op.outputs.empty()) copy.inputs[0] = op.outputs[0];
        if (pick(2) == 0) copy.type = mdeploy_operator_type(pick(mdeploy_operator_count()));
        ops.insert(ops.begin() + static_cast<long>(pick(ops.size() + 1)), std::move(copy));
        break;
      }
      case 7:
        if (ops.size() > 1) ops.erase(ops.begin() + static_cast<long>(pick(ops.size())));
        break;
      default: {
        std::vector<std::string>& names = pick(2) == 0 ? op.inputs : op.outputs;
        if (pick(2) == 0 && !names.empty()) {
          names.pop_back();
        } else {
          names.push_back(any_blob(ops));
        }
      }
    }
  }

 private:
  size_t pick(size_t count) { return static_cast<size_t>(random_()) % count; }

  std::string any_blob(const std::vector<Operator>& ops) {
    const Operator& op = ops[pick(ops.size())];
    const std::vector<std::string>& names = pick(2) == 0 || op.inputs.empty() ? op.outputs : op.inputs;
    return names.empty() ? "x" : names[pick(names.size())];
  }

  static std::string name_of(const std::string& body) {
    proto::WireReader reader(body);
    while (reader.next()) {
      if (reader.field() == 1) return std::string(reader.bytes());
      reader.skip();
    }
    return "";
  }

  std::string argument(const std::string& name) {
    std::string body;
    append_bytes(body, 1, name);
    const size_t kind = pick(8);
    if (kind < 3) {
      append_tag(body, 3, WireType::kVarint);
      append_varint(body, static_cast<uint64_t>(kIntegers[pick(std::size(kIntegers))]));
    } else if (kind < 6) {
      for (size_t i = pick(6); i > 0; --i) {
        append_tag(body, 6, WireType::kVarint);
        append_varint(body, static_cast<uint64_t>(kIntegers[pick(pick(2) == 0 ? 9 : std::size(kIntegers))]));
      }
    } else if (kind < 7) {
      append_tag(body, 2, WireType::kFixed32);
      char bytes[4];
      std::memcpy(bytes, &kFloats[pick(std::size(kFloats))], 4);
      body.append(bytes, 4);
    } else {
      append_bytes(body, 4, kStrings[pick(std::size(kStrings))]);
    }
    return body;
  }

  std::minstd_rand& random_;
};

std::vector<std::string> strings(const std::vector<std::string_view>& views) { return {views.begin(), views.end()}; }

}  // namespace

std::string mutate_net(std::string_view bytes, std::minstd_rand& random) {
  proto::NetDef net;
  std::string storage;
  if (!proto::read_netdef(bytes, &storage, &net).ok() || net.operators.empty()) return std::string(bytes);
  std::vector<Operator> ops;
  for (const proto::OperatorDef& op : net.operators) {
    ops.push_back({strings(op.inputs), strings(op.outputs), {}, std::string(op.type)});
    for (const proto::Argument& argument : op.arguments) ops.back().arguments.emplace_back(argument.body);
  }
  Mutator(random).change(ops);
  std::string out;
  append_bytes(out, 1, net.name);
  for (const Operator& op : ops) {
    std::string body;
    for (const std::string& name : op.inputs) append_bytes(body, 1, name);
    for (const std::string& name : op.outputs) append_bytes(body, 2, name);
    append_bytes(body, 4, op.type);
    for (const std::string& argument : op.arguments) append_bytes(body, 5, argument);
    append_bytes(out, 2, body);
  }
  // Mostly without the lists of outside blobs: what is read and never made would end it before the operators.
  if (random() % 4 == 0) {
    for (std::string_view name : net.external_inputs) append_bytes(out, 7, name);
    for (std::string_view name : net.external_outputs) append_bytes(out, 8, name);
  }
  return out;
}

}  // namespace mdeploy::fuzz
