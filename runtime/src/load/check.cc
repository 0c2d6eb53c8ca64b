// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "load/check.h"

#include <algorithm>
#include <unordered_set>

#include "ops/registry.h"

namespace mdeploy {
namespace {

std::string arity(int min, int max) {
  if (max < 0) return cat("at least ", min);
  return min == max ? cat(min) : cat(min, " to ", max);
}

Status check_arguments(const proto::OperatorDef& op) {
  std::vector<const proto::Argument*> sorted;
  for (const proto::Argument& argument : op.arguments) sorted.push_back(&argument);
  std::stable_sort(sorted.begin(), sorted.end(), [](auto* a, auto* b) { return a->name < b->name; });
  for (size_t i = 1; i < sorted.size(); ++i) {
    if (sorted[i]->name == sorted[i - 1]->name && sorted[i]->body != sorted[i - 1]->body) {
      return bad_input("argument ", quoted(sorted[i]->name), " is there twice with different values");
    }
  }
  return {};
}

// Why an operator that Caffe2 has is not here on purpose.
std::string_view reason(std::string_view type) {
  for (std::string_view fill : {"XavierFill", "MSRAFill", "GaussianFill", "UniformFill", "UniformIntFill"}) {
    if (type == fill) return " (random numbers: the start of a training, not trained weights)";
  }
  constexpr std::string_view kGradient = "Gradient";
  if (type.size() > kGradient.size() && type.substr(type.size() - kGradient.size()) == kGradient) {
    return " (belongs to training)";
  }
  return "";
}

}  // namespace

Status check_operator_types(const proto::NetDef& init, const proto::NetDef& predict) {
  std::string list;
  size_t count = 0;
  for (const proto::NetDef* net : {&init, &predict}) {
    for (size_t i = 0; i < net->operators.size(); ++i) {
      const proto::OperatorDef& op = net->operators[i];
      if (find_operator(op.type) != nullptr) continue;
      ++count;
      if (list.size() > 700) continue;  // the message has to fit
      if (!list.empty()) list += ", ";
      list += cat(net == &init ? "init #" : "#", i, " ", quoted(op.type));
      if (!op.outputs.empty()) list += cat(" -> ", quoted(op.outputs[0]));
      list += reason(op.type);
    }
  }
  if (count == 0) return {};
  return unsupported(count, count == 1 ? " operator is" : " operators are", " not supported: ", list);
}

Status check_operator(const proto::OperatorDef& op) {
  const OperatorInfo* info = find_operator(op.type);
  const auto inputs = static_cast<int64_t>(op.inputs.size()), outputs = static_cast<int64_t>(op.outputs.size());
  if (inputs < info->min_inputs || (info->max_inputs >= 0 && inputs > info->max_inputs)) {
    return bad_input("expected ", arity(info->min_inputs, info->max_inputs), " inputs, found ", inputs);
  }
  if (outputs < info->min_outputs || (info->max_outputs >= 0 && outputs > info->max_outputs)) {
    return bad_input("expected ", arity(info->min_outputs, info->max_outputs), " outputs, found ", outputs);
  }
  for (size_t o = 0; o < op.outputs.size(); ++o) {
    if (op.outputs[o].empty()) return bad_input("output ", o, " has no name");
  }
  // Only short lists are compared pair by pair: an operator that may work in place has few inputs or one output.
  const size_t compared = std::min<size_t>(op.outputs.size(), 8);
  for (size_t o = 0; o < compared; ++o) {
    for (size_t i = 0; i < op.inputs.size(); ++i) {
      if (op.inputs[i] == op.outputs[o] && !allows_in_place(info->in_place, i, o)) {
        return bad_input("output ", o, " is the same blob as input ", i, ", and ", op.type, " does not work in place");
      }
    }
  }
  return check_arguments(op);
}

Status check_sources(const proto::NetDef& net) {
  std::unordered_set<std::string_view> known(net.external_inputs.begin(), net.external_inputs.end());
  const bool checked = !net.external_inputs.empty();  // Caffe2 checks nothing otherwise
  for (size_t i = 0; i < net.operators.size(); ++i) {
    const proto::OperatorDef& op = net.operators[i];
    for (std::string_view input : op.inputs) {
      if (checked && known.count(input) == 0) {
        return bad_input("operator #", i, " ", op.type, ": source for input ", quoted(input),
                         " is unknown: it is neither an external input nor an earlier output");
      }
    }
    known.insert(op.outputs.begin(), op.outputs.end());
  }
  for (std::string_view output : net.external_outputs) {
    if (known.count(output) == 0) return bad_input("external output ", quoted(output), " is never produced");
  }
  return {};
}

}  // namespace mdeploy
