// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "exec/net.h"

#include <algorithm>
#include <cstdlib>

#include "cpu/affinity.h"
#include "exec/compile.h"
#include "load/pass.h"

namespace mdeploy {
namespace {

Status choose_isa(const std::optional<Isa>& wanted, Isa* isa) {
  *isa = wanted.value_or(best_isa());
  const char* forced = std::getenv("MDEPLOY_ISA");
  if (!wanted && forced != nullptr && *forced != '\0') {
    const std::optional<Isa> named = isa_from_name(forced);
    if (!named) return usage_error("MDEPLOY_ISA names no instruction set: ", quoted(forced));
    *isa = *named;
  }
  if (!isa_supported(*isa)) return unavailable("this processor does not have the instruction set ", isa_name(*isa));
  return {};
}

uint64_t count_parameters(const Graph& graph) {
  uint64_t count = 0;
  for (const auto& value : graph.values()) {
    if (value->is_constant() && !value->users.empty()) count += static_cast<uint64_t>(value->desc.elements());
  }
  return count;
}

}  // namespace

Status load_net(std::string_view init_bytes, std::string_view predict_bytes, const LoadOptions& options,
                std::shared_ptr<const Executable>* net) {
  BuildSettings settings;
  MDEPLOY_TRY(choose_isa(options.isa, &settings.isa));
  std::string init_storage, predict_storage;
  proto::NetDef init, predict;
  const NetFiles& files = options.build.files;
  MDEPLOY_TRY(proto::read_netdef(init_bytes, &init_storage, &init).with_prefix(net_prefix(files.init, "init_net")));
  MDEPLOY_TRY(proto::read_netdef(predict_bytes, &predict_storage, &predict)
                  .with_prefix(net_prefix(files.predict, "predict_net")));

  constexpr int kMostLoadThreads = 4;
  LoadContext context(settings, options.max_bytes, std::min(usable_cores(), kMostLoadThreads));
  Graph graph;
  BuildOptions build = options.build;
  if (!init_storage.empty()) build.release = nullptr;  // the text form's values lie elsewhere
  MDEPLOY_TRY(build_graph(init, predict, build, context, &graph));
  auto executable = std::make_shared<Executable>();
  executable->parameters = count_parameters(graph);
  MDEPLOY_TRY(run_passes(graph, context, options.skip_passes));
  MDEPLOY_TRY(compile(graph, context, executable.get()).with_prefix(file_prefix(files.predict)));
  *net = std::move(executable);
  return {};
}

}  // namespace mdeploy
