// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// The harness's readers on any bytes: the first byte says which (0 .npy, 1 manifest, 2 picture). What is read must be
// what it says it is: an array has the bytes of its shape, and writing it gives the same array back.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "io/manifest.h"
#include "io/npy.h"
#include "io/picture.h"

namespace mdeploy::harness {
namespace {

void check(bool holds) {
  if (!holds) abort();
}

// One line, whatever stands in the file.
void check_refusal(const Status& status) {
  check(!status.message.empty());
  check(status.message.find('\n') == std::string::npos);
}

void read_array(std::string_view file) {
  Array array;
  if (Status status = parse_npy(file, "x", &array); !status.ok()) return check_refusal(status);
  size_t bytes = 0;
  check(tensor_bytes(array.dtype, array.dims, &bytes) && bytes == array.bytes.size());
  Array again;
  check(parse_npy(npy_text(array), "x", &again).ok());
  check(again.dims == array.dims && again.bytes == array.bytes && again.dtype == array.dtype);
}

void read_document(std::string_view file) {
  Manifest manifest;
  if (Status status = parse_manifest(file, "x", &manifest); !status.ok()) return check_refusal(status);
  for (const BlobSpec& input : manifest.inputs) {
    size_t bytes = 0;
    check(tensor_bytes(input.dtype, input.dims, &bytes));
    if (!input.picture || bytes > (1 << 20)) continue;
    Picture picture{3, 2, std::string(24, '\x40')};
    Array array{input.dtype, input.dims, {}};
    (void)prepare_picture(picture, *input.picture, &array);
  }
}

void read_picture(std::string_view file) {
  Picture picture;
  if (Status status = parse_pam(file, "x", &picture); !status.ok()) return check_refusal(status);
  check(picture.rgba.size() == static_cast<size_t>(picture.width) * static_cast<size_t>(picture.height) * 4);
}

}  // namespace
}  // namespace mdeploy::harness

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view file(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 3) {
    case 0: mdeploy::harness::read_array(file); break;
    case 1: mdeploy::harness::read_document(file); break;
    default: mdeploy::harness::read_picture(file);
  }
  return 0;
}
