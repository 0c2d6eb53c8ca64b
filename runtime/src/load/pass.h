// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// Rewriting a graph at load. Each pass is registered once, runs in the order of the list, and can be left out by name.
// A pass keeps what the net computes, up to rounding, and leaves every node inferred. It must not touch a value that
// is_pinned() in a way that shows.
#ifndef MDEPLOY_LOAD_PASS_H_
#define MDEPLOY_LOAD_PASS_H_

#include <string>
#include <vector>

#include "ir/graph.h"
#include "load/context.h"

namespace mdeploy {

struct Pass {
  const char* name;
  const char* summary;
  Status (*run)(Graph& graph, LoadContext& context);
};

const std::vector<Pass>& all_passes();

// Runs all passes but those named; "all" leaves out every one. An unknown name is a usage error.
Status run_passes(Graph& graph, LoadContext& context, const std::vector<std::string>& skip);

}  // namespace mdeploy

#endif  // MDEPLOY_LOAD_PASS_H_
