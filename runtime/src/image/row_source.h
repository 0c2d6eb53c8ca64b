// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// The rows of an image, from top to bottom: from memory, or from a caller that decodes or copies as it goes.
#ifndef MDEPLOY_IMAGE_ROW_SOURCE_H_
#define MDEPLOY_IMAGE_ROW_SOURCE_H_

#include <cstddef>
#include <cstdint>

#include "base/status.h"
#include "mdeploy/mdeploy_runtime.h"

namespace mdeploy {

class RowSource {
 public:
  virtual ~RowSource() = default;
  // RGBA8 of row y, valid until the next call. Rows are asked for in order; the first ones may be left out.
  virtual Status row(int64_t y, const uint8_t** rgba) = 0;
};

class RowsInMemory final : public RowSource {
 public:
  RowsInMemory(const uint8_t* rgba, size_t stride) : rgba_(rgba), stride_(stride) {}
  Status row(int64_t y, const uint8_t** rgba) override;

 private:
  const uint8_t* rgba_;
  size_t stride_;
};

// Asks for bands of rows that take about half a megabyte.
class RowsFromReader final : public RowSource {
 public:
  RowsFromReader(mdeploy_row_reader reader, void* user, int64_t width, int64_t height);
  Status row(int64_t y, const uint8_t** rgba) override;

 private:
  mdeploy_row_reader reader_;
  void* user_;
  int64_t width_, height_, band_;
  int64_t first_ = 0, count_ = 0;
  const uint8_t* rows_ = nullptr;
};

}  // namespace mdeploy

#endif  // MDEPLOY_IMAGE_ROW_SOURCE_H_
