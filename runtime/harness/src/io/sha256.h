// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// SHA-256 (FIPS 180-4) with the processor's instructions where it has them.
#ifndef MDEPLOY_HARNESS_IO_SHA256_H_
#define MDEPLOY_HARNESS_IO_SHA256_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "io/status.h"

namespace mdeploy::harness {

// Compresses `blocks` blocks of 64 bytes into the state.
using Sha256Compress = void (*)(uint32_t state[8], const uint8_t* data, size_t blocks);

struct Sha256Kernel {
  const char* name;  // "portable", "sha_ni" or "armv8"
  Sha256Compress compress;
};

// The kernels that this processor can run, best first; the portable one is always among them.
const std::vector<Sha256Kernel>& sha256_kernels();

class Sha256 {
 public:
  explicit Sha256(const Sha256Kernel& kernel = sha256_kernels().front()) : compress_(kernel.compress) {}
  void update(std::string_view bytes);
  // Lower-case hexadecimal. Ends the computation.
  std::string finish();

 private:
  Sha256Compress compress_;
  uint32_t state_[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  uint8_t block_[64];
  size_t filled_ = 0;
  uint64_t total_ = 0;
};

// Hashes a file without holding it in memory; also gives its size.
Status sha256_file(const std::string& path, std::string* digest, uint64_t* bytes);

}  // namespace mdeploy::harness

#endif  // MDEPLOY_HARNESS_IO_SHA256_H_
