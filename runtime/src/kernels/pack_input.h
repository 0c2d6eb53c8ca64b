// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// Gathers what a range of outputs reads into the dense matrix (k_blocks, pixels, 16) that the register tiles take.
// Copying a value once serves all output channels: for 128 of them it costs under 2 % of the arithmetic, and borders,
// strides and dilation are dealt with here and nowhere else.
#ifndef MDEPLOY_KERNELS_PACK_INPUT_H_
#define MDEPLOY_KERNELS_PACK_INPUT_H_

#include <cstdint>

#include "kernels/blocked_conv.h"

namespace mdeploy {

// From a blocked picture: block of k number (kh * KW + kw) * in_blocks + b is input block in_block + b under tap
// (kh, kw). Packs blocks of k [k_begin, k_end) for outputs [begin, end); block k_begin goes to `packed`, each further
// one `step` floats on.
void pack_blocked(const ConvShape& shape, const Section& section, const float* x, int64_t k_begin, int64_t k_end,
                  int64_t begin, int64_t end, float* packed, int64_t step);

}  // namespace mdeploy

#endif  // MDEPLOY_KERNELS_PACK_INPUT_H_
