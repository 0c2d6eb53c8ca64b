// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "kernels/conv_choice.h"

#include <algorithm>

#include "kernels/blocked_conv.h"
#include "kernels/conv_depthwise.h"
#include "kernels/conv_planes.h"
#include "kernels/conv_winograd.h"

namespace mdeploy {
namespace {

// Measured by benchmarks/kernels.py on a Zen 5 core (275 GFLOP/s, 41 GB/s); the ratios are close to those of Zen 4 (113
// and 19), and only ratios matter. Phones' cores (about 12 GB/s) have less for their 4 lanes.
constexpr double kBytesPerCycle = 9.0, kBytesPerCycleNarrow = 4.5;  // weights from memory; of cores with 4 lanes
// What a run must gain for each byte that is stored beyond the convolution's own weights: memory, and time at load.
constexpr double kCyclesPerExtraByte = 0.06;
constexpr double kFmaEfficiency = 0.93;
constexpr double kPackCyclesPerPixel = 1.6;   // one 16-channel pixel copied
constexpr double kTileOverheadCycles = 60.0;  // a register tile begun, finished and stored

struct WinogradConstants {
  int m;
  double input_cycles, output_cycles;  // transforms of one patch of 16 channels with 16-lane registers
  double error;
};
constexpr WinogradConstants kF2 = {2, 45.0, 35.0, 1.6}, kF4 = {4, 150.0, 110.0, 4.5};

double product_cycles(const IsaKernels& isa, double pixels, double k, double out_blocks) {
  const double vecs = static_cast<double>(kChannelBlock) / isa.lanes;
  const double tiles = pixels * out_blocks / 24.0;
  return pixels * k * out_blocks * vecs / (isa.fma_per_cycle * kFmaEfficiency) + tiles * kTileOverheadCycles * vecs;
}

}  // namespace

ConvCost conv_cost(const ConvShape& s, ConvAlgorithm algorithm, const IsaKernels& isa) {
  const double vecs = static_cast<double>(kChannelBlock) / isa.lanes;
  double compute = 0.0, weight_bytes = 0.0, extra_bytes = 0.0, error = 1.0;
  if (algorithm == ConvAlgorithm::kGemm) {
    const double pixels = static_cast<double>(s.out_h * s.out_w), taps = static_cast<double>(s.kh * s.kw);
    for (const Section& section : conv_sections(s)) {
      const double in = static_cast<double>(section.in_blocks), out = static_cast<double>(section.out_blocks);
      compute += product_cycles(isa, pixels, taps * in * kChannelBlock, out);
      if (taps > 1) compute += pixels * taps * in * kPackCyclesPerPixel * vecs;
      weight_bytes += taps * in * out * kChannelBlock * kChannelBlock * 4.0;
    }
  } else {
    const WinogradConstants& f = algorithm == ConvAlgorithm::kWinogradF2 ? kF2 : kF4;
    const double points = (f.m + 2) * (f.m + 2);
    const double tiles = static_cast<double>(ceil_div(s.out_h, f.m) * ceil_div(s.out_w, f.m));
    for (const Section& section : conv_sections(s)) {
      const double in = static_cast<double>(section.in_blocks), out = static_cast<double>(section.out_blocks);
      compute += points * product_cycles(isa, tiles, in * kChannelBlock, out) +
                 tiles * vecs * (in * f.input_cycles + out * f.output_cycles);
      weight_bytes += points * in * out * kChannelBlock * kChannelBlock * 4.0;
    }
    extra_bytes = weight_bytes * (1.0 - 9.0 / points);
    error = f.error;
  }
  // Arithmetic and the stream of weights overlap, but not wholly.
  const double stream = weight_bytes / (isa.lanes > 4 ? kBytesPerCycle : kBytesPerCycleNarrow);
  return {std::max(compute, stream) + 0.15 * std::min(compute, stream) + kCyclesPerExtraByte * extra_bytes, error};
}

ConvAlgorithm choose_conv_algorithm(const ConvShape& shape, const ConvOptions& options, const IsaKernels& isa) {
  if (options.input.is_plain() && is_few_planes(shape)) return ConvAlgorithm::kPlanes;
  if (is_depthwise(shape)) return ConvAlgorithm::kDepthwise;
  ConvAlgorithm best = ConvAlgorithm::kGemm;
  if (!options.winograd || !winograd_fits(shape) || shape.c_in < kChannelBlock) return best;
  double cost = conv_cost(shape, best, isa).cycles;
  for (ConvAlgorithm algorithm : {ConvAlgorithm::kWinogradF2, ConvAlgorithm::kWinogradF4}) {
    const double other = conv_cost(shape, algorithm, isa).cycles;
    if (other < cost) {
      best = algorithm;
      cost = other;
    }
  }
  return best;
}

}  // namespace mdeploy
