// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// .npy files of version 1, C order, little endian: float32, int32, int64 and uint8.
#ifndef MDEPLOY_HARNESS_IO_NPY_H_
#define MDEPLOY_HARNESS_IO_NPY_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "io/status.h"

namespace mdeploy::harness {

struct Array {
  int32_t dtype = MDEPLOY_FLOAT32;  // an mdeploy_dtype
  std::vector<int64_t> dims;
  std::vector<uint8_t> bytes;

  size_t elements() const;
  // Element as a double (exact but for int64 above 2^53).
  double at(size_t index) const;
};

size_t dtype_bytes(int32_t dtype);      // 0 for an unknown one
const char* dtype_name(int32_t dtype);  // "float32", ...
bool dtype_from_name(std::string_view name, int32_t* dtype);

// Bytes of a tensor, or false when a dimension is negative or the product is above 16 GiB.
bool tensor_bytes(int32_t dtype, const std::vector<int64_t>& dims, size_t* bytes);

// `where` starts the message of an error.
Status parse_npy(std::string_view file, const std::string& where, Array* array);
Status read_npy(const std::string& path, Array* array);

std::string npy_text(const Array& array);
Status write_npy(const std::string& path, const Array& array);

}  // namespace mdeploy::harness

#endif  // MDEPLOY_HARNESS_IO_NPY_H_
