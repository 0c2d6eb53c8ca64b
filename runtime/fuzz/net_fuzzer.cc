// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// Loads a net pair from any bytes and runs it. The first two bytes of the input say where the init net ends; the next
// two give the shape of the first data input, and how to load.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "mdeploy/mdeploy_runtime.h"
#include "net_mutator.h"

namespace {

constexpr uint64_t kMaxBytes = 8 << 20;
constexpr uint64_t kMaxMacs = 20'000'000;  // more would only be slow

void run(mdeploy_net* net) {
  if (mdeploy_net_macs(net) > kMaxMacs) return;
  mdeploy_session_options options{};
  options.struct_size = sizeof(options);
  options.threads = 1;
  mdeploy_session* session = nullptr;
  if (mdeploy_session_create(net, &options, &session, nullptr) != MDEPLOY_OK) return;
  std::vector<mdeploy_tensor> tensors[2];
  std::vector<std::vector<unsigned char>> memory;
  for (int side = 0; side < 2; ++side) {
    const size_t count = side == 0 ? mdeploy_net_input_count(net) : mdeploy_net_output_count(net);
    for (size_t i = 0; i < count; ++i) {
      mdeploy_tensor_spec spec{};
      spec.struct_size = sizeof(spec);
      if ((side == 0 ? mdeploy_net_input : mdeploy_net_output)(net, i, &spec) != MDEPLOY_OK) abort();
      mdeploy_tensor tensor{};
      tensor.struct_size = sizeof(tensor);
      tensor.dtype = spec.dtype;
      tensor.rank = spec.rank;
      size_t bytes = 8;
      for (int32_t d = 0; d < spec.rank; ++d) {
        tensor.dims[d] = spec.dims[d];
        bytes *= static_cast<size_t>(spec.dims[d]);
      }
      memory.emplace_back(bytes, side == 0 ? 0x3f : 0);  // floats of about 0.75
      tensor.data = memory.back().data();
      tensor.bytes = bytes;
      tensors[side].push_back(tensor);
    }
  }
  (void)mdeploy_session_run(session, tensors[0].data(), tensors[0].size(), tensors[1].data(), tensors[1].size(),
                            nullptr);
  mdeploy_session_free(session);
}

size_t init_size(const uint8_t* data, size_t body) {
  return std::min<size_t>(body, static_cast<size_t>(data[0]) | static_cast<size_t>(data[1]) << 8);
}

}  // namespace

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

// Every other change is one of bytes, the rest is a few to the nets themselves.
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned int seed) {
  std::minstd_rand random(seed);
  if (size < 4 || random() % 2 == 0) return LLVMFuzzerMutate(data, size, max_size);
  const size_t init = init_size(data, size - 4);
  const std::string_view body(reinterpret_cast<const char*>(data) + 4, size - 4);
  std::string nets[2] = {std::string(body.substr(0, init)), std::string(body.substr(init))};
  for (size_t changes = 1 + random() % 3; changes > 0; --changes) {
    std::string& net = nets[random() % 5 == 0 ? 0 : 1];
    net = mdeploy::fuzz::mutate_net(net, random);
  }
  const size_t total = 4 + nets[0].size() + nets[1].size();
  if (total > max_size || nets[0].size() > 0xffff) return LLVMFuzzerMutate(data, size, max_size);
  data[0] = static_cast<uint8_t>(nets[0].size() & 0xff);
  data[1] = static_cast<uint8_t>(nets[0].size() >> 8);
  std::memcpy(data + 4, nets[0].data(), nets[0].size());
  std::memcpy(data + 4 + nets[0].size(), nets[1].data(), nets[1].size());
  return total;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 4) return 0;
  const size_t body = size - 4;
  const size_t init = init_size(data, body);
  mdeploy_tensor_spec input{};
  input.struct_size = sizeof(input);
  input.dtype = MDEPLOY_FLOAT32;
  input.rank = 4;
  input.dims[0] = 1 + (data[2] & 1);
  input.dims[1] = 1 + (data[2] >> 1 & 31);
  input.dims[2] = 1 + (data[3] & 15);
  input.dims[3] = 1 + (data[3] >> 4);
  mdeploy_load_options options{};
  options.struct_size = sizeof(options);
  options.inputs = &input;
  options.input_count = 1;
  options.max_bytes = kMaxBytes;
  const char* keep_all = "*";
  if (data[2] & 64) {
    options.keep_blobs = &keep_all;
    options.keep_blob_count = 1;
  }
  if (data[2] & 128) options.isa = "reference";
  mdeploy_error error{};
  error.struct_size = sizeof(error);
  mdeploy_net* net = nullptr;
  if (mdeploy_net_load_memory(data + 4, init, data + 4 + init, body - init, &options, &net, &error) == MDEPLOY_OK) {
    run(net);
    mdeploy_net_free(net);
  }
  return 0;
}
