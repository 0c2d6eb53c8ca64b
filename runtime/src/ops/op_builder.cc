// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "ops/op_builder.h"

#include <cstring>
#include <limits>

#include "ir/operator.h"

namespace mdeploy {

void OpBuilder::set_status(const Status& status) {
  if (status_.ok()) status_ = status.with_prefix(cat(node_.describe(), ": "));
}

const Shape& OpBuilder::float_input(int i, int rank) {
  const TensorDesc& desc = input(i);
  if (desc.dtype != DType::kFloat) {
    fail("input ", i, " ", quoted(node_.inputs[static_cast<size_t>(i)]->name), ": expected float32, found ",
         dtype_name(desc.dtype));
  } else if (rank >= 0 && desc.shape.rank() != rank) {
    fail("input ", i, " ", quoted(node_.inputs[static_cast<size_t>(i)]->name), ": expected ", rank,
         " dimensions, found shape ", desc.shape);
  }
  return desc.shape;
}

const void* OpBuilder::constant(int i) const {
  const Value* value = node_.inputs[static_cast<size_t>(i)];
  return value->is_constant() ? value->constant->data() : nullptr;
}

std::vector<int64_t> OpBuilder::constant_ints(int i, std::string_view what) {
  const Value* value = node_.inputs[static_cast<size_t>(i)];
  const TensorDesc& desc = value->desc;
  std::vector<int64_t> values;
  if (desc.dtype != DType::kInt32 && desc.dtype != DType::kInt64) {
    fail(what, " ", quoted(value->name), ": expected int32 or int64, found ", dtype_name(desc.dtype));
  } else if (!value->is_constant()) {
    fail_unsupported(what, " ", quoted(value->name), " is only known at run time; shapes must be known at load");
  } else if (desc.elements() > 1'000'000) {
    fail(what, " ", quoted(value->name), " has ", desc.elements(), " elements");
  } else {
    values.resize(static_cast<size_t>(desc.elements()));
    for (size_t k = 0; k < values.size(); ++k) {
      values[k] = desc.dtype == DType::kInt32 ? value->constant_data<int32_t>()[k] : value->constant_data<int64_t>()[k];
    }
  }
  return values;
}

const proto::Argument* OpBuilder::find(std::string_view name, const char* field,
                                       bool (*has_field)(const proto::Argument&)) {
  const proto::Argument* argument = node_.argument(name);
  if (argument == nullptr) return nullptr;
  if (!has_field(*argument)) {
    fail("argument ", quoted(name), " does not have the right field: expected field ", field);
    return nullptr;
  }
  return argument;
}

int64_t OpBuilder::int_argument(std::string_view name, int64_t fallback) {
  const auto* argument = find(name, "i", [](const proto::Argument& a) { return a.i.has_value(); });
  return argument != nullptr ? *argument->i : fallback;
}

int OpBuilder::int32_argument(std::string_view name, int fallback) {
  const int64_t value = int_argument(name, fallback);
  // Narrowing must lose nothing (ArgumentHelper::GetSingleArgument).
  if (value < std::numeric_limits<int32_t>::min() || value > std::numeric_limits<int32_t>::max()) {
    fail("argument ", quoted(name), " is out of range: ", value);
    return fallback;
  }
  return static_cast<int>(value);
}

float OpBuilder::float_argument(std::string_view name, float fallback) {
  const auto* argument = find(name, "f", [](const proto::Argument& a) { return a.f.has_value(); });
  return argument != nullptr ? *argument->f : fallback;
}

std::string_view OpBuilder::string_argument(std::string_view name, std::string_view fallback) {
  const auto* argument = find(name, "s", [](const proto::Argument& a) { return a.s.has_value(); });
  return argument != nullptr ? *argument->s : fallback;
}

// A list without elements looks like an argument without a value, so it has no wrong field as long as no other is set.
std::vector<int64_t> OpBuilder::ints_argument(std::string_view name) {
  const auto* argument = find(name, "ints", [](const proto::Argument& a) {
    return a.int_count > 0 || (!a.i && !a.f && !a.s && a.float_count == 0 && a.string_count == 0);
  });
  if (argument == nullptr) return {};
  if (argument->int_count > 1'000'000) {
    fail("argument ", quoted(name), " has ", argument->int_count, " values");
    return {};
  }
  return argument->ints();
}

std::vector<float> OpBuilder::floats_argument(std::string_view name) {
  const auto* argument = find(name, "floats", [](const proto::Argument& a) {
    return a.float_count > 0 || (!a.i && !a.f && !a.s && a.int_count == 0 && a.string_count == 0);
  });
  if (argument == nullptr) return {};
  if (argument->float_count > 1'000'000) {
    fail("argument ", quoted(name), " has ", argument->float_count, " values");
    return {};
  }
  return argument->floats();
}

int OpBuilder::check_axis(int64_t axis, int rank, std::string_view what) {
  if (axis < -rank || axis >= rank) {
    fail(what, " ", axis, " is out of range for ", rank, " dimensions");
    return 0;
  }
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

int OpBuilder::axis_argument(std::string_view name, int64_t fallback, int rank) {
  return check_axis(int_argument(name, fallback), rank, name);
}

void OpBuilder::output(int i, DType dtype, const Shape& shape) {
  if (!ok()) return;
  if (Status status = shape.check(); !status.ok()) {
    set_status(status.with_prefix(cat("output ", i, " would be ")));
    return;
  }
  if (outputs_.size() <= static_cast<size_t>(i)) outputs_.resize(static_cast<size_t>(i) + 1);
  outputs_[static_cast<size_t>(i)] = {dtype, shape};
}

namespace {
void set_part(std::vector<int64_t>& parts, int i, int64_t offset) {
  if (parts.size() <= static_cast<size_t>(i)) parts.resize(static_cast<size_t>(i) + 1, -1);
  parts[static_cast<size_t>(i)] = offset;
}
}  // namespace

void OpBuilder::output_is_part(int i, int64_t offset) { set_part(output_parts_, i, offset); }
void OpBuilder::input_is_part(int i, int64_t offset) { set_part(input_parts_, i, offset); }

void OpBuilder::view_of_input() {
  output_is_part(0, 0);
  run([bytes = node_.inputs[0]->storage_bytes()](RunContext& c) {
    if (c.outputs[0] != nullptr && c.outputs[0] != c.inputs[0] && bytes > 0) {
      std::memcpy(c.outputs[0], c.inputs[0], bytes);
    }
  });
}

Kernel OpBuilder::make_kernel() const {
  Kernel kernel = kernel_ ? kernel_() : Kernel([](RunContext&) {});
  if (in_place_ >= 0) kernel.in_place = in_place_;
  if (kernel.macs == 0) kernel.macs = macs_;
  return kernel;
}

Status infer(Node& node, const BuildSettings& settings) {
  OpBuilder builder(node, settings);
  node.op->make(builder);
  MDEPLOY_TRY(builder.status());
  if (builder.outputs().size() > node.outputs.size()) {
    return internal_error(node.describe(), ": gives more outputs than the net names");
  }
  for (size_t i = 0; i < builder.outputs().size(); ++i) node.outputs[i]->desc = builder.outputs()[i];
  return {};
}

}  // namespace mdeploy
