// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// A small pool with a low wake-up cost: workers spin for a moment between parallel sections, then sleep.
#ifndef MDEPLOY_CPU_THREAD_POOL_H_
#define MDEPLOY_CPU_THREAD_POOL_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <type_traits>
#include <vector>

namespace mdeploy {

class ThreadPool {
 public:
  // `threads` counts the calling thread, which takes part in every section as worker 0; at least 1. With `cores`
  // worker i is pinned to cores[i % size]; worker 0 (the caller) is pinned on the first section of a pool with cores.
  explicit ThreadPool(int threads, std::vector<int> cores = {});
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int size() const { return static_cast<int>(slots_.size()); }
  // Whether every requested pinning took effect.
  bool affinity_applied() const { return affinity_applied_.load(std::memory_order_relaxed); }

  // Calls fn(begin, end, worker) for ranges that cover [0, n) exactly once, each at most `grain` long, and returns
  // when all are done. Worker w begins with its own contiguous share, so the same part of the work meets the same
  // cache section after section, and then takes over what others have left. `worker` is in [0, size()).
  //
  // fn must not throw, must not start another section, and what it computes for an index must depend neither on the
  // range it came in nor on the worker (which may only select scratch memory): results are then bitwise the same
  // for any number of threads. The calls allocate nothing.
  template <typename F>
  void parallel_for(int64_t n, int64_t grain, F&& fn) {
    if (n <= 0) return;
    if (grain < 1) grain = 1;
    if (size() == 1 || n <= grain) {
      if (!cores_.empty()) pin_caller();
      for (int64_t i = 0; i < n; i += grain) fn(i, i + grain < n ? i + grain : n, 0);
      return;
    }
    using Fn = std::remove_reference_t<F>;
    run(
        n, grain, [](void* f, int64_t begin, int64_t end, int worker) { (*static_cast<Fn*>(f))(begin, end, worker); },
        const_cast<void*>(static_cast<const void*>(&fn)));
  }

  // As above with one index a call: for work whose items are already large.
  template <typename F>
  void parallel_for(int64_t n, F&& fn) {
    parallel_for(n, 1, [&fn](int64_t begin, int64_t, int worker) { fn(begin, worker); });
  }

 private:
  using Task = void (*)(void*, int64_t begin, int64_t end, int worker);

  struct alignas(64) Slot {  // one cache line a worker: its share of the section
    std::atomic<int64_t> next{0};
    int64_t end = 0;
    std::atomic<int> thread_id{0};  // 0 until the worker runs
  };

  void run(int64_t n, int64_t grain, Task task, void* context);
  void work(int worker);
  void worker_loop(int worker);
  uint64_t wait_for_section(uint64_t seen);
  bool join_section(uint64_t state);
  void shut_down();
  void pin_caller();
  void spread();

  std::vector<Slot> slots_;
  std::vector<std::thread> threads_;
  std::vector<int> cores_;
  std::atomic<bool> affinity_applied_{false};
  std::thread::id pinned_caller_;
  bool spreads_ = false;  // see spread()
  int caller_core_ = -1;

  // The section that is open. Written only while no worker is inside one.
  Task task_ = nullptr;
  void* context_ = nullptr;
  int64_t grain_ = 1;

  // (section number << 32) | closed << 31 | workers inside. A worker enters an open section by counting itself in.
  // The caller closes it when no work is left and waits only for those inside: a worker that wakes too late costs
  // nothing.
  alignas(64) std::atomic<uint64_t> state_;
  std::atomic<bool> stop_{false};
  std::atomic<int> sleepers_{0};
  std::mutex mutex_;
  std::condition_variable wake_;
};

}  // namespace mdeploy

#endif  // MDEPLOY_CPU_THREAD_POOL_H_
