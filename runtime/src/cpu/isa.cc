// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "cpu/isa.h"

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__arm__) && defined(__linux__)
#include <sys/auxv.h>
#endif

#include <cstdint>

namespace mdeploy {
namespace {

constexpr Isa kAll[] = {Isa::kReference, Isa::kSse2, Isa::kAvx2, Isa::kAvx512, Isa::kNeon};

#if defined(__x86_64__)
// cpuid by hand rather than __builtin_cpu_supports, which needs a compiler runtime that not every target links.
struct X86Features {
  bool avx2 = false;
  bool avx512 = false;

  X86Features() {
    uint32_t a = 0, b = 0, c = 0, d = 0;
    if (!__get_cpuid(1, &a, &b, &c, &d)) return;
    constexpr uint32_t kFma = 1u << 12, kOsxsave = 1u << 27, kAvx = 1u << 28;
    if ((c & kFma) == 0 || (c & kOsxsave) == 0 || (c & kAvx) == 0) return;
    uint32_t xcr_low = 0, xcr_high = 0;
    __asm__ volatile("xgetbv" : "=a"(xcr_low), "=d"(xcr_high) : "c"(0));
    constexpr uint32_t kYmmState = 0x06, kZmmState = 0xe6;  // what the operating system saves and restores
    if ((xcr_low & kYmmState) != kYmmState) return;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return;
    avx2 = (b & (1u << 5)) != 0;
    constexpr uint32_t kAvx512 = (1u << 16) | (1u << 17) | (1u << 30) | (1u << 31);  // F, DQ, BW, VL
    avx512 = avx2 && (b & kAvx512) == kAvx512 && (xcr_low & kZmmState) == kZmmState;
  }
};

const X86Features& x86_features() {
  static const X86Features features;
  return features;
}
#endif

}  // namespace

const char* isa_name(Isa isa) {
  switch (isa) {
    case Isa::kReference: return "reference";
    case Isa::kSse2: return "sse2";
    case Isa::kAvx2: return "avx2";
    case Isa::kAvx512: return "avx512";
    case Isa::kNeon: return "neon";
  }
  return "reference";
}

std::optional<Isa> isa_from_name(std::string_view name) {
  for (Isa isa : kAll) {
    if (name == isa_name(isa)) return isa;
  }
  return std::nullopt;
}

bool isa_supported(Isa isa) {
  switch (isa) {
    case Isa::kReference: return true;
#if defined(__x86_64__)
    case Isa::kSse2: return true;
    case Isa::kAvx2: return x86_features().avx2;
    case Isa::kAvx512: return x86_features().avx512;
#elif defined(__aarch64__)
    case Isa::kNeon: return true;
#elif defined(__arm__) && defined(__linux__)
    case Isa::kNeon: {
      constexpr unsigned long kHwcapNeon = 1ul << 12;
      return (getauxval(AT_HWCAP) & kHwcapNeon) != 0;
    }
#endif
    default: return false;
  }
}

Isa best_isa() {
  for (Isa isa : {Isa::kAvx512, Isa::kAvx2, Isa::kNeon, Isa::kSse2}) {
    if (isa_supported(isa)) return isa;
  }
  return Isa::kReference;
}

}  // namespace mdeploy
