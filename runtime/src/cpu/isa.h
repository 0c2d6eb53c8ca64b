// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// Instruction sets: what this processor has, and which one the kernels are to use.
#ifndef MDEPLOY_CPU_ISA_H_
#define MDEPLOY_CPU_ISA_H_

#include <optional>
#include <string_view>

namespace mdeploy {

// kReference runs the plain loops everywhere; the others are sets that kernels are written for. Each x86 set
// contains the ones before it.
enum class Isa {
  kReference,
  kSse2,    // x86-64 baseline
  kAvx2,    // AVX2 and FMA
  kAvx512,  // AVX-512 F, BW, DQ and VL
  kNeon,    // ARMv7 with NEON, or ARMv8
};

// The name used in MDEPLOY_ISA, in load options and in reports: "reference", "sse2", "avx2", "avx512", "neon".
const char* isa_name(Isa isa);
std::optional<Isa> isa_from_name(std::string_view name);

// Whether this processor and its operating system can run the set.
bool isa_supported(Isa isa);
// The best supported set. Detected once.
Isa best_isa();

// Channels in one block of the blocked activation layout (see kernels/layout.h), or 1 where activations stay plain.
// One block for every set (one AVX-512 register, two of AVX2, four of NEON or SSE2): one weight packing, and every
// channel range that lies on blocks stays 64-byte aligned.
constexpr int kChannelBlock = 16;
constexpr int channel_block(Isa isa) { return isa == Isa::kReference ? 1 : kChannelBlock; }

}  // namespace mdeploy

#endif  // MDEPLOY_CPU_ISA_H_
