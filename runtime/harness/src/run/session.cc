// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "run/session.h"

#include <algorithm>
#include <chrono>

#include "io/text.h"

namespace mdeploy::harness {
namespace {

class Error {
 public:
  Error() { error_.struct_size = sizeof error_; }
  mdeploy_error* get() { return &error_; }
  Status status(mdeploy_status code) const {
    if (code == MDEPLOY_OK) return {};
    return {code, error_.message[0] ? error_.message : mdeploy_status_name(code)};
  }

 private:
  mdeploy_error error_{};
};

mdeploy_tensor_spec to_spec(const BlobSpec& blob) {
  mdeploy_tensor_spec spec{};
  spec.struct_size = sizeof spec;
  spec.name = blob.name.empty() ? nullptr : blob.name.c_str();
  spec.dtype = blob.dtype;
  spec.rank = static_cast<int32_t>(blob.dims.size());
  std::copy(blob.dims.begin(), blob.dims.end(), spec.dims);
  return spec;
}

BlobSpec from_spec(const mdeploy_tensor_spec& spec) {
  BlobSpec blob;
  blob.name = spec.name ? spec.name : "";
  blob.dtype = spec.dtype;
  blob.dims.assign(spec.dims, spec.dims + std::clamp(spec.rank, 0, MDEPLOY_MAX_RANK));
  return blob;
}

mdeploy_tensor to_tensor(Array& array) {
  mdeploy_tensor tensor{};
  tensor.struct_size = sizeof tensor;
  tensor.data = array.bytes.data();
  tensor.bytes = array.bytes.size();
  tensor.dtype = array.dtype;
  tensor.rank = static_cast<int32_t>(array.dims.size());
  std::copy(array.dims.begin(), array.dims.end(), tensor.dims);
  return tensor;
}

}  // namespace

Session::~Session() {
  mdeploy_session_free(session_);
  mdeploy_net_free(net_);
}

Status Session::load(const std::string& init_path, const std::string& predict_path,
                     const std::vector<BlobSpec>& inputs) {
  std::vector<mdeploy_tensor_spec> specs;
  for (const BlobSpec& input : inputs) specs.push_back(to_spec(input));
  mdeploy_load_options options{};
  options.struct_size = sizeof options;
  options.inputs = specs.data();
  options.input_count = specs.size();
  Error error;
  const mdeploy_status code = mdeploy_net_load(init_path.c_str(), predict_path.c_str(), &options, &net_, error.get());
  return code == MDEPLOY_OK ? describe() : error.status(code);
}

Status Session::describe() {
  const auto read = [this](auto count, auto get, std::vector<BlobSpec>* blobs) {
    for (size_t i = 0; i < count(net_); ++i) {
      mdeploy_tensor_spec spec{};
      spec.struct_size = sizeof spec;
      if (const mdeploy_status code = get(net_, i, &spec); code != MDEPLOY_OK) {
        return Status{code, "the runtime does not describe its blobs"};
      }
      blobs->push_back(from_spec(spec));
    }
    return Status();
  };
  if (Status status = read(mdeploy_net_input_count, mdeploy_net_input, &inputs_); !status.ok()) return status;
  return read(mdeploy_net_output_count, mdeploy_net_output, &outputs_);
}

Status Session::start(int threads, const std::vector<int>& cores, bool profile) {
  const std::vector<int32_t> affinity(cores.begin(), cores.end());
  mdeploy_session_options options{};
  options.struct_size = sizeof options;
  options.threads = threads;
  options.affinity_cores = affinity.empty() ? nullptr : affinity.data();
  options.affinity_core_count = affinity.size();
  options.profile = profile;
  Error error;
  if (Status status = error.status(mdeploy_session_create(net_, &options, &session_, error.get())); !status.ok()) {
    return status;
  }
  for (const BlobSpec& output : outputs_) {
    Array array;
    array.dtype = output.dtype;
    array.dims = output.dims;
    size_t bytes = 0;
    if (dtype_bytes(output.dtype) == 0) {
      return {MDEPLOY_UNSUPPORTED, format("output %s: its element type %d cannot be taken out of the net",
                                          output.name.c_str(), output.dtype)};
    }
    if (!tensor_bytes(output.dtype, output.dims, &bytes)) {
      return bad_input(
          format("output %s: shape %s is too large", output.name.c_str(), shape_text(output.dims).c_str()));
    }
    array.bytes.resize(bytes);
    output_arrays_.push_back(std::move(array));
  }
  for (Array& array : output_arrays_) output_tensors_.push_back(to_tensor(array));
  return {};
}

Status Session::set_inputs(std::vector<Array> arrays, const std::string& where) {
  if (arrays.size() != inputs_.size()) {
    return bad_input(format("%s: %zu inputs where the net has %zu", where.c_str(), arrays.size(), inputs_.size()));
  }
  for (size_t i = 0; i < arrays.size(); ++i) {
    const BlobSpec& wanted = inputs_[i];
    if (arrays[i].dtype == wanted.dtype && arrays[i].dims == wanted.dims) continue;
    return bad_input(format("%s: input %zu is %s %s where the net's %s is %s %s", where.c_str(), i,
                            dtype_name(arrays[i].dtype), shape_text(arrays[i].dims).c_str(), wanted.name.c_str(),
                            dtype_name(wanted.dtype), shape_text(wanted.dims).c_str()));
  }
  input_arrays_ = std::move(arrays);
  input_tensors_.clear();
  for (Array& array : input_arrays_) input_tensors_.push_back(to_tensor(array));
  return {};
}

Status Session::run(double* ms) {
  Error error;
  const auto start = std::chrono::steady_clock::now();
  const mdeploy_status code = mdeploy_session_run(session_, input_tensors_.data(), input_tensors_.size(),
                                                  output_tensors_.data(), output_tensors_.size(), error.get());
  *ms = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  return error.status(code);
}

std::vector<OpRow> Session::op_profile() const {
  std::vector<OpRow> rows;
  for (size_t i = 0; i < mdeploy_session_op_count(session_); ++i) {
    mdeploy_op_profile op{};
    op.struct_size = sizeof op;
    if (mdeploy_session_op_profile(session_, i, &op) != MDEPLOY_OK) continue;
    const double runs = static_cast<double>(std::max<uint64_t>(op.runs, 1));
    rows.push_back({op.name ? op.name : "", op.type ? op.type : "", op.kernel ? op.kernel : "", op.total_ms / runs,
                    static_cast<int64_t>(op.macs)});
  }
  return rows;
}

}  // namespace mdeploy::harness
