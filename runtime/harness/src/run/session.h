// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// A loaded net and its session behind the C ABI, with buffers for inputs and outputs.
#ifndef MDEPLOY_HARNESS_RUN_SESSION_H_
#define MDEPLOY_HARNESS_RUN_SESSION_H_

#include <string>
#include <vector>

#include "io/manifest.h"
#include "io/npy.h"
#include "io/status.h"
#include "run/result.h"

namespace mdeploy::harness {

class Session {
 public:
  Session() = default;
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Loads the nets. Inputs with an empty name go by position.
  Status load(const std::string& init_path, const std::string& predict_path, const std::vector<BlobSpec>& inputs);
  // `cores` is empty to leave the threads free.
  Status start(int threads, const std::vector<int>& cores, bool profile);

  const std::vector<BlobSpec>& inputs() const { return inputs_; }
  const std::vector<BlobSpec>& outputs() const { return outputs_; }
  const mdeploy_net* net() const { return net_; }
  mdeploy_session* handle() const { return session_; }

  // Takes the arrays that the next runs read. Shapes and dtypes must be the net's.
  Status set_inputs(std::vector<Array> arrays, const std::string& where);
  // One run into the output arrays; `ms` is the time inside the runtime.
  Status run(double* ms);
  const std::vector<Array>& output_arrays() const { return output_arrays_; }

  std::vector<OpRow> op_profile() const;

 private:
  Status describe();

  mdeploy_net* net_ = nullptr;
  mdeploy_session* session_ = nullptr;
  std::vector<BlobSpec> inputs_, outputs_;
  std::vector<Array> input_arrays_, output_arrays_;
  std::vector<mdeploy_tensor> input_tensors_, output_tensors_;
};

}  // namespace mdeploy::harness

#endif  // MDEPLOY_HARNESS_RUN_SESSION_H_
