// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// From a rewritten graph to what sessions run.
#ifndef MDEPLOY_EXEC_COMPILE_H_
#define MDEPLOY_EXEC_COMPILE_H_

#include "base/status.h"
#include "exec/executable.h"
#include "ir/graph.h"
#include "load/context.h"

namespace mdeploy {

// Makes all kernels, letting go of weights as they are packed, and plans memory. The graph is used up.
Status compile(Graph& graph, LoadContext& context, Executable* executable);

}  // namespace mdeploy

#endif  // MDEPLOY_EXEC_COMPILE_H_
