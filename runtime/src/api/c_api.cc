// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// The C ABI: arguments checked, exceptions caught, errors written into the caller's struct.
#include <algorithm>
#include <cstddef>
#include <cstring>
#include <new>

#include "api/file.h"
#include "api/guard.h"
#include "cpu/affinity.h"
#include "exec/net.h"
#include "exec/session.h"
#include "image/preprocess.h"
#include "kernels/reorder.h"

using mdeploy::guarded;
using mdeploy::Status;

struct mdeploy_net {
  std::shared_ptr<const mdeploy::Executable> executable;
};

struct mdeploy_session {
  std::unique_ptr<mdeploy::Session> session;
};

namespace mdeploy {
namespace {

Status read_options(const mdeploy_load_options* options, LoadOptions* result) {
  if (options == nullptr) return usage_error("load options are missing");
  if (options->struct_size < sizeof(mdeploy_load_options)) return usage_error("load options: struct_size is wrong");
  if (options->isa != nullptr) {
    result->isa = isa_from_name(options->isa);
    if (!result->isa) return usage_error("there is no instruction set ", quoted(options->isa));
  }
  if (options->max_bytes != 0) result->max_bytes = options->max_bytes;
  result->max_bytes = std::min<uint64_t>(result->max_bytes, SIZE_MAX / 2);
  for (size_t i = 0; i < options->skip_pass_count; ++i) result->skip_passes.emplace_back(options->skip_passes[i]);
  for (size_t i = 0; i < options->keep_blob_count; ++i) result->build.keep.emplace_back(options->keep_blobs[i]);
  for (size_t i = 0; i < options->input_count; ++i) {
    const mdeploy_tensor_spec& spec = options->inputs[i];
    InputSpec input;
    if (spec.name != nullptr) input.name = spec.name;
    if (!dtype_is_valid(spec.dtype)) return usage_error("input ", i, ": there is no element type ", spec.dtype);
    input.desc.dtype = static_cast<DType>(spec.dtype);
    if (spec.rank < 0 || spec.rank > MDEPLOY_MAX_RANK) return usage_error("input ", i, ": rank ", spec.rank);
    for (int32_t d = 0; d < spec.rank; ++d) {
      if (spec.dims[d] < 1) return usage_error("input ", i, ": dimension ", d, " is ", spec.dims[d]);
      input.desc.shape.push_back(spec.dims[d]);
    }
    result->build.inputs.push_back(std::move(input));
  }
  return {};
}

Status load(std::string_view init, std::string_view predict, const LoadOptions& options, mdeploy_net** net) {
  auto result = std::make_unique<mdeploy_net>();
  MDEPLOY_TRY(load_net(init, predict, options, &result->executable));
  *net = result.release();
  return {};
}

Status fill_spec(const Executable& net, const std::vector<NamedSlot>& list, size_t index, mdeploy_tensor_spec* spec) {
  if (index >= list.size()) return usage_error("there are only ", list.size());
  const TensorDesc& desc = net.slots[list[index].slot].desc;
  spec->name = list[index].name.c_str();
  spec->dtype = static_cast<int32_t>(desc.dtype);
  spec->rank = desc.shape.rank();
  std::copy(desc.shape.begin(), desc.shape.end(), spec->dims);
  return {};
}

// Checks that the caller's tensor is what the net has there.
Status check_tensor(const char* kind, const std::string& name, const TensorDesc& desc, const mdeploy_tensor& tensor) {
  const auto prefix = [&] { return cat(kind, " ", quoted(name), ": "); };
  if (tensor.struct_size < sizeof(mdeploy_tensor)) return usage_error(prefix(), "struct_size is wrong");
  Shape shape;
  for (int32_t d = 0; d < tensor.rank && d < MDEPLOY_MAX_RANK; ++d) shape.push_back(tensor.dims[d]);
  if (tensor.rank != desc.shape.rank() || shape != desc.shape) {
    return usage_error(prefix(), "expected shape ", desc.shape, ", found ", shape);
  }
  if (tensor.dtype != static_cast<int32_t>(desc.dtype)) {
    return usage_error(prefix(), "expected ", dtype_name(desc.dtype), ", found element type ", tensor.dtype);
  }
  if (tensor.bytes < desc.bytes())
    return usage_error(prefix(), "expected ", desc.bytes(), " bytes, found ", tensor.bytes);
  if (tensor.data == nullptr && desc.bytes() > 0) return usage_error(prefix(), "no data");
  return {};
}

Status run(Session& session, const mdeploy_tensor* inputs, size_t input_count, mdeploy_tensor* outputs,
           size_t output_count) {
  const Executable& net = session.net();
  if (input_count != net.inputs.size())
    return usage_error("expected ", net.inputs.size(), " inputs, found ", input_count);
  if (output_count != net.outputs.size()) {
    return usage_error("expected ", net.outputs.size(), " outputs, found ", output_count);
  }
  for (size_t i = 0; i < input_count; ++i) {
    MDEPLOY_TRY(check_tensor("input", net.inputs[i].name, net.slots[net.inputs[i].slot].desc, inputs[i]));
  }
  for (size_t i = 0; i < output_count; ++i) {
    MDEPLOY_TRY(check_tensor("output", net.outputs[i].name, net.slots[net.outputs[i].slot].desc, outputs[i]));
  }
  for (size_t i = 0; i < input_count; ++i) {
    std::memcpy(session.input(i), inputs[i].data, net.slots[net.inputs[i].slot].desc.bytes());
  }
  MDEPLOY_TRY(session.run());
  for (size_t i = 0; i < output_count; ++i) {
    const size_t bytes = net.slots[net.outputs[i].slot].desc.bytes();
    if (bytes > 0) std::memcpy(outputs[i].data, session.output(i), bytes);
  }
  return {};
}

// The slot's contents in C order, whatever layout it has.
void copy_plain(const Slot& slot, const void* from, void* to) {
  if (slot.layout.is_plain()) {
    if (slot.desc.bytes() > 0) std::memcpy(to, from, slot.desc.bytes());
    return;
  }
  ThreadPool caller(1);
  const Shape& s = slot.desc.shape;
  for (int64_t n = 0; n < s[0]; ++n) {
    blocked_to_plain(static_cast<const float*>(from) + n * slot.layout.picture_size(s[1], s[2], s[3]), s[1],
                     s[2] * s[3], slot.layout, static_cast<float*>(to) + n * s[1] * s[2] * s[3], caller);
  }
}

Status read_blob(const Session& session, const char* name, mdeploy_tensor* tensor) {
  if (tensor->struct_size < sizeof(mdeploy_tensor)) return usage_error("struct_size is wrong");
  const void* data = nullptr;
  const Slot* slot = session.kept_blob(name, &data);
  if (slot == nullptr) return usage_error("blob ", quoted(name), " was not kept; name it in keep_blobs when loading");
  const size_t bytes = slot->desc.bytes();
  tensor->dtype = static_cast<int32_t>(slot->desc.dtype);
  tensor->rank = slot->desc.shape.rank();
  std::copy(slot->desc.shape.begin(), slot->desc.shape.end(), tensor->dims);
  if (tensor->data == nullptr) {
    tensor->bytes = bytes;
    return {};
  }
  if (tensor->bytes < bytes)
    return usage_error("blob ", quoted(name), " has ", bytes, " bytes, the buffer ", tensor->bytes);
  copy_plain(*slot, data, tensor->data);
  return {};
}

}  // namespace
}  // namespace mdeploy

extern "C" {

mdeploy_status mdeploy_net_load(const char* init_path, const char* predict_path, const mdeploy_load_options* options,
                                mdeploy_net** net, mdeploy_error* error) {
  return guarded(error, [&]() -> Status {
    if (init_path == nullptr || predict_path == nullptr || net == nullptr)
      return mdeploy::usage_error("a null pointer");
    *net = nullptr;
    mdeploy::LoadOptions load_options;
    MDEPLOY_TRY(mdeploy::read_options(options, &load_options));
    mdeploy::MappedFile init, predict;
    MDEPLOY_TRY(init.open(init_path));
    MDEPLOY_TRY(predict.open(predict_path));
    load_options.build.files = {init_path, predict_path};
    load_options.build.release = [&init](std::string_view part) { init.release_up_to(part); };
    return mdeploy::load(init.bytes(), predict.bytes(), load_options, net);
  });
}

mdeploy_status mdeploy_net_load_memory(const void* init_bytes, size_t init_size, const void* predict_bytes,
                                       size_t predict_size, const mdeploy_load_options* options, mdeploy_net** net,
                                       mdeploy_error* error) {
  return guarded(error, [&]() -> Status {
    if ((init_bytes == nullptr && init_size > 0) || (predict_bytes == nullptr && predict_size > 0) || net == nullptr) {
      return mdeploy::usage_error("a null pointer");
    }
    *net = nullptr;
    mdeploy::LoadOptions load_options;
    MDEPLOY_TRY(mdeploy::read_options(options, &load_options));
    return mdeploy::load({static_cast<const char*>(init_bytes), init_size},
                         {static_cast<const char*>(predict_bytes), predict_size}, load_options, net);
  });
}

void mdeploy_net_free(mdeploy_net* net) { delete net; }

size_t mdeploy_net_input_count(const mdeploy_net* net) { return net != nullptr ? net->executable->inputs.size() : 0; }
size_t mdeploy_net_output_count(const mdeploy_net* net) { return net != nullptr ? net->executable->outputs.size() : 0; }

mdeploy_status mdeploy_net_input(const mdeploy_net* net, size_t index, mdeploy_tensor_spec* spec) {
  if (net == nullptr || spec == nullptr) return MDEPLOY_USAGE;
  return mdeploy::fill_spec(*net->executable, net->executable->inputs, index, spec).code();
}

mdeploy_status mdeploy_net_output(const mdeploy_net* net, size_t index, mdeploy_tensor_spec* spec) {
  if (net == nullptr || spec == nullptr) return MDEPLOY_USAGE;
  return mdeploy::fill_spec(*net->executable, net->executable->outputs, index, spec).code();
}

const char* mdeploy_net_name(const mdeploy_net* net) { return net != nullptr ? net->executable->name.c_str() : ""; }
const char* mdeploy_net_isa(const mdeploy_net* net) { return net != nullptr ? net->executable->isa.c_str() : ""; }
uint64_t mdeploy_net_parameters(const mdeploy_net* net) { return net != nullptr ? net->executable->parameters : 0; }
uint64_t mdeploy_net_macs(const mdeploy_net* net) { return net != nullptr ? net->executable->macs : 0; }

mdeploy_status mdeploy_session_create(const mdeploy_net* net, const mdeploy_session_options* options,
                                      mdeploy_session** session, mdeploy_error* error) {
  return guarded(error, [&]() -> Status {
    if (net == nullptr || session == nullptr) return mdeploy::usage_error("a null pointer");
    *session = nullptr;
    int threads = 0;
    bool profile = false;
    std::vector<int> cores;
    if (options != nullptr) {
      if (options->struct_size < sizeof(mdeploy_session_options)) {
        return mdeploy::usage_error("session options: struct_size is wrong");
      }
      threads = options->threads;
      profile = options->profile != 0;
      for (size_t i = 0; i < options->affinity_core_count; ++i) cores.push_back(options->affinity_cores[i]);
    }
    constexpr int kMostThreads = 256, kDefaultThreads = 8;
    if (threads < 0 || threads > kMostThreads)
      return mdeploy::usage_error("threads: expected 0 to 256, found ", threads);
    if (threads == 0) threads = std::min(mdeploy::usable_cores(), kDefaultThreads);
    auto result = std::make_unique<mdeploy_session>();
    MDEPLOY_TRY(mdeploy::Session::create(net->executable, threads, std::move(cores), profile, &result->session));
    *session = result.release();
    return {};
  });
}

void mdeploy_session_free(mdeploy_session* session) { delete session; }

mdeploy_status mdeploy_session_run(mdeploy_session* session, const mdeploy_tensor* inputs, size_t input_count,
                                   mdeploy_tensor* outputs, size_t output_count, mdeploy_error* error) {
  return guarded(error, [&]() -> Status {
    if (session == nullptr || (inputs == nullptr && input_count > 0) || (outputs == nullptr && output_count > 0)) {
      return mdeploy::usage_error("a null pointer");
    }
    return mdeploy::run(*session->session, inputs, input_count, outputs, output_count);
  });
}

void mdeploy_session_cancel(mdeploy_session* session) {
  if (session != nullptr) session->session->cancel();
}

int32_t mdeploy_session_threads(const mdeploy_session* session) {
  return session != nullptr ? session->session->threads() : 0;
}

int32_t mdeploy_session_affinity_applied(const mdeploy_session* session) {
  return session != nullptr && session->session->affinity_applied() ? 1 : 0;
}

mdeploy_status mdeploy_session_blob(const mdeploy_session* session, const char* name, mdeploy_tensor* tensor,
                                    mdeploy_error* error) {
  return guarded(error, [&]() -> Status {
    if (session == nullptr || name == nullptr || tensor == nullptr) return mdeploy::usage_error("a null pointer");
    return mdeploy::read_blob(*session->session, name, tensor);
  });
}

size_t mdeploy_session_op_count(const mdeploy_session* session) {
  return session != nullptr ? session->session->net().steps.size() : 0;
}

mdeploy_status mdeploy_session_op_profile(const mdeploy_session* session, size_t index, mdeploy_op_profile* profile) {
  if (session == nullptr || profile == nullptr || index >= mdeploy_session_op_count(session)) return MDEPLOY_USAGE;
  const mdeploy::Step& step = session->session->net().steps[index];
  profile->name = step.name.c_str();
  profile->type = step.type.c_str();
  profile->kernel = step.kernel.name;
  profile->macs = step.kernel.macs;
  profile->total_ms = 0.0;
  profile->runs = 0;
  if (session->session->profiles()) {
    const mdeploy::StepProfile& times = session->session->profile()[index];
    profile->total_ms = static_cast<double>(times.nanoseconds) * 1e-6;
    profile->runs = times.runs;
  }
  return MDEPLOY_OK;
}

void mdeploy_session_reset_profile(mdeploy_session* session) {
  if (session != nullptr) session->session->reset_profile();
}

}  // extern "C"

namespace {

// Callers of before the arithmetic was a choice give a struct that ends there.
Status whole_spec(const mdeploy_preprocess_spec* given, const mdeploy_tensor* output, mdeploy_preprocess_spec* spec) {
  if (given == nullptr || output == nullptr) return mdeploy::usage_error("a null pointer");
  if (given->struct_size < offsetof(mdeploy_preprocess_spec, arithmetic) ||
      output->struct_size < sizeof(mdeploy_tensor)) {
    return mdeploy::usage_error("struct_size is wrong");
  }
  constexpr size_t kFirst = offsetof(mdeploy_preprocess_spec, arithmetic);
  const bool chosen = given->struct_size >= sizeof *spec && given->arithmetic != MDEPLOY_UNROUNDED;
  *spec = {};
  std::memcpy(spec, given, chosen ? sizeof *spec : kFirst);
  return {};
}

}  // namespace

extern "C" {

mdeploy_status mdeploy_preprocess(const uint8_t* rgba, int32_t width, int32_t height, size_t stride,
                                  const mdeploy_preprocess_spec* spec, mdeploy_tensor* output, mdeploy_error* error) {
  return guarded(error, [&]() -> Status {
    mdeploy_preprocess_spec whole;
    MDEPLOY_TRY(whole_spec(spec, output, &whole));
    if (rgba == nullptr) return mdeploy::usage_error("a null pointer");
    return mdeploy::preprocess(rgba, width, height, stride, whole, *output);
  });
}

mdeploy_status mdeploy_preprocess_rows(mdeploy_row_reader reader, void* user, int32_t width, int32_t height,
                                       const mdeploy_preprocess_spec* spec, mdeploy_tensor* output,
                                       mdeploy_error* error) {
  return guarded(error, [&]() -> Status {
    mdeploy_preprocess_spec whole;
    MDEPLOY_TRY(whole_spec(spec, output, &whole));
    return mdeploy::preprocess_rows(reader, user, width, height, whole, *output);
  });
}

}  // extern "C"
