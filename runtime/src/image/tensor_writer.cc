// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "image/tensor_writer.h"

#include "image/pixels.h"

namespace mdeploy {

TensorWriter::TensorWriter(const mdeploy_preprocess_spec& spec, const ImageGeometry& geometry, float* data)
    : y_(geometry.y),
      x_(geometry.x),
      channels_(spec.color_order == MDEPLOY_GRAY ? 1 : 3),
      scale_(spec.scale),
      nhwc_(spec.nhwc != 0),
      reversed_(spec.color_order == MDEPLOY_BGR),
      data_(data) {
  for (int c = 0; c < channels_; ++c) {
    mean_[c] = spec.mean[c], std_[c] = spec.std[c];
    for (uint32_t byte = 0; byte < 256; ++byte) bytes_[c][byte] = of_byte(byte, c);
  }
  if (y_.padded() || x_.padded()) fill(spec.fill);
}

float TensorWriter::normalized(float unit, int c) const {
  if (scale_ == MDEPLOY_SCALE_0_255) return unit * 255.0f;
  if (scale_ == MDEPLOY_SCALE_MINUS1_1) return unit * 2.0f - 1.0f;
  return (unit - mean_[c]) / std_[c];
}

float TensorWriter::of_byte(uint32_t byte, int c) const {
  const auto value = static_cast<float>(byte);
  if (scale_ == MDEPLOY_SCALE_0_255) return value;
  if (scale_ == MDEPLOY_SCALE_MINUS1_1) return value / 127.5f - 1.0f;
  return normalized(value / 255.0f, c);
}

void TensorWriter::fill(const uint8_t (&rgb)[4]) {
  for (int64_t i = 0; i < y_.out * x_.out * channels_; ++i) {
    const int c = static_cast<int>(nhwc_ ? i % channels_ : i / (y_.out * x_.out));
    const uint8_t byte = channels_ == 1 ? luma(rgb[0], rgb[1], rgb[2]) : rgb[reversed_ ? 2 - c : c];
    data_[i] = bytes_[c][byte];
  }
}

template <typename Pixel, typename Convert>
void TensorWriter::put(int64_t i, const Pixel* pixels, const Convert& convert) {
  const int64_t place = (y_.offset + i) * x_.out + x_.offset;
  for (int c = 0; c < channels_; ++c) {
    const Pixel* from = pixels + (reversed_ ? 2 - c : c);
    float* to = nhwc_ ? data_ + place * channels_ + c : data_ + c * y_.out * x_.out + place;
    const int64_t step = nhwc_ ? channels_ : 1;
    for (int64_t x = 0; x < x_.count; ++x) to[x * step] = convert(from[x * channels_], c);
  }
}

void TensorWriter::row(int64_t i, const uint8_t* pixels) {
  put(i, pixels, [this](uint8_t byte, int c) { return bytes_[c][byte]; });
}

void TensorWriter::row(int64_t i, const float* pixels) {
  put(i, pixels, [this](float unit, int c) { return normalized(unit, c); });
}

}  // namespace mdeploy
