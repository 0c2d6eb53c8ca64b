// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "exec/session.h"

#include <chrono>
#include <cstring>

namespace mdeploy {

Status Session::create(std::shared_ptr<const Executable> net, int threads, std::vector<int> cores, bool profile,
                       std::unique_ptr<Session>* session) {
  const size_t scratch = net->scratch_bytes(threads);
  if (scratch > net->max_bytes) {
    return bad_input("the net needs ", scratch, " bytes of working memory, more than the limit of ", net->max_bytes);
  }
  session->reset(new Session(std::move(net), threads, std::move(cores), profile));
  return {};
}

Session::Session(std::shared_ptr<const Executable> net, int threads, std::vector<int> cores, bool profile)
    : net_(std::move(net)),
      pool_(threads, std::move(cores)),
      arena_(net_->arena_bytes),
      scratch_(net_->scratch_bytes(threads)),
      profile_(profile),
      times_(profile ? net_->steps.size() : 0) {
  for (const Step& step : net_->steps) {
    for (size_t slot : step.inputs) inputs_.push_back(memory(slot));
    for (size_t slot : step.outputs) outputs_.push_back(memory(slot));
  }
}

void* Session::memory(size_t index) const {
  const Slot& slot = net_->slots[index];
  if (slot.unused) return nullptr;
  char* base = static_cast<char*>(slot.constant != nullptr ? slot.constant->data() : arena_.data());
  return base != nullptr ? base + slot.offset : nullptr;
}

const Slot* Session::kept_blob(std::string_view name, const void** data) const {
  const auto it = net_->kept.find(std::string(name));
  if (it == net_->kept.end()) return nullptr;
  *data = memory(it->second);
  return &net_->slots[it->second];
}

Status Session::run() {
  using Clock = std::chrono::steady_clock;
  Status status;
  const void* const* inputs = inputs_.data();
  void* const* outputs = outputs_.data();
  Clock::time_point before = profile_ ? Clock::now() : Clock::time_point();
  for (size_t i = 0; i < net_->steps.size(); ++i) {
    if (cancelled_.exchange(false)) return {MDEPLOY_CANCELLED, "the run was cancelled"};
    const Step& step = net_->steps[i];
    RunContext context{inputs, outputs, pool_, scratch_.data(), status};
    step.kernel.run(context);
    if (!status.ok()) return status.with_prefix(step.description + ": ");
    inputs += step.inputs.size();
    outputs += step.outputs.size();
    if (profile_) {
      const Clock::time_point now = Clock::now();
      times_[i].nanoseconds +=
          static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(now - before).count());
      ++times_[i].runs;
      before = now;
    }
  }
  return status;
}

}  // namespace mdeploy
