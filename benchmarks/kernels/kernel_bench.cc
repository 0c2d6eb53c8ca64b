// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// kernel_bench NET [THREADS] [ROUNDS] [ISA]: every convolution of a net under every algorithm that fits, timed in the
// net's order so that weights and activations meet the caches as they do in a run. One JSON object a line.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "base/tensor.h"
#include "fma_ceiling.h"
#include "kernels/conv_choice.h"
#include "kernels/conv_depthwise.h"
#include "kernels/conv_gemm.h"
#include "kernels/conv_planes.h"
#include "kernels/conv_winograd.h"
#include "net_convs.h"

namespace mdeploy {
namespace {

// In the order of ConvAlgorithm.
constexpr const char* kAlgorithmNames[] = {"gemm", "winograd_f2", "winograd_f4", "depthwise", "planes"};
constexpr size_t kAlgorithms = std::size(kAlgorithmNames);

struct Candidate {
  std::unique_ptr<ConvKernel> kernel;
  std::vector<double> seconds;
};

ConvOptions options_of(const ConvShape& s, Isa set) {
  ConvOptions o;
  o.isa = set;
  o.input = is_few_planes(s) ? Layout::plain() : Layout::blocked(kChannelBlock);
  o.output = Layout::blocked(kChannelBlock);
  o.epilogue.lo = 0.0f;
  return o;
}

// Null where the algorithm does not fit, or where another has no rival.
std::unique_ptr<ConvKernel> make(const ConvShape& s, const IsaKernels& isa, Isa set, ConvAlgorithm algorithm,
                                 const std::vector<float>& weights) {
  const ConvOptions o = options_of(s, set);
  const ConvAlgorithm chosen = choose_conv_algorithm(s, o, isa);
  const bool alone = chosen == ConvAlgorithm::kPlanes || chosen == ConvAlgorithm::kDepthwise;
  if (alone && algorithm != chosen) return nullptr;
  switch (algorithm) {
    case ConvAlgorithm::kGemm: return make_conv_gemm(s, o, isa, weights.data(), nullptr);
    case ConvAlgorithm::kDepthwise: return alone ? make_conv_depthwise(s, o, isa, weights.data(), nullptr) : nullptr;
    case ConvAlgorithm::kPlanes: return alone ? make_conv_planes(s, o, isa, weights.data(), nullptr) : nullptr;
    case ConvAlgorithm::kWinogradF2:
    case ConvAlgorithm::kWinogradF4:
      if (!winograd_fits(s)) return nullptr;
      return make_conv_winograd(s, o, isa, algorithm == ConvAlgorithm::kWinogradF2 ? 2 : 4, weights.data(), nullptr);
  }
  return nullptr;
}

double median(std::vector<double> v) {
  std::sort(v.begin(), v.end());
  return v[v.size() / 2];
}

int run(const std::string& net, int threads, int rounds, Isa set) {
  const IsaKernels* isa = isa_supported(set) ? isa_kernels(set) : nullptr;
  const std::vector<NetConv> convs = net_convs(net);
  if (convs.empty() || isa == nullptr) {
    std::fprintf(stderr, "kernel_bench: %s\n",
                 convs.empty() ? "there is no such net" : "this processor does not have that instruction set");
    return 2;
  }
  std::printf("{\"net\": \"%s\", \"isa\": \"%s\", \"threads\": %d, \"ceiling_gflops\": %.1f, \"read_gbps\": %.1f}\n",
              net.c_str(), isa->name, threads, fma_ceiling_gflops(set), read_ceiling_gbps());

  std::mt19937 random(1);
  std::uniform_real_distribution<float> uniform(-1.0f, 1.0f);
  std::vector<std::vector<Candidate>> candidates;
  size_t floats = 1, scratch_bytes = 64;
  for (const NetConv& c : convs) {
    std::vector<float> weights(static_cast<size_t>(c.shape.weight_count()));
    for (float& w : weights) w = uniform(random);
    candidates.emplace_back(kAlgorithms);
    for (size_t a = 0; a < kAlgorithms; ++a) {
      auto& kernel = candidates.back()[a].kernel;
      kernel = make(c.shape, *isa, set, static_cast<ConvAlgorithm>(a), weights);
      if (kernel != nullptr) scratch_bytes = std::max(scratch_bytes, kernel->scratch_bytes(threads));
    }
    const Layout blocked = Layout::blocked(kChannelBlock);
    floats = std::max({floats, static_cast<size_t>(blocked.picture_size(c.shape.c_in, c.shape.h, c.shape.w)),
                       static_cast<size_t>(blocked.picture_size(c.shape.c_out, c.shape.out_h, c.shape.out_w))});
  }
  Buffer activations[2] = {Buffer(floats * sizeof(float)), Buffer(floats * sizeof(float))};
  for (Buffer& b : activations) std::fill_n(static_cast<float*>(b.data()), floats, 0.5f);
  Buffer scratch(scratch_bytes);

  ThreadPool pool(threads);
  for (int round = 0; round <= rounds; ++round) {
    // Gemm everywhere, then each other algorithm where it fits; what stands between is what the table takes.
    for (size_t a = 0; a < 3; ++a) {
      for (size_t i = 0; i < convs.size(); ++i) {
        const auto chosen = choose_conv_algorithm(convs[i].shape, options_of(convs[i].shape, set), *isa);
        Candidate& c = candidates[i][candidates[i][a].kernel != nullptr ? a : static_cast<size_t>(chosen)];
        ConvArguments args;
        args.x = static_cast<const float*>(activations[i % 2].data());
        args.y = static_cast<float*>(activations[1 - i % 2].data());
        args.scratch = scratch.data();
        const auto start = std::chrono::steady_clock::now();
        c.kernel->run(args, pool);
        const double s = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        if (round > 0) c.seconds.push_back(s);
      }
    }
  }

  for (size_t i = 0; i < convs.size(); ++i) {
    const ConvShape& s = convs[i].shape;
    const auto chosen = choose_conv_algorithm(s, options_of(s, set), *isa);
    std::printf(
        "{\"layer\": \"%s\", \"c_in\": %d, \"c_out\": %d, \"size\": %d, \"k\": %d, \"stride\": %d, "
        "\"groups\": %d, \"macs\": %lld, \"chosen\": \"%s\", \"us\": {",
        convs[i].name.c_str(), static_cast<int>(s.c_in), static_cast<int>(s.c_out), static_cast<int>(s.out_h),
        static_cast<int>(s.kh), static_cast<int>(s.stride_h), static_cast<int>(s.groups),
        static_cast<long long>(s.macs()), kAlgorithmNames[static_cast<int>(chosen)]);
    const char* comma = "";
    for (size_t a = 0; a < kAlgorithms; ++a) {
      if (candidates[i][a].kernel == nullptr) continue;
      std::printf("%s\"%s\": %.2f", comma, kAlgorithmNames[a], median(candidates[i][a].seconds) * 1e6);
      comma = ", ";
    }
    std::printf("}}\n");
  }
  return 0;
}

}  // namespace
}  // namespace mdeploy

int main(int argc, char** argv) {
  const auto isa = argc > 4 ? mdeploy::isa_from_name(argv[4]) : mdeploy::best_isa();
  const int threads = argc > 2 ? std::atoi(argv[2]) : 1, rounds = argc > 3 ? std::atoi(argv[3]) : 20;
  if (argc < 2 || !isa || threads < 1 || rounds < 1) {
    std::fprintf(stderr, "usage: kernel_bench NET [THREADS] [ROUNDS] [ISA]\n");
    return 2;
  }
  return mdeploy::run(argv[1], threads, rounds, *isa);
}
