// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// Small questions that passes ask of a graph.
#ifndef MDEPLOY_LOAD_PASSES_PATTERNS_H_
#define MDEPLOY_LOAD_PASSES_PATTERNS_H_

#include <string_view>

#include "ir/graph.h"

namespace mdeploy {

// The node that makes the value, when it is of the type; otherwise null.
inline Node* producer_of(const Value* value, std::string_view type) {
  return value->producer != nullptr && value->producer->is(type) ? value->producer : nullptr;
}

// The same, when moreover nobody else looks at the value, so that the node may go.
inline Node* sole_producer_of(const Value* value, std::string_view type) {
  return value->users.size() == 1 && !value->is_pinned() ? producer_of(value, type) : nullptr;
}

// The only user of the value, when nobody else looks at it; otherwise null.
inline Node* sole_user(const Value* value) {
  return value->users.size() == 1 && !value->is_pinned() ? value->users[0] : nullptr;
}

}  // namespace mdeploy

#endif  // MDEPLOY_LOAD_PASSES_PATTERNS_H_
