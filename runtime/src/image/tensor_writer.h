// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// From pixels to the numbers of the tensor: scale, mean and std, colour order, layout, and the padding of the canvas.
#ifndef MDEPLOY_IMAGE_TENSOR_WRITER_H_
#define MDEPLOY_IMAGE_TENSOR_WRITER_H_

#include <array>
#include <cstdint>

#include "image/geometry.h"
#include "mdeploy/mdeploy_runtime.h"

namespace mdeploy {

class TensorWriter {
 public:
  // `data` takes channels * canvas floats.
  TensorWriter(const mdeploy_preprocess_spec& spec, const ImageGeometry& geometry, float* data);

  // Row i of the visible part: x.count pixels of 3 interleaved channels in RGB order, or of one in gray. Bytes, or
  // floats on the scale 0 to 1.
  void row(int64_t i, const uint8_t* pixels);
  void row(int64_t i, const float* pixels);

 private:
  float normalized(float unit, int c) const;  // unit on the scale 0 to 1
  float of_byte(uint32_t byte, int c) const;
  void fill(const uint8_t (&rgb)[4]);
  template <typename Pixel, typename Convert>
  void put(int64_t i, const Pixel* pixels, const Convert& convert);

  const ImageAxis y_, x_;
  const int channels_, scale_;
  const bool nhwc_, reversed_;
  float mean_[3], std_[3];
  std::array<std::array<float, 256>, 3> bytes_;  // by channel of the tensor
  float* data_;
};

}  // namespace mdeploy

#endif  // MDEPLOY_IMAGE_TENSOR_WRITER_H_
