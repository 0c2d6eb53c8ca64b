// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#ifndef MDEPLOY_BENCHMARKS_KERNELS_FMA_CEILING_H_
#define MDEPLOY_BENCHMARKS_KERNELS_FMA_CEILING_H_

#include "cpu/isa.h"

namespace mdeploy {

// GFLOP/s of one core doing nothing but independent multiply-adds in registers: the ceiling of every kernel of the set.
// The best of several short runs, since other work on the machine only takes away.
double fma_ceiling_gflops(Isa isa);

// GB/s of one core reading memory much larger than its caches.
double read_ceiling_gbps();

}  // namespace mdeploy

#endif  // MDEPLOY_BENCHMARKS_KERNELS_FMA_CEILING_H_
