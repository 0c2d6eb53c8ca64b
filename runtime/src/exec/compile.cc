// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "exec/compile.h"

#include <algorithm>
#include <mutex>

#include "exec/memory_plan.h"
#include "ir/operator.h"

namespace mdeploy {
namespace {

bool is_used(const Value* value) { return value->is_pinned() || !value->users.empty(); }

// Whether `to` lies `elements` elements into `from`.
bool lies_in(const MemoryPlan& plan, const Value* to, const Value* from, int64_t elements) {
  const Placement& a = plan.placements.at(to);
  const Placement& b = plan.placements.at(from);
  return elements >= 0 && a.kind == b.kind && a.constant == b.constant &&
         a.offset == b.offset + static_cast<uint64_t>(elements) * dtype_size(to->desc.dtype);
}

// Whether running the node would do nothing: all its results lie where its inputs already are.
bool moves_nothing(const Node& node, const MemoryPlan& plan) {
  if (!node.part_offsets.empty()) {
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      if (!lies_in(plan, node.inputs[i], node.outputs[0], node.part_offsets[i])) return false;
    }
    return std::none_of(node.outputs.begin() + 1, node.outputs.end(), is_used);
  }
  if (node.view_offsets.empty()) return false;
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    if (is_used(node.outputs[i]) && !lies_in(plan, node.outputs[i], node.inputs[0], node.view_offsets[i])) return false;
  }
  return true;
}

// Lets go of a constant whose readers have all packed it.
void release_packed(Node& node, const Kernel& kernel, LoadContext& context) {
  for (size_t i = 0; i < node.inputs.size() && i < 64; ++i) {
    Value* value = node.inputs[i];
    if ((kernel.packed_inputs >> i & 1) == 0 || !value->is_constant()) continue;
    const auto use = std::find(value->users.begin(), value->users.end(), &node);
    if (use != value->users.end()) value->users.erase(use);
    if (value->users.empty() && !value->is_pinned()) {
      context.budget.give_back(value->constant->bytes());
      value->constant.reset();
    }
  }
}

// Makes the kernels of all nodes, several at a time: packing weights is what loading spends its time on.
class KernelMaker {
 public:
  KernelMaker(Graph& graph, LoadContext& context) : graph_(graph), context_(context), kernels_(graph.nodes().size()) {}

  Status run() {
    context_.pool.parallel_for(static_cast<int64_t>(kernels_.size()), [this](int64_t i, int) {
      try {
        const Status status = make(static_cast<size_t>(i));
        if (!status.ok()) fail(static_cast<size_t>(i), status);
      } catch (...) {
        std::lock_guard<std::mutex> lock(mutex_);
        exception_ = std::current_exception();
      }
    });
    if (exception_) std::rethrow_exception(exception_);
    return status_;
  }

  std::vector<Kernel>& kernels() { return kernels_; }

 private:
  Status make(size_t index) {
    Node& node = *graph_.nodes()[index];
    OpBuilder builder(node, context_.settings);
    node.op->make(builder);
    MDEPLOY_TRY(builder.status());
    Kernel kernel = builder.make_kernel();
    std::lock_guard<std::mutex> lock(mutex_);
    MDEPLOY_TRY(context_.budget.take(kernel.packed_bytes));
    release_packed(node, kernel, context_);
    kernels_[index] = std::move(kernel);
    return {};
  }

  // The error of the first node counts, whichever thread was faster.
  void fail(size_t index, const Status& status) {
    std::lock_guard<std::mutex> lock(mutex_);
    if (status_.ok() || index < failed_) {
      status_ = status;
      failed_ = index;
    }
  }

  Graph& graph_;
  LoadContext& context_;
  std::vector<Kernel> kernels_;
  std::mutex mutex_;
  Status status_;
  size_t failed_ = 0;
  std::exception_ptr exception_;
};

}  // namespace

Status compile(Graph& graph, LoadContext& context, Executable* executable) {
  KernelMaker maker(graph, context);
  MDEPLOY_TRY(maker.run());
  std::vector<Kernel>& kernels = maker.kernels();
  std::vector<int> in_place;
  for (const Kernel& kernel : kernels) {
    executable->macs += kernel.macs;
    in_place.push_back(kernel.in_place);
  }

  const MemoryPlan plan = plan_memory(graph, in_place);
  MDEPLOY_TRY(context.budget.take(plan.arena_bytes));
  executable->arena_bytes = static_cast<size_t>(plan.arena_bytes);
  executable->max_bytes = context.budget.limit();
  executable->name = graph.name;
  executable->isa = isa_name(context.settings.isa);
  std::unordered_map<const Value*, size_t> slot_of;
  for (const auto& value : graph.values()) {
    const Placement& placement = plan.placements.at(value.get());
    Slot slot;
    slot.desc = value->desc;
    slot.layout = value->layout;
    slot.offset = static_cast<size_t>(placement.offset);
    slot.unused = placement.kind == Placement::Kind::kUnused;
    if (placement.kind == Placement::Kind::kConstant) slot.constant = placement.constant->constant;
    slot_of[value.get()] = executable->slots.size();
    if (value->kept) executable->kept[value->name] = executable->slots.size();
    executable->slots.push_back(std::move(slot));
  }
  for (size_t i = 0; i < kernels.size(); ++i) {
    const Node& node = *graph.nodes()[i];
    if (moves_nothing(node, plan)) continue;
    Step step;
    step.name = node.outputs[0]->name;
    step.type = node.op->type;
    step.description = node.describe();
    step.kernel = std::move(kernels[i]);
    for (const Value* value : node.inputs) step.inputs.push_back(slot_of.at(value));
    for (const Value* value : node.outputs) step.outputs.push_back(slot_of.at(value));
    executable->steps.push_back(std::move(step));
  }
  for (const Value* value : graph.inputs) executable->inputs.push_back({value->name, slot_of.at(value)});
  for (const Value* value : graph.outputs) executable->outputs.push_back({value->name, slot_of.at(value)});
  return {};
}

}  // namespace mdeploy
