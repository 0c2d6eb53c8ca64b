// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// Running single operators at load: the whole of an init net, and constant parts of a predict net.
#ifndef MDEPLOY_LOAD_EVALUATE_H_
#define MDEPLOY_LOAD_EVALUATE_H_

#include "base/status.h"
#include "ir/graph.h"
#include "load/context.h"

namespace mdeploy {

// Runs the node and gives its outputs their contents. Its inputs must be constants, or its kernel must not read them.
// The outputs must have their types and shapes (infer() gives them).
Status evaluate(Node& node, LoadContext& context);

}  // namespace mdeploy

#endif  // MDEPLOY_LOAD_EVALUATE_H_
