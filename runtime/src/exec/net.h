// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// Loading a net pair: read, check, rewrite, compile.
#ifndef MDEPLOY_EXEC_NET_H_
#define MDEPLOY_EXEC_NET_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "exec/executable.h"
#include "load/build.h"

namespace mdeploy {

struct LoadOptions {
  BuildOptions build;
  std::optional<Isa> isa;  // none: MDEPLOY_ISA, or else the best
  std::vector<std::string> skip_passes;
  uint64_t max_bytes = uint64_t{4} << 30;
};

Status load_net(std::string_view init, std::string_view predict, const LoadOptions& options,
                std::shared_ptr<const Executable>* net);

}  // namespace mdeploy

#endif  // MDEPLOY_EXEC_NET_H_
