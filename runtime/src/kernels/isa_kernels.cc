// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "kernels/isa_kernels.h"

namespace mdeploy {

#if defined(__x86_64__)
extern const IsaKernels kSse2Kernels, kAvx2Kernels, kAvx512Kernels;
#elif defined(__aarch64__) || defined(__ARM_NEON)
extern const IsaKernels kNeonKernels;
#endif

const IsaKernels* isa_kernels(Isa isa) {
  switch (isa) {
#if defined(__x86_64__)
    case Isa::kSse2: return &kSse2Kernels;
    case Isa::kAvx2: return &kAvx2Kernels;
    case Isa::kAvx512: return &kAvx512Kernels;
#elif defined(__aarch64__) || defined(__ARM_NEON)
    case Isa::kNeon: return &kNeonKernels;
#endif
    default: return nullptr;
  }
}

}  // namespace mdeploy
