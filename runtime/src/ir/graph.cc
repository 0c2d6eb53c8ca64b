// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "ir/graph.h"

#include <algorithm>

#include "ir/operator.h"

namespace mdeploy {
namespace {

void forget_use(Value* value, const Node* user) {
  const auto it = std::find(value->users.begin(), value->users.end(), user);
  if (it != value->users.end()) value->users.erase(it);
}

}  // namespace

std::string Node::describe() const {
  std::string text = cat(in_init_net ? "init operator #" : "operator #", file_index, " ", op->type);
  if (!outputs.empty()) text += cat(" -> ", quoted(outputs[0]->name));
  return text;
}

bool Node::is(std::string_view type) const { return type == op->type; }

const proto::Argument* Node::argument(std::string_view name) const {
  for (const proto::Argument& argument : arguments) {
    if (argument.name == name) return &argument;
  }
  return nullptr;
}

Value* Graph::add_value(std::string name, const TensorDesc& desc) {
  values_.push_back(std::make_unique<Value>());
  Value* value = values_.back().get();
  value->name = std::move(name);
  value->desc = desc;
  return value;
}

Value* Graph::add_constant(std::string name, const TensorDesc& desc, std::shared_ptr<Buffer> contents) {
  Value* value = add_value(std::move(name), desc);
  value->constant = std::move(contents);
  return value;
}

Node* Graph::add_node(const OperatorInfo* op, std::vector<Value*> inputs, std::vector<Value*> outputs,
                      const Node* position) {
  auto owned = std::make_unique<Node>();
  Node* node = owned.get();
  node->op = op;
  node->inputs = std::move(inputs);
  node->outputs = std::move(outputs);
  if (position != nullptr) {
    node->file_index = position->file_index;
    node->in_init_net = position->in_init_net;
  }
  for (Value* value : node->inputs) value->users.push_back(node);
  for (Value* value : node->outputs) value->producer = node;
  auto place = nodes_.end();
  if (position != nullptr) {
    place = std::find_if(nodes_.begin(), nodes_.end(), [&](const auto& other) { return other.get() == position; });
  }
  nodes_.insert(place, std::move(owned));
  return node;
}

void Graph::set_input(Node* node, size_t index, Value* value) {
  forget_use(node->inputs[index], node);
  node->inputs[index] = value;
  value->users.push_back(node);
}

void Graph::add_input(Node* node, Value* value) {
  node->inputs.push_back(value);
  value->users.push_back(node);
}

void Graph::remove_input(Node* node, size_t index) {
  forget_use(node->inputs[index], node);
  node->inputs.erase(node->inputs.begin() + static_cast<std::ptrdiff_t>(index));
}

void Graph::replace_uses(Value* from, Value* to) {
  for (Node* user : from->users) {
    std::replace(user->inputs.begin(), user->inputs.end(), from, to);
    to->users.push_back(user);
  }
  from->users.clear();
  if (from->is_output) {
    std::replace(outputs.begin(), outputs.end(), from, to);
    from->is_output = false;
    to->is_output = true;
  }
}

void Graph::erase(Node* node) {
  for (Value* value : node->inputs) forget_use(value, node);
  for (Value* value : node->outputs) {
    if (value->producer == node) value->producer = nullptr;
  }
  node->inputs.clear();
  node->outputs.clear();
  node->op = nullptr;
}

void Graph::sweep_last_nodes() {
  while (!nodes_.empty() && nodes_.back()->op == nullptr) nodes_.pop_back();
}

void Graph::sweep() {
  nodes_.erase(std::remove_if(nodes_.begin(), nodes_.end(), [](const auto& node) { return node->op == nullptr; }),
               nodes_.end());
  values_.erase(std::remove_if(values_.begin(), values_.end(),
                               [](const auto& value) {
                                 return value->producer == nullptr && value->users.empty() && !value->is_input &&
                                        !value->is_pinned();
                               }),
                values_.end());
}

}  // namespace mdeploy
