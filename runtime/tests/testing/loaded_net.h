// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// A net behind the C ABI, for tests: loads, runs, and hands out errors.
#ifndef MDEPLOY_TESTS_TESTING_LOADED_NET_H_
#define MDEPLOY_TESTS_TESTING_LOADED_NET_H_

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "mdeploy/mdeploy_runtime.h"

namespace mdeploy::testing {

struct Given {
  std::string name;
  std::vector<int64_t> dims;
  int32_t dtype = MDEPLOY_FLOAT32;
};

struct How {
  const char* isa = nullptr;
  std::vector<const char*> skip;
  std::vector<const char*> keep;
  uint64_t max_bytes = 0;
  int threads = 1;
};

class LoadedNet {
 public:
  LoadedNet(const std::string& init, const std::string& predict, const std::vector<Given>& inputs, const How& how = {})
      : inputs_(inputs) {
    std::vector<mdeploy_tensor_spec> specs;
    for (const Given& input : inputs) {
      mdeploy_tensor_spec spec{};
      spec.struct_size = sizeof(spec);
      spec.name = input.name.c_str();
      spec.dtype = input.dtype;
      spec.rank = static_cast<int32_t>(input.dims.size());
      for (size_t d = 0; d < input.dims.size(); ++d) spec.dims[d] = input.dims[d];
      specs.push_back(spec);
    }
    mdeploy_load_options options{};
    options.struct_size = sizeof(options);
    options.inputs = specs.data();
    options.input_count = specs.size();
    options.isa = how.isa;
    options.skip_passes = how.skip.data();
    options.skip_pass_count = how.skip.size();
    options.keep_blobs = how.keep.data();
    options.keep_blob_count = how.keep.size();
    options.max_bytes = how.max_bytes;
    error_.struct_size = sizeof(error_);
    status_ =
        mdeploy_net_load_memory(init.data(), init.size(), predict.data(), predict.size(), &options, &net_, &error_);
    if (status_ != MDEPLOY_OK) return;
    mdeploy_session_options session{};
    session.struct_size = sizeof(session);
    session.threads = how.threads;
    session.profile = 1;
    status_ = mdeploy_session_create(net_, &session, &session_, &error_);
  }
  ~LoadedNet() {
    mdeploy_session_free(session_);
    mdeploy_net_free(net_);
  }
  LoadedNet(const LoadedNet&) = delete;
  LoadedNet& operator=(const LoadedNet&) = delete;

  mdeploy_status status() const { return status_; }
  std::string error() const { return error_.message; }
  mdeploy_net* net() const { return net_; }
  mdeploy_session* session() const { return session_; }

  // Float inputs and outputs by position.
  std::vector<std::vector<float>> run(std::vector<std::vector<float>> values) {
    std::vector<mdeploy_tensor> in, out;
    for (size_t i = 0; i < values.size(); ++i) {
      in.push_back(tensor(inputs_[i].dims.data(), inputs_[i].dims.size(), MDEPLOY_FLOAT32, values[i]));
    }
    std::vector<std::vector<float>> results(mdeploy_net_output_count(net_));
    for (size_t i = 0; i < results.size(); ++i) {
      mdeploy_tensor_spec spec{};
      spec.struct_size = sizeof(spec);
      EXPECT_EQ(mdeploy_net_output(net_, i, &spec), MDEPLOY_OK);
      size_t count = 1;
      for (int32_t d = 0; d < spec.rank; ++d) count *= static_cast<size_t>(spec.dims[d]);
      results[i].assign(count, -12345.0f);
      out.push_back(tensor(spec.dims, static_cast<size_t>(spec.rank), spec.dtype, results[i]));
    }
    status_ = mdeploy_session_run(session_, in.data(), in.size(), out.data(), out.size(), &error_);
    return results;
  }

  std::vector<std::string> types() const {
    std::vector<std::string> list;
    for (size_t i = 0; i < mdeploy_session_op_count(session_); ++i) {
      mdeploy_op_profile profile{};
      profile.struct_size = sizeof(profile);
      EXPECT_EQ(mdeploy_session_op_profile(session_, i, &profile), MDEPLOY_OK);
      list.push_back(profile.type);
    }
    return list;
  }

 private:
  static mdeploy_tensor tensor(const int64_t* dims, size_t rank, int32_t dtype, std::vector<float>& values) {
    mdeploy_tensor t{};
    t.struct_size = sizeof(t);
    t.data = values.data();
    t.bytes = values.size() * sizeof(float);
    t.dtype = dtype;
    t.rank = static_cast<int32_t>(rank);
    for (size_t d = 0; d < rank; ++d) t.dims[d] = dims[d];
    return t;
  }

  std::vector<Given> inputs_;
  mdeploy_net* net_ = nullptr;
  mdeploy_session* session_ = nullptr;
  mdeploy_error error_{};
  mdeploy_status status_ = MDEPLOY_OK;
};

// Numbers that look random and are the same everywhere.
inline std::vector<float> numbers(size_t count, uint32_t seed) {
  std::vector<float> values(count);
  uint32_t state = seed * 2654435761u + 1;
  for (float& value : values) {
    state = state * 1664525u + 1013904223u;
    value = static_cast<float>(state >> 8) / static_cast<float>(1 << 23) - 1.0f;
  }
  return values;
}

}  // namespace mdeploy::testing

#endif  // MDEPLOY_TESTS_TESTING_LOADED_NET_H_
