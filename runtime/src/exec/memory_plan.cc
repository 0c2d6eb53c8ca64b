// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "exec/memory_plan.h"

#include <algorithm>
#include <map>

namespace mdeploy {
namespace {

constexpr uint64_t kAlignment = Buffer::kAlignment;
constexpr size_t kAlways = SIZE_MAX;

// What we know of a value while planning. A value that lies inside another has a parent; the root of the chain owns
// the memory, and its life covers that of all inside.
struct Entry {
  const Value* parent = nullptr;
  uint64_t parent_offset = 0;
  bool needed = false;
  size_t first = kAlways, last = 0;  // steps; of roots
  uint64_t offset = 0;               // in the arena; of roots
};

// Free runs of an arena that grows at its end.
class FreeList {
 public:
  uint64_t take(uint64_t bytes) {
    auto best = runs_.end();
    for (auto it = runs_.begin(); it != runs_.end(); ++it) {
      if (it->second >= bytes && (best == runs_.end() || it->second < best->second)) best = it;
    }
    if (best == runs_.end()) {
      // The last run may be extended rather than left behind.
      uint64_t offset = size_;
      if (!runs_.empty()) {
        const auto last = std::prev(runs_.end());
        if (last->first + last->second == size_) {
          offset = last->first;
          runs_.erase(last);
        }
      }
      size_ = offset + bytes;
      return offset;
    }
    const auto [offset, length] = *best;
    runs_.erase(best);
    if (length > bytes) runs_[offset + bytes] = length - bytes;
    return offset;
  }

  void give_back(uint64_t offset, uint64_t bytes) {
    auto next = runs_.lower_bound(offset);
    if (next != runs_.end() && offset + bytes == next->first) {
      bytes += next->second;
      next = runs_.erase(next);
    }
    if (next != runs_.begin()) {
      const auto previous = std::prev(next);
      if (previous->first + previous->second == offset) {
        previous->second += bytes;
        return;
      }
    }
    runs_[offset] = bytes;
  }

  uint64_t size() const { return size_; }

 private:
  std::map<uint64_t, uint64_t> runs_;
  uint64_t size_ = 0;
};

class Planner {
 public:
  Planner(const Graph& graph, const std::vector<int>& in_place) : graph_(graph), in_place_(in_place) {}

  MemoryPlan plan() {
    find_needed();
    find_parents();
    find_lives();
    share_in_place();
    place();
    return result();
  }

 private:
  void find_needed() {
    for (const auto& value : graph_.values()) {
      Entry& entry = entries_[value.get()];
      entry.needed = value->is_pinned() || value->is_input || !value->users.empty();
    }
    for (const auto& node : graph_.nodes()) {
      if (!node->outputs.empty()) entries_[node->outputs[0]].needed = true;  // kernels count on it
    }
  }

  void find_parents() {
    for (const auto& node : graph_.nodes()) {
      for (size_t i = 0; i < node->view_offsets.size(); ++i) {
        if (node->view_offsets[i] >= 0) set_parent(node->outputs[i], node->inputs[0], node->view_offsets[i]);
      }
      for (size_t i = 0; i < node->part_offsets.size(); ++i) {
        if (node->part_offsets[i] >= 0) set_parent(node->inputs[i], node->outputs[0], node->part_offsets[i]);
      }
    }
  }

  void set_parent(const Value* value, const Value* parent, int64_t elements) {
    Entry& entry = entries_[value];
    if (entry.parent != nullptr || root(parent, nullptr) == value) return;  // placed already, or a circle
    entry.parent = parent;
    entry.parent_offset = static_cast<uint64_t>(elements) * dtype_size(value->desc.dtype);
  }

  const Value* root(const Value* value, uint64_t* offset) {
    uint64_t sum = 0;
    while (entries_[value].parent != nullptr) {
      sum += entries_[value].parent_offset;
      value = entries_[value].parent;
    }
    if (offset != nullptr) *offset = sum;
    return value;
  }

  void find_lives() {
    size_t step = 0;
    const auto touch = [&](const Value* value) {
      if (!entries_[value].needed) return;
      Entry& entry = entries_[root(value, nullptr)];
      entry.first = std::min(entry.first, step);
      entry.last = std::max(entry.last, step);
    };
    for (const Value* value : graph_.inputs) touch(value);
    for (const auto& node : graph_.nodes()) {
      ++step;
      for (const Value* value : node->inputs) touch(value);
      for (const Value* value : node->outputs) touch(value);
    }
    for (const auto& value : graph_.values()) {
      if (value->is_pinned()) entries_[root(value.get(), nullptr)].last = kAlways;
    }
  }

  void share_in_place() {
    size_t step = 0;
    for (const auto& node : graph_.nodes()) {
      const int input = in_place_[step++];
      if (input < 0) continue;
      const Value* out = node->outputs[0];
      const Value* in = node->inputs[static_cast<size_t>(input)];
      if (entries_[out].parent != nullptr || out->is_constant()) continue;
      const Value* memory = root(in, nullptr);
      const bool whole = memory->storage_bytes() == out->storage_bytes() && in->storage_bytes() == out->storage_bytes();
      if (!whole || memory->is_constant() || entries_[memory].last != step) continue;
      // Another input in the same memory, such as a residual that is the convolution's input too, would be overwritten
      // while it is read.
      const auto uses = std::count_if(node->inputs.begin(), node->inputs.end(),
                                      [&](const Value* other) { return root(other, nullptr) == memory; });
      if (uses > 1) continue;
      entries_[memory].last = entries_[out].last;
      entries_[out].parent = memory;
      entries_[out].parent_offset = 0;
    }
  }

  static uint64_t padded(uint64_t bytes) {
    return (std::max<uint64_t>(bytes, 1) + kAlignment - 1) / kAlignment * kAlignment;
  }

  void place() {
    // Roots by the step in which their life begins; those whose life has ended give their memory back first.
    std::vector<std::pair<size_t, const Value*>> births, deaths;
    for (const auto& value : graph_.values()) {
      const Entry& entry = entries_[value.get()];
      if (entry.parent != nullptr || entry.first == kAlways || value->is_constant()) continue;
      births.emplace_back(entry.first, value.get());
      deaths.emplace_back(entry.last, value.get());
    }
    const auto by_step = [](const auto& a, const auto& b) { return a.first < b.first; };
    std::stable_sort(births.begin(), births.end(), by_step);
    std::stable_sort(deaths.begin(), deaths.end(), by_step);
    FreeList free;
    size_t dead = 0;
    for (const auto& [step, value] : births) {
      for (; dead < deaths.size() && deaths[dead].first < step; ++dead) {
        const Value* gone = deaths[dead].second;
        free.give_back(entries_[gone].offset, padded(gone->storage_bytes()));
      }
      entries_[value].offset = free.take(padded(value->storage_bytes()));
    }
    arena_bytes_ = free.size();
  }

  MemoryPlan result() {
    MemoryPlan plan;
    plan.arena_bytes = arena_bytes_;
    for (const auto& owned : graph_.values()) {
      const Value* value = owned.get();
      Placement placement;
      uint64_t offset = 0;
      const Value* memory = root(value, &offset);
      if (memory->is_constant()) {
        placement.kind = Placement::Kind::kConstant;
        placement.offset = offset;
        placement.constant = memory;
      } else if (entries_[value].needed && entries_[memory].first != kAlways) {
        placement.kind = Placement::Kind::kArena;
        placement.offset = entries_[memory].offset + offset;
      }
      plan.placements[value] = placement;
    }
    return plan;
  }

  const Graph& graph_;
  const std::vector<int>& in_place_;
  std::unordered_map<const Value*, Entry> entries_;
  uint64_t arena_bytes_ = 0;
};

}  // namespace

MemoryPlan plan_memory(const Graph& graph, const std::vector<int>& in_place) { return Planner(graph, in_place).plan(); }

}  // namespace mdeploy
