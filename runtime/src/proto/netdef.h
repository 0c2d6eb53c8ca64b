// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// caffe2.NetDef as views into the bytes of its file, which must outlive it (caffe2.proto; field numbers in netdef.cc).
#ifndef MDEPLOY_PROTO_NETDEF_H_
#define MDEPLOY_PROTO_NETDEF_H_

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace mdeploy::proto {

// Repeated fields stay in the file until they are asked for: they are where the weights are.
struct Argument {
  std::string_view name;
  std::optional<float> f;
  std::optional<int64_t> i;
  std::optional<std::string_view> s;
  uint64_t float_count = 0;
  uint64_t int_count = 0;
  uint64_t string_count = 0;
  bool has_message = false;  // a net, a tensor: nothing that a supported operator reads
  std::string_view body;     // the whole message

  // Decode in file order, packed or not. `out` holds float_count or int_count elements.
  void read_floats(float* out) const;
  // The bytes of the floats where they are one packed run, as our converter writes them; otherwise empty.
  std::string_view packed_floats() const;
  void read_ints(int64_t* out) const;
  std::vector<float> floats() const;
  std::vector<int64_t> ints() const;
  std::vector<std::string_view> strings() const;
};

struct OperatorDef {
  std::vector<std::string_view> inputs;
  std::vector<std::string_view> outputs;
  std::string_view name;
  std::string_view type;
  std::string_view engine;
  std::vector<Argument> arguments;
};

struct NetDef {
  std::string_view name;
  std::string_view type;
  std::vector<OperatorDef> operators;
  std::vector<std::string_view> external_inputs;
  std::vector<std::string_view> external_outputs;
};

// Reads the binary form. Unknown fields are skipped; sizes and counts are bounded.
Status parse_netdef(std::string_view bytes, NetDef* net);

// Reads the binary form or, where that fails and the bytes are text, the text form (Caffe2 tries in the same order).
// `storage` keeps what the text form was turned into and must outlive the net.
Status read_netdef(std::string_view bytes, std::string* storage, NetDef* net);

}  // namespace mdeploy::proto

#endif  // MDEPLOY_PROTO_NETDEF_H_
