// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// Between plain and blocked activations, one picture at a time.
#ifndef MDEPLOY_KERNELS_REORDER_H_
#define MDEPLOY_KERNELS_REORDER_H_

#include <cstdint>

#include "cpu/thread_pool.h"
#include "kernels/layout.h"

namespace mdeploy {

// `pixels` is height times width. Lanes beyond the last channel are written as zeros.
void plain_to_blocked(const float* x, int64_t channels, int64_t pixels, Layout blocked, float* y, ThreadPool& pool);
void blocked_to_plain(const float* x, int64_t channels, int64_t pixels, Layout blocked, float* y, ThreadPool& pool);

}  // namespace mdeploy

#endif  // MDEPLOY_KERNELS_REORDER_H_
