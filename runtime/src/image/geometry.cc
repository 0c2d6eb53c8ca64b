// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "image/geometry.h"

#include <algorithm>
#include <cmath>

namespace mdeploy {
namespace {

int64_t rounded(double value) { return std::max<int64_t>(1, static_cast<int64_t>(std::nearbyint(value))); }

ImageAxis axis(int64_t in, int64_t scaled, int64_t out, bool round_down) {
  ImageAxis a;
  a.in = in, a.scaled = scaled, a.out = out;
  a.count = std::min(scaled, out);
  a.offset = (out - a.count) / 2;
  const double margin = static_cast<double>(scaled - a.count) / 2.0;
  a.begin = static_cast<int64_t>(round_down ? std::floor(margin) : std::nearbyint(margin));
  return a;
}

}  // namespace

ImageGeometry image_geometry(int64_t height, int64_t width, const mdeploy_preprocess_spec& spec) {
  int64_t h = height, w = width;
  int64_t canvas_h = 0, canvas_w = 0;
  if (spec.resize_height > 0 && spec.resize_width > 0) {
    h = spec.resize_height, w = spec.resize_width;
    if (spec.letterbox) {
      canvas_h = h, canvas_w = w;
      const double shrink = std::max(static_cast<double>(height) / static_cast<double>(h),
                                     static_cast<double>(width) / static_cast<double>(w));
      h = rounded(static_cast<double>(height) / shrink);
      w = rounded(static_cast<double>(width) / shrink);
    }
  } else if (spec.resize_short_side > 0) {
    const int64_t side = spec.resize_short_side;
    h = width <= height ? side * height / width : side;
    w = width <= height ? side : side * width / height;
  }
  if (spec.crop_height > 0 && spec.crop_width > 0) canvas_h = spec.crop_height, canvas_w = spec.crop_width;
  const bool round_down = spec.crop_round_down != 0;
  return {axis(height, h, canvas_h > 0 ? canvas_h : h, round_down),
          axis(width, w, canvas_w > 0 ? canvas_w : w, round_down)};
}

}  // namespace mdeploy
