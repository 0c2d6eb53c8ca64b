// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "load/evaluate.h"

#include "ir/operator.h"

namespace mdeploy {

Status evaluate(Node& node, LoadContext& context) {
  OpBuilder builder(node, context.settings);
  node.op->make(builder);
  MDEPLOY_TRY(builder.status());
  constexpr uint64_t kMostMacs = 20'000'000'000;  // seconds: whoever asks for more at load means no good
  if (builder.macs() > kMostMacs)
    return bad_input(node.describe(), ": takes ", builder.macs(), " multiply-adds at load");
  const Kernel kernel = builder.make_kernel();

  std::vector<const void*> inputs;
  for (const Value* value : node.inputs) inputs.push_back(value->is_constant() ? value->constant->data() : nullptr);
  std::vector<std::shared_ptr<Buffer>> contents;
  std::vector<void*> outputs;
  for (const Value* value : node.outputs) {
    const Status status = context.budget.take(value->storage_bytes());
    if (!status.ok()) return status.with_prefix(cat(node.describe(), ": "));
    contents.push_back(std::make_shared<Buffer>(value->storage_bytes()));
    outputs.push_back(contents.back()->data());
  }
  const Buffer scratch(kernel.scratch_bytes ? kernel.scratch_bytes(context.pool.size()) : 0);
  Status status;
  RunContext run{inputs.data(), outputs.data(), context.pool, scratch.data(), status};
  kernel.run(run);
  if (!status.ok()) return status.with_prefix(cat(node.describe(), ": "));
  for (size_t i = 0; i < node.outputs.size(); ++i) node.outputs[i]->constant = contents[i];
  return {};
}

}  // namespace mdeploy
