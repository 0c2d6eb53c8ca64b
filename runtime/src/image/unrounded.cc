// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "image/unrounded.h"

#include <vector>

#include "image/resample.h"

namespace mdeploy {

void preprocess_unrounded(const uint8_t* rgba, size_t stride, const mdeploy_preprocess_spec& spec,
                          const ImageGeometry& geometry, float* output) {
  const int64_t channels = spec.color_order == MDEPLOY_GRAY ? 1 : 3;
  const ImageAxis &ay = geometry.y, &ax = geometry.x;
  const auto mode = static_cast<mdeploy_resize_mode>(spec.resize_mode);
  const ResampleTable columns = make_resample_table(mode, ax.in, ax.scaled, ax.begin, ax.out);
  const ResampleTable rows = make_resample_table(mode, ay.in, ay.scaled, ay.begin, ay.out);
  const int64_t first_row = rows.first.front();
  const int64_t last_row = rows.first.back() + rows.count.back();

  // Horizontal pass: rows that the vertical one reads, as interleaved RGB floats of 0..255.
  std::vector<float> lines(static_cast<size_t>((last_row - first_row) * ax.out * 3));
  for (int64_t y = first_row; y < last_row; ++y) {
    const uint8_t* source = rgba + static_cast<size_t>(y) * stride;
    float* line = lines.data() + (y - first_row) * ax.out * 3;
    for (int64_t x = 0; x < ax.out; ++x) {
      const float* weights = columns.weights.data() + x * columns.width;
      const uint8_t* pixel = source + columns.first[x] * 4;
      float sum[3] = {0, 0, 0};
      for (int64_t k = 0; k < columns.count[x]; ++k) {
        for (int c = 0; c < 3; ++c) sum[c] += weights[k] * static_cast<float>(pixel[k * 4 + c]);
      }
      for (int c = 0; c < 3; ++c) line[x * 3 + c] = sum[c];
    }
  }

  for (int64_t i = 0; i < ay.out; ++i) {
    const float* weights = rows.weights.data() + i * rows.width;
    const float* base = lines.data() + (rows.first[i] - first_row) * ax.out * 3;
    for (int64_t j = 0; j < ax.out; ++j) {
      float rgb[3] = {0, 0, 0};
      for (int64_t k = 0; k < rows.count[i]; ++k) {
        for (int c = 0; c < 3; ++c) rgb[c] += weights[k] * base[(k * ax.out + j) * 3 + c];
      }
      if (spec.color_order == MDEPLOY_GRAY) rgb[0] = 0.299f * rgb[0] + 0.587f * rgb[1] + 0.114f * rgb[2];
      for (int64_t c = 0; c < channels; ++c) {
        const float value = rgb[spec.color_order == MDEPLOY_BGR ? 2 - c : c];
        const float normal = (value / 255.0f - spec.mean[c]) / spec.std[c];
        output[spec.nhwc ? (i * ax.out + j) * channels + c : (c * ay.out + i) * ax.out + j] = normal;
      }
    }
  }
}

}  // namespace mdeploy
