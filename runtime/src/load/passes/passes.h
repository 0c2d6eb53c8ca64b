// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// The passes themselves, one file each; pass.cc has their order and says what each does.
#ifndef MDEPLOY_LOAD_PASSES_PASSES_H_
#define MDEPLOY_LOAD_PASSES_PASSES_H_

#include "ir/graph.h"
#include "load/context.h"

namespace mdeploy {

Status fold_constants(Graph& graph, LoadContext& context);
Status remove_dead_code(Graph& graph, LoadContext& context);
Status fuse_split_attention(Graph& graph, LoadContext& context);
Status fold_batch_norm(Graph& graph, LoadContext& context);
Status fuse_epilogues(Graph& graph, LoadContext& context);
Status propagate_layout(Graph& graph, LoadContext& context);
Status fuse_log_softmax(Graph& graph, LoadContext& context);
Status make_views(Graph& graph, LoadContext& context);

}  // namespace mdeploy

#endif  // MDEPLOY_LOAD_PASSES_PASSES_H_
