// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "cpu/thread_pool.h"

#include <algorithm>
#include <chrono>

#include "cpu/affinity.h"

namespace mdeploy {
namespace {

constexpr uint64_t kClosed = 1ull << 31;
constexpr uint64_t kCountMask = kClosed - 1;

uint64_t section_of(uint64_t state) { return state >> 32; }

void pause_cpu() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
  __asm__ volatile("yield");
#endif
}

// Long enough to bridge the serial work between two sections of one run, short enough not to keep a core awake.
constexpr auto kSpinTime = std::chrono::microseconds(60);
constexpr int kPausesPerClockRead = 64;

}  // namespace

ThreadPool::ThreadPool(int threads, std::vector<int> cores)
    : slots_(static_cast<size_t>(std::max(threads, 1))), cores_(std::move(cores)), state_(kClosed) {
  affinity_applied_ = !cores_.empty();
  spreads_ = cores_.empty() && size() > 1 && usable_cores() >= size();
  try {
    for (int worker = 1; worker < size(); ++worker) {
      threads_.emplace_back([this, worker] { worker_loop(worker); });
    }
  } catch (...) {  // the system has no more threads
    shut_down();
    throw;
  }
}

ThreadPool::~ThreadPool() { shut_down(); }

void ThreadPool::shut_down() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void ThreadPool::pin_caller() {
  const std::thread::id caller = std::this_thread::get_id();
  if (caller == pinned_caller_) return;
  pinned_caller_ = caller;
  if (!pin_this_thread(cores_[0])) affinity_applied_ = false;
}

// Keeps workers off the caller's core. A worker that wakes up there, as the scheduler likes it after a pause, waits
// until the caller is preempted, and a run of a few milliseconds takes longer than on one thread.
void ThreadPool::spread() {
  const int core = current_core();
  if (core == caller_core_) return;
  for (size_t worker = 1; worker < slots_.size(); ++worker) {
    const int id = slots_[worker].thread_id.load(std::memory_order_relaxed);
    if (id == 0) return;  // not running yet: the next section tries again
    if (!keep_off_core(id, core)) {
      spreads_ = false;
      return;
    }
  }
  caller_core_ = core;
}

void ThreadPool::run(int64_t n, int64_t grain, Task task, void* context) {
  if (!cores_.empty()) pin_caller();
  if (spreads_) spread();
  const int64_t workers = size();
  for (int64_t w = 0; w < workers; ++w) {
    Slot& slot = slots_[static_cast<size_t>(w)];
    slot.next.store(n / workers * w + std::min(n % workers, w), std::memory_order_relaxed);
    slot.end = n / workers * (w + 1) + std::min(n % workers, w + 1);
  }
  task_ = task;
  context_ = context;
  grain_ = grain;

  const uint64_t section = (section_of(state_.load(std::memory_order_relaxed)) + 1) & 0xffffffffu;
  state_.store(section << 32);  // opens it; sequentially consistent, as is the sleeper's count below
  if (sleepers_.load() > 0) {
    std::lock_guard<std::mutex> lock(mutex_);
    wake_.notify_all();
  }
  work(0);
  state_.fetch_or(kClosed);
  for (int spins = 0; (state_.load(std::memory_order_acquire) & kCountMask) != 0; ++spins) {
    pause_cpu();
    // The worker may have lost its core to somebody else.
    if (spins % 1024 == 1023) std::this_thread::yield();
  }
}

void ThreadPool::work(int worker) {
  for (int k = 0; k < size(); ++k) {
    Slot& slot = slots_[static_cast<size_t>((worker + k) % size())];
    for (;;) {
      const int64_t begin = slot.next.fetch_add(grain_, std::memory_order_relaxed);
      if (begin >= slot.end) break;
      task_(context_, begin, std::min(begin + grain_, slot.end), worker);
    }
  }
}

bool ThreadPool::join_section(uint64_t state) {
  while ((state & kClosed) == 0) {
    const uint64_t section = section_of(state);
    if (state_.compare_exchange_weak(state, state + 1, std::memory_order_acquire)) return true;
    if (section_of(state) != section) return false;
  }
  return false;
}

// Returns the first state of a section other than `seen`; stop_ may be set instead.
uint64_t ThreadPool::wait_for_section(uint64_t seen) {
  const auto deadline = std::chrono::steady_clock::now() + kSpinTime;
  do {
    for (int i = 0; i < kPausesPerClockRead; ++i) {
      const uint64_t state = state_.load(std::memory_order_acquire);
      if (section_of(state) != seen || stop_.load(std::memory_order_relaxed)) return state;
      pause_cpu();
    }
  } while (std::chrono::steady_clock::now() < deadline);

  std::unique_lock<std::mutex> lock(mutex_);
  sleepers_.fetch_add(1);
  wake_.wait(lock, [&] { return section_of(state_.load()) != seen || stop_.load(); });
  sleepers_.fetch_sub(1);
  return state_.load(std::memory_order_acquire);
}

void ThreadPool::worker_loop(int worker) {
  slots_[static_cast<size_t>(worker)].thread_id.store(this_thread_id(), std::memory_order_relaxed);
  if (!cores_.empty() && !pin_this_thread(cores_[static_cast<size_t>(worker) % cores_.size()])) {
    affinity_applied_ = false;
  }
  uint64_t seen = 0;
  while (!stop_.load(std::memory_order_relaxed)) {
    const uint64_t state = wait_for_section(seen);
    if (section_of(state) == seen) continue;
    seen = section_of(state);
    if (!join_section(state)) continue;
    work(worker);
    state_.fetch_sub(1, std::memory_order_release);
  }
}

}  // namespace mdeploy
