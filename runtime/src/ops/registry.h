// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// The one list of operators. Adding one: a function in a file of this directory and a line in operators.inc.
#ifndef MDEPLOY_OPS_REGISTRY_H_
#define MDEPLOY_OPS_REGISTRY_H_

#include <cstddef>
#include <string_view>

#include "ir/operator.h"

namespace mdeploy {

// Null when there is none.
const OperatorInfo* find_operator(std::string_view type);
const OperatorInfo* find_internal_operator(std::string_view type);

// All operators that a file may name, sorted by type.
size_t operator_count();
const OperatorInfo& operator_at(size_t index);

}  // namespace mdeploy

#endif  // MDEPLOY_OPS_REGISTRY_H_
