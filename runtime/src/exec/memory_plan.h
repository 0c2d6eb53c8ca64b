// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// Where every value lies: all in one arena, memory shared by values that do not live at the same time.
#ifndef MDEPLOY_EXEC_MEMORY_PLAN_H_
#define MDEPLOY_EXEC_MEMORY_PLAN_H_

#include <cstddef>
#include <cstdint>
#include <unordered_map>

#include "ir/graph.h"

namespace mdeploy {

struct Placement {
  enum class Kind {
    kUnused,    // nobody looks at it
    kConstant,  // `offset` bytes into the contents of `constant`
    kArena,     // `offset` bytes into the arena
  };
  Kind kind = Kind::kUnused;
  uint64_t offset = 0;
  const Value* constant = nullptr;
};

struct MemoryPlan {
  std::unordered_map<const Value*, Placement> placements;
  uint64_t arena_bytes = 0;  // may be more than there is: to be checked before it is allocated
};

// `in_place[i]` is the input of node i whose memory its output 0 may take over, or -1.
MemoryPlan plan_memory(const Graph& graph, const std::vector<int>& in_place);

}  // namespace mdeploy

#endif  // MDEPLOY_EXEC_MEMORY_PLAN_H_
