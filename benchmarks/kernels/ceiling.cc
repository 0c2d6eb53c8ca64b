// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// ceiling THREADS: the multiply-add ceiling of that many cores at once, as one JSON object.
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <thread>
#include <vector>

#include "fma_ceiling.h"

int main(int argc, char** argv) {
  const int threads = argc > 1 ? std::atoi(argv[1]) : 1;
  if (threads < 1 || threads > 256) {
    std::fprintf(stderr, "usage: ceiling [THREADS]\n");
    return 2;
  }
  std::vector<double> gflops(static_cast<size_t>(threads));
  std::vector<std::thread> workers;
  for (double& result : gflops) {
    workers.emplace_back([&result] { result = mdeploy::fma_ceiling_gflops(mdeploy::best_isa()); });
  }
  for (std::thread& worker : workers) worker.join();
  std::printf("{\"threads\": %d, \"isa\": \"%s\", \"gflops\": %.1f}\n", threads, mdeploy::isa_name(mdeploy::best_isa()),
              std::accumulate(gflops.begin(), gflops.end(), 0.0));
  return 0;
}
