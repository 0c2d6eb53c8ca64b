// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// A loaded net: kernels in order, and where their operands lie. Immutable, shared by sessions.
#ifndef MDEPLOY_EXEC_EXECUTABLE_H_
#define MDEPLOY_EXEC_EXECUTABLE_H_

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/tensor.h"
#include "kernels/layout.h"
#include "ops/op_builder.h"

namespace mdeploy {

struct Slot {
  TensorDesc desc;
  Layout layout;
  std::shared_ptr<const Buffer> constant;  // null: in the arena
  bool unused = false;
  size_t offset = 0;
};

struct Step {
  std::string name;  // first output
  std::string type;
  std::string description;  // for messages
  Kernel kernel;
  std::vector<size_t> inputs, outputs;  // slots
};

struct NamedSlot {
  std::string name;
  size_t slot;
};

class Executable {
 public:
  std::string name;
  std::string isa;
  std::vector<NamedSlot> inputs, outputs;
  std::unordered_map<std::string, size_t> kept;  // blobs that can be read after a run
  std::vector<Slot> slots;
  std::vector<Step> steps;
  size_t arena_bytes = 0;
  uint64_t max_bytes = 0;
  uint64_t parameters = 0;
  uint64_t macs = 0;

  size_t scratch_bytes(int threads) const;
};

}  // namespace mdeploy

#endif  // MDEPLOY_EXEC_EXECUTABLE_H_
