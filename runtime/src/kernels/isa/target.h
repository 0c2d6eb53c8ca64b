// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// Compiling a stretch of a file for an instruction set that the file as a whole is not compiled for.
//
// Everything between MDEPLOY_TARGET_BEGIN(...) and MDEPLOY_TARGET_END gets the target, function templates included.
// Headers come before the stretch, never inside it: an inline function of the standard library that was compiled for
// AVX-512 could otherwise be the copy that the linker keeps for everybody. For the same reason a stretch keeps to a
// namespace of its own and calls nothing outside it. No lambdas: clang does not give them the attribute.
#ifndef MDEPLOY_KERNELS_ISA_TARGET_H_
#define MDEPLOY_KERNELS_ISA_TARGET_H_

#define MDEPLOY_PRAGMA(text) _Pragma(#text)

#if defined(__clang__)
#define MDEPLOY_TARGET_BEGIN(features) \
  MDEPLOY_PRAGMA(clang attribute push(__attribute__((target(features))), apply_to = function))
#define MDEPLOY_TARGET_END MDEPLOY_PRAGMA(clang attribute pop)
#define MDEPLOY_UNROLL MDEPLOY_PRAGMA(clang loop unroll(full))
#else
#define MDEPLOY_TARGET_BEGIN(features) \
  MDEPLOY_PRAGMA(GCC push_options)     \
  MDEPLOY_PRAGMA(GCC target(features))
#define MDEPLOY_TARGET_END MDEPLOY_PRAGMA(GCC pop_options)
#define MDEPLOY_UNROLL MDEPLOY_PRAGMA(GCC unroll 64)
#endif

#if !defined(__clang__)
// gcc 12 sees uninitialised use in its own max and min intrinsics, and in arrays whose first write is behind a branch.
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#define MDEPLOY_INLINE inline __attribute__((always_inline))

namespace mdeploy {

// The same pointer, but the compiler does not know of what it was made, and moves no access to memory across. Of
// accesses at multiples of a run-time step it would otherwise work out all addresses from one base beforehand, and read
// all that is there to read: more than there are registers for.
template <typename T>
MDEPLOY_INLINE T* step_apart(T* pointer) {
  __asm__ volatile("" : "+r"(pointer) : : "memory");
  return pointer;
}

}  // namespace mdeploy

#endif  // MDEPLOY_KERNELS_ISA_TARGET_H_
