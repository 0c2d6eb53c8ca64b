// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "ops/registry.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace mdeploy {

#define MDEPLOY_OPERATOR(type, function, ...) void function(OpBuilder&);
#define MDEPLOY_INTERNAL_OPERATOR(type, function, ...) void function(OpBuilder&);
#include "ops/operators.inc"
#undef MDEPLOY_OPERATOR
#undef MDEPLOY_INTERNAL_OPERATOR

namespace {

constexpr int kAny = -1;
constexpr ImageOrder kNone = ImageOrder::kNone;
constexpr ImageOrder kElementwise = ImageOrder::kElementwise;
constexpr ImageOrder kData = ImageOrder::kData;
constexpr ImageOrder kDataAndFilter = ImageOrder::kDataAndFilter;

constexpr OperatorInfo kOperators[] = {
#define MDEPLOY_OPERATOR(type, function, min_in, max_in, min_out, max_out, in_place, order) \
  {type, function, min_in, max_in, min_out, max_out, InPlace::in_place, order, false},
#define MDEPLOY_INTERNAL_OPERATOR(type, function, min_in, max_in, min_out, max_out) \
  {type, function, min_in, max_in, min_out, max_out, InPlace::kNo, kNone, true},
#include "ops/operators.inc"
#undef MDEPLOY_OPERATOR
#undef MDEPLOY_INTERNAL_OPERATOR
};

std::vector<const OperatorInfo*> sorted(bool internal) {
  std::vector<const OperatorInfo*> list;
  for (const OperatorInfo& info : kOperators) {
    if (info.internal == internal) list.push_back(&info);
  }
  std::sort(list.begin(), list.end(),
            [](const OperatorInfo* a, const OperatorInfo* b) { return std::strcmp(a->type, b->type) < 0; });
  return list;
}

const std::vector<const OperatorInfo*>& public_operators() {
  static const std::vector<const OperatorInfo*> list = sorted(false);
  return list;
}

const OperatorInfo* find_in(const std::vector<const OperatorInfo*>& list, std::string_view type) {
  const auto it = std::lower_bound(list.begin(), list.end(), type,
                                   [](const OperatorInfo* info, std::string_view t) { return info->type < t; });
  return it != list.end() && (*it)->type == type ? *it : nullptr;
}

}  // namespace

const OperatorInfo* find_operator(std::string_view type) { return find_in(public_operators(), type); }

const OperatorInfo* find_internal_operator(std::string_view type) {
  static const std::vector<const OperatorInfo*> list = sorted(true);
  return find_in(list, type);
}

size_t operator_count() { return public_operators().size(); }
const OperatorInfo& operator_at(size_t index) { return *public_operators()[index]; }

}  // namespace mdeploy
