// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// One thread's use of a net: an arena, a thread pool, and runs.
#ifndef MDEPLOY_EXEC_SESSION_H_
#define MDEPLOY_EXEC_SESSION_H_

#include <atomic>
#include <memory>
#include <string_view>
#include <vector>

#include "exec/executable.h"

namespace mdeploy {

struct StepProfile {
  uint64_t nanoseconds = 0;
  uint64_t runs = 0;
};

class Session {
 public:
  static Status create(std::shared_ptr<const Executable> net, int threads, std::vector<int> cores, bool profile,
                       std::unique_ptr<Session>* session);

  const Executable& net() const { return *net_; }
  int threads() const { return pool_.size(); }
  bool affinity_applied() const { return pool_.affinity_applied(); }

  // Memory of the inputs, to fill before run(), and of the outputs.
  void* input(size_t index) { return memory(net_->inputs[index].slot); }
  const void* output(size_t index) const { return memory(net_->outputs[index].slot); }
  // Null when the blob was not kept.
  const Slot* kept_blob(std::string_view name, const void** data) const;

  Status run();
  void cancel() { cancelled_ = true; }

  bool profiles() const { return profile_; }
  const std::vector<StepProfile>& profile() const { return times_; }
  void reset_profile() { times_.assign(times_.size(), {}); }

 private:
  Session(std::shared_ptr<const Executable> net, int threads, std::vector<int> cores, bool profile);
  void* memory(size_t slot) const;

  std::shared_ptr<const Executable> net_;
  ThreadPool pool_;
  Buffer arena_, scratch_;
  // Operands of every step, one after the other.
  std::vector<const void*> inputs_;
  std::vector<void*> outputs_;
  bool profile_;
  std::vector<StepProfile> times_;
  std::atomic<bool> cancelled_{false};
};

}  // namespace mdeploy

#endif  // MDEPLOY_EXEC_SESSION_H_
