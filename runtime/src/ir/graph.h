// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// A net in single-assignment form: every operator output is a value of its own, whatever its blob is called.
#ifndef MDEPLOY_IR_GRAPH_H_
#define MDEPLOY_IR_GRAPH_H_

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/tensor.h"
#include "kernels/conv.h"
#include "kernels/layout.h"
#include "proto/netdef.h"

namespace mdeploy {

struct OperatorInfo;
struct Node;

struct Value {
  std::string name;  // of the blob; two values may share one where the net overwrites it
  TensorDesc desc;
  Layout layout;  // anything but plain only for 4-D float values, set by layout propagation
  Node* producer = nullptr;
  std::vector<Node*> users;          // one entry for each use
  std::shared_ptr<Buffer> constant;  // the contents, where they are known at load
  bool is_input = false;             // given by the caller at every run
  bool is_output = false;            // of the net
  bool kept = false;                 // asked for by name: must exist after a run

  bool is_constant() const { return constant != nullptr; }
  // Whether somebody outside the graph looks at it, so that a pass may not do away with it.
  bool is_pinned() const { return is_output || kept; }
  // Elements and bytes in memory: the lanes that fill up the last block count too.
  int64_t storage_elements() const {
    if (layout.is_plain()) return desc.elements();
    return desc.shape[0] * layout.picture_size(desc.shape[1], desc.shape[2], desc.shape[3]);
  }
  size_t storage_bytes() const { return static_cast<size_t>(storage_elements()) * dtype_size(desc.dtype); }
  template <typename T>
  const T* constant_data() const {
    return static_cast<const T*>(constant->data());
  }
};

struct Node {
  const OperatorInfo* op = nullptr;
  std::vector<proto::Argument> arguments;  // as in the file
  std::vector<Value*> inputs;
  std::vector<Value*> outputs;
  size_t file_index = 0;  // position in its net, for messages
  bool in_init_net = false;

  // What the pass "views" has found. Output i lies in the memory of input 0, view_offsets[i] elements from its start;
  // input i is to be made inside the memory of output 0, part_offsets[i] elements from its start. -1: it is not so.
  std::vector<int64_t> view_offsets;
  std::vector<int64_t> part_offsets;

  // What passes have merged into the node. The residual is the last input.
  ConvEpilogue epilogue;
  std::vector<int64_t> parameters;  // of operators that only passes make; each says what they are

  // "operator #12 Conv -> \"y\"", to begin a message with.
  std::string describe() const;
  bool is(std::string_view type) const;
  // Whether the file says so; the checked readers are in ops/op_builder.h.
  const proto::Argument* argument(std::string_view name) const;
};

class Graph {
 public:
  std::string name;
  std::vector<Value*> inputs;
  std::vector<Value*> outputs;

  // In execution order.
  const std::vector<std::unique_ptr<Node>>& nodes() const { return nodes_; }
  const std::vector<std::unique_ptr<Value>>& values() const { return values_; }

  Value* add_value(std::string name, const TensorDesc& desc);
  Value* add_constant(std::string name, const TensorDesc& desc, std::shared_ptr<Buffer> contents);
  // Makes a node at the end, or before `position`, with `outputs` as its own.
  Node* add_node(const OperatorInfo* op, std::vector<Value*> inputs, std::vector<Value*> outputs,
                 const Node* position = nullptr);

  void set_input(Node* node, size_t index, Value* value);
  void add_input(Node* node, Value* value);
  void remove_input(Node* node, size_t index);
  // Lets every user of `from`, and the list of outputs, use `to`.
  void replace_uses(Value* from, Value* to);
  // Takes the node out; its outputs lose their producer. The node itself is freed by sweep().
  void erase(Node* node);
  // Frees erased nodes, and values that nothing refers to.
  void sweep();
  // Frees erased nodes at the end of the list only: cheap enough to call after every node.
  void sweep_last_nodes();

 private:
  std::vector<std::unique_ptr<Node>> nodes_;
  std::vector<std::unique_ptr<Value>> values_;
};

}  // namespace mdeploy

#endif  // MDEPLOY_IR_GRAPH_H_
