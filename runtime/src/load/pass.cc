// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "load/pass.h"

#include <algorithm>

#include "load/passes/passes.h"

namespace mdeploy {

const std::vector<Pass>& all_passes() {
  static const std::vector<Pass> passes = {
      {"constant_folding", "runs operators whose inputs are all known", fold_constants},
      {"dead_code", "takes out operators whose results nobody uses", remove_dead_code},
      {"batch_norm", "SpatialBN goes into the weights of the Conv before it, or becomes AffineChannel",
       fold_batch_norm},
      {"split_attention", "what follows a radix convolution becomes one SplitAttention", fuse_split_attention},
      {"log_softmax", "ReduceMax, Sub, Exp, ReduceSum, Log, Sub become one LogSoftmax", fuse_log_softmax},
      {"epilogues", "Relu, Clip and the Add of a residual go into the Conv or FC before them", fuse_epilogues},
      {"blocked_layout", "activations keep the channels of a vector register together", propagate_layout},
      {"views", "Reshape and its like, Split, Slice and Concat move no data where memory already lies right",
       make_views},
  };
  return passes;
}

Status run_passes(Graph& graph, LoadContext& context, const std::vector<std::string>& skip) {
  const std::vector<Pass>& passes = all_passes();
  for (const std::string& name : skip) {
    const bool known =
        name == "all" || std::any_of(passes.begin(), passes.end(), [&](const Pass& p) { return p.name == name; });
    if (!known) return usage_error("there is no load-time pass ", quoted(name));
  }
  for (const Pass& pass : passes) {
    const bool skipped =
        std::any_of(skip.begin(), skip.end(), [&](const std::string& s) { return s == "all" || s == pass.name; });
    if (skipped) continue;
    MDEPLOY_TRY(pass.run(graph, context).with_prefix(cat("pass ", pass.name, ": ")));
    graph.sweep();
  }
  return {};
}

}  // namespace mdeploy
