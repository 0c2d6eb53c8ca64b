// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// What an operator's function works with. It is called when the net is checked, and again after passes, to read
// arguments, check inputs, give the outputs' shapes and say what to run:
//
//   void op_relu(OpBuilder& b) {
//     const Shape& x = b.float_input(0);
//     if (!b.ok()) return;
//     b.output(0, DType::kFloat, x);
//     b.run([n = x.elements()](RunContext& c) { ... });
//   }
//
// The first failure is kept and the rest ignored, so a function may read several arguments before it looks at ok().
#ifndef MDEPLOY_OPS_OP_BUILDER_H_
#define MDEPLOY_OPS_OP_BUILDER_H_

#include <functional>
#include <string_view>
#include <vector>

#include "base/tensor.h"
#include "cpu/thread_pool.h"
#include "ir/graph.h"

namespace mdeploy {

// What a kernel sees when it runs. Pointers of outputs that nobody reads are null.
struct RunContext {
  const void* const* inputs;
  void* const* outputs;
  ThreadPool& pool;
  void* scratch;
  Status& status;

  template <typename T>
  const T* in(int i) const {
    return static_cast<const T*>(inputs[i]);
  }
  template <typename T>
  T* out(int i) const {
    return static_cast<T*>(outputs[i]);
  }
  // For what only the data can show, such as an index out of range.
  template <typename... Parts>
  void fail(const Parts&... parts) {
    if (status.ok()) status = bad_input(parts...);
  }
};

struct Kernel {
  Kernel() = default;
  explicit Kernel(std::function<void(RunContext&)> f) : run(std::move(f)) {}

  std::function<void(RunContext&)> run;
  const char* name = "reference";
  uint64_t macs = 0;
  std::function<size_t(int threads)> scratch_bytes;  // none when empty
  // The input whose memory output 0 may take over where nobody needs the input afterwards; -1 for none. It must be
  // of the same size, and the kernel must read an element before it writes it.
  int in_place = -1;
  // Inputs that are only read while the kernel is made (weights that it packs).
  uint64_t packed_inputs = 0;
  size_t packed_bytes = 0;
};

struct BuildSettings {
  Isa isa = Isa::kReference;
  bool winograd = true;
};

class OpBuilder {
 public:
  OpBuilder(const Node& node, const BuildSettings& settings) : node_(node), settings_(settings) {}

  const Node& node() const { return node_; }
  const BuildSettings& settings() const { return settings_; }
  bool ok() const { return status_.ok(); }
  const Status& status() const { return status_; }
  template <typename... Parts>
  void fail(const Parts&... parts) {
    set_status(bad_input(parts...));
  }
  template <typename... Parts>
  void fail_unsupported(const Parts&... parts) {
    set_status(unsupported(parts...));
  }
  template <typename... Parts>
  bool require(bool condition, const Parts&... parts) {
    if (!condition) fail(parts...);
    return ok();
  }

  // ---- inputs
  int input_count() const { return static_cast<int>(node_.inputs.size()); }
  int output_count() const { return static_cast<int>(node_.outputs.size()); }
  const TensorDesc& input(int i) const { return node_.inputs[static_cast<size_t>(i)]->desc; }
  const Shape& shape(int i) const { return input(i).shape; }
  Layout layout(int i) const { return node_.inputs[static_cast<size_t>(i)]->layout; }
  Layout output_layout(int i) const { return node_.outputs[static_cast<size_t>(i)]->layout; }
  // The shape of an input that must be float32 (and of the given rank, where that is not negative).
  const Shape& float_input(int i, int rank = -1);
  // The contents of an input where they are known at load, otherwise null.
  const void* constant(int i) const;
  template <typename T>
  const T* constant_as(int i) const {
    return input(i).dtype == DTypeOf<T>::value ? static_cast<const T*>(constant(i)) : nullptr;
  }
  // The contents of an int32 or int64 input that must be known at load, because a shape depends on it.
  std::vector<int64_t> constant_ints(int i, std::string_view what);

  // ---- arguments, by the rules of docs/caffe2.md section 2: each kind is read from its own field of the message
  bool has(std::string_view name) const { return node_.argument(name) != nullptr; }
  int64_t int_argument(std::string_view name, int64_t fallback);
  int int32_argument(std::string_view name, int fallback);
  bool bool_argument(std::string_view name, bool fallback) { return int_argument(name, fallback ? 1 : 0) != 0; }
  float float_argument(std::string_view name, float fallback);
  std::string_view string_argument(std::string_view name, std::string_view fallback);
  // Empty when the argument is not there.
  std::vector<int64_t> ints_argument(std::string_view name);
  std::vector<float> floats_argument(std::string_view name);
  // The axis as 0 .. rank - 1; a failure when there is no such axis.
  int axis_argument(std::string_view name, int64_t fallback, int rank);
  int check_axis(int64_t axis, int rank, std::string_view what);

  // ---- results
  void output(int i, DType dtype, const Shape& shape);
  const std::vector<TensorDesc>& outputs() const { return outputs_; }
  // The kernel. Captures must be copies: arguments and constants are gone by the time it runs.
  void run(std::function<void(RunContext&)> run) {
    kernel_ = [run = std::move(run)] { return Kernel(run); };
  }
  // For kernels that are costly to make or have more to say; called only once, when all passes are done.
  void kernel(std::function<Kernel()> make) { kernel_ = std::move(make); }
  // Output 0 is input 0 under another shape. Gives a kernel that copies where they do not share memory.
  void view_of_input();
  // Output \`i\` is a run of the elements of input 0, or input \`i\` of those of output 0: they may share memory, and
  // the kernel must then leave them alone.
  void output_is_part(int i, int64_t offset);
  void input_is_part(int i, int64_t offset);
  const std::vector<int64_t>& output_parts() const { return output_parts_; }
  const std::vector<int64_t>& input_parts() const { return input_parts_; }
  // Output 0 may take over the memory of input `i`.
  void may_overwrite(int i) { in_place_ = i; }
  // The outputs do not depend on what is in the inputs, only on their shapes.
  void independent_of_data() { independent_ = true; }
  bool is_independent_of_data() const { return independent_; }
  void macs(int64_t count) { macs_ = static_cast<uint64_t>(count); }
  uint64_t macs() const { return macs_; }

  // Makes the kernel; once, and only when ok().
  Kernel make_kernel() const;

 private:
  void set_status(const Status& status);
  const proto::Argument* find(std::string_view name, const char* field, bool (*has)(const proto::Argument&));

  const Node& node_;
  const BuildSettings& settings_;
  Status status_;
  std::vector<TensorDesc> outputs_;
  std::function<Kernel()> kernel_;
  std::vector<int64_t> output_parts_;  // by index; -1 where there is none
  std::vector<int64_t> input_parts_;
  bool independent_ = false;
  int in_place_ = -1;
  uint64_t macs_ = 0;
};

// Runs the operator's function and gives the node's outputs their types and shapes.
Status infer(Node& node, const BuildSettings& settings);

}  // namespace mdeploy

#endif  // MDEPLOY_OPS_OP_BUILDER_H_
