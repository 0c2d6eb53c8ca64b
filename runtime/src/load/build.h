// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// From a net pair to a checked graph (docs/caffe2.md sections 2 to 4).
#ifndef MDEPLOY_LOAD_BUILD_H_
#define MDEPLOY_LOAD_BUILD_H_

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "ir/graph.h"
#include "load/context.h"
#include "proto/netdef.h"

namespace mdeploy {

struct InputSpec {
  std::string name;  // empty: the blob at this position of external_input
  TensorDesc desc;
};

// The nets' files, to be named in errors; empty for nets in memory.
struct NetFiles {
  std::string init;
  std::string predict;
};

struct BuildOptions {
  NetFiles files;
  std::vector<InputSpec> inputs;
  std::vector<std::string> keep;  // names of blobs, or "*"
  // Told the bytes of the init net that have been read and are not needed again.
  std::function<void(std::string_view)> release;
};

// What an error begins with: the file, or nothing; the file, or else the net's role.
std::string file_prefix(const std::string& file);
std::string net_prefix(const std::string& file, std::string_view role);

// Runs the init net, which makes constants, and builds the predict net on top of them.
Status build_graph(const proto::NetDef& init, const proto::NetDef& predict, const BuildOptions& options,
                   LoadContext& context, Graph* graph);

}  // namespace mdeploy

#endif  // MDEPLOY_LOAD_BUILD_H_
