// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "image/row_source.h"

#include <algorithm>

namespace mdeploy {
namespace {

constexpr int64_t kBandBytes = int64_t{1} << 19;

}  // namespace

Status RowsInMemory::row(int64_t y, const uint8_t** rgba) {
  *rgba = rgba_ + static_cast<size_t>(y) * stride_;
  return {};
}

RowsFromReader::RowsFromReader(mdeploy_row_reader reader, void* user, int64_t width, int64_t height)
    : reader_(reader),
      user_(user),
      width_(width),
      height_(height),
      band_(std::max<int64_t>(1, kBandBytes / (width * 4))) {}

Status RowsFromReader::row(int64_t y, const uint8_t** rgba) {
  if (rows_ == nullptr || y < first_ || y >= first_ + count_) {
    first_ = y;
    count_ = std::min(band_, height_ - y);
    rows_ = reader_(user_, static_cast<int32_t>(first_), static_cast<int32_t>(count_));
    if (rows_ == nullptr) return bad_input("preprocess: the image's rows cannot be read");
  }
  *rgba = rows_ + static_cast<size_t>((y - first_) * width_) * 4;
  return {};
}

}  // namespace mdeploy
