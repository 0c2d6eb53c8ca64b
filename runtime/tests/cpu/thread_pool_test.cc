// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "cpu/thread_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <numeric>
#include <thread>
#include <vector>

#include "cpu/affinity.h"

namespace mdeploy {
namespace {

TEST(ThreadPool, CoversEveryIndexOnce) {
  for (int threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    for (int64_t n : {0, 1, 2, 7, 64, 1001}) {
      for (int64_t grain : {1, 3, 64, 5000}) {
        std::vector<std::atomic<int>> hits(static_cast<size_t>(n));
        pool.parallel_for(n, grain, [&](int64_t begin, int64_t end, int worker) {
          EXPECT_LT(begin, end);
          EXPECT_LE(end - begin, grain);
          EXPECT_GE(worker, 0);
          EXPECT_LT(worker, threads);
          for (int64_t i = begin; i < end; ++i) hits[static_cast<size_t>(i)].fetch_add(1);
        });
        for (const auto& hit : hits) EXPECT_EQ(hit.load(), 1) << "threads " << threads << " n " << n;
      }
    }
  }
}

TEST(ThreadPool, ManyShortSectionsInARow) {
  ThreadPool pool(4);
  std::vector<int64_t> values(257, 0);
  for (int round = 0; round < 2000; ++round) {
    pool.parallel_for(257, [&](int64_t i, int) { values[static_cast<size_t>(i)] += i; });
  }
  for (int64_t i = 0; i < 257; ++i) EXPECT_EQ(values[static_cast<size_t>(i)], 2000 * i);
}

TEST(ThreadPool, WakesSleepingWorkers) {
  ThreadPool pool(2);
  for (int round = 0; round < 5; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(3));  // well past the spinning
    std::atomic<int64_t> sum{0};
    pool.parallel_for(100, [&](int64_t i, int) { sum += i; });
    EXPECT_EQ(sum.load(), 4950);
  }
}

TEST(ThreadPool, PinsToCores) {
  ThreadPool pool(2, {0});
  std::thread([&] {  // the caller gets pinned, so it is not the test's own thread
    pool.parallel_for(8, [](int64_t, int) {});
  })
      .join();
#if defined(__linux__)
  EXPECT_TRUE(pool.affinity_applied());
  ThreadPool absent(1, {100000});
  std::thread([&] { absent.parallel_for(8, [](int64_t, int) {}); }).join();
  EXPECT_FALSE(absent.affinity_applied());
#endif
  EXPECT_GE(usable_cores(), 1);
}

#if defined(__linux__)
TEST(Affinity, AThreadIsKeptOffACore) {
  const int core = current_core();
  ASSERT_GE(core, 0);
  std::atomic<int> id{0};
  std::atomic<bool> moved{false};
  int found = core;
  std::thread thread([&] {
    id = this_thread_id();
    while (!moved) std::this_thread::yield();
    found = current_core();
  });
  while (id == 0) std::this_thread::yield();
  const bool possible = usable_cores() > 1;
  EXPECT_EQ(possible, keep_off_core(id, core));
  moved = true;
  thread.join();
  if (possible) {
    EXPECT_NE(core, found);
  }
  EXPECT_FALSE(keep_off_core(this_thread_id(), -1));
}
#endif

}  // namespace
}  // namespace mdeploy
