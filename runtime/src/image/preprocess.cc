// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "image/preprocess.h"

#include <cmath>

#include "image/geometry.h"
#include "image/resize.h"
#include "image/row_source.h"
#include "image/tensor_writer.h"
#include "image/unrounded.h"

namespace mdeploy {
namespace {

constexpr int64_t kMaxSide = 32768;
constexpr int64_t kMaxOutputPixels = int64_t{1} << 26;

bool is_flag(int32_t value) { return value == 0 || value == 1; }

Status check_spec(const mdeploy_preprocess_spec& spec) {
  if (spec.color_order < MDEPLOY_RGB || spec.color_order > MDEPLOY_GRAY) {
    return usage_error("preprocess: unknown colour order ", spec.color_order);
  }
  if (spec.arithmetic < MDEPLOY_UNROUNDED || spec.arithmetic > MDEPLOY_PILLOW_12) {
    return usage_error("preprocess: unknown arithmetic ", spec.arithmetic);
  }
  const int32_t last_mode = spec.arithmetic == MDEPLOY_UNROUNDED ? MDEPLOY_NEAREST : MDEPLOY_LANCZOS;
  if (spec.resize_mode < MDEPLOY_BILINEAR || spec.resize_mode > last_mode) {
    return usage_error("preprocess: unknown resize mode ", spec.resize_mode);
  }
  if (spec.arithmetic == MDEPLOY_TENSOR && (spec.resize_mode == MDEPLOY_BOX || spec.resize_mode == MDEPLOY_LANCZOS)) {
    return usage_error("preprocess: tensors are resized by nearest, bilinear or bicubic, not by mode ",
                       spec.resize_mode);
  }
  if (spec.scale < MDEPLOY_SCALE_0_1 || spec.scale > MDEPLOY_SCALE_MINUS1_1) {
    return usage_error("preprocess: unknown scale ", spec.scale);
  }
  if (!is_flag(spec.no_antialias) || !is_flag(spec.letterbox) || !is_flag(spec.crop_round_down) ||
      !is_flag(spec.has_background)) {
    return usage_error("preprocess: a flag is neither 0 nor 1");
  }
  for (int32_t side :
       {spec.resize_short_side, spec.resize_height, spec.resize_width, spec.crop_height, spec.crop_width}) {
    if (side < 0 || side > kMaxSide) return usage_error("preprocess: a side of ", side, " is out of range");
  }
  const int channels = spec.color_order == MDEPLOY_GRAY ? 1 : 3;
  for (int c = 0; c < channels; ++c) {
    if (!(std::fabs(spec.std[c]) > 0.0f) || !std::isfinite(spec.mean[c]) || !std::isfinite(spec.std[c])) {
      return bad_input("preprocess: mean and std must be finite and std not zero");
    }
  }
  return {};
}

// What the caller gives fits together: the spec, the picture's size and the tensor.
Status check(int64_t width, int64_t height, const mdeploy_preprocess_spec& spec, const mdeploy_tensor& output) {
  if (width < 1 || height < 1 || width > kMaxSide || height > kMaxSide) {
    return bad_input("preprocess: a picture of ", width, "x", height, " is out of range (1 to ", kMaxSide, ")");
  }
  MDEPLOY_TRY(check_spec(spec));
  const ImageGeometry geometry = image_geometry(height, width, spec);
  const ImageAxis &y = geometry.y, &x = geometry.x;
  if (spec.arithmetic == MDEPLOY_UNROUNDED && (y.padded() || x.padded())) {
    return bad_input("preprocess: a crop of ", y.out, "x", x.out, " does not fit into a picture of ", x.scaled, "x",
                     y.scaled);
  }
  const int64_t channels = spec.color_order == MDEPLOY_GRAY ? 1 : 3;
  const int64_t expected[4] = {1, spec.nhwc ? y.out : channels, spec.nhwc ? x.out : y.out,
                               spec.nhwc ? channels : x.out};
  const bool fits = output.rank == 4 && output.dims[0] == expected[0] && output.dims[1] == expected[1] &&
                    output.dims[2] == expected[2] && output.dims[3] == expected[3];
  if (!fits || output.dtype != MDEPLOY_FLOAT32) {
    return bad_input("preprocess: a picture of ", width, "x", height, " becomes a float32 tensor of (1, ", expected[1],
                     ", ", expected[2], ", ", expected[3], "), which is not the input's shape");
  }
  if (y.out * x.out > kMaxOutputPixels) return bad_input("preprocess: ", x.out, "x", y.out, " pixels are too many");
  if (output.data == nullptr || output.bytes < static_cast<size_t>(channels * y.out * x.out) * sizeof(float)) {
    return usage_error("preprocess: the output buffer is too small");
  }
  return {};
}

Status preprocess_from(RowSource& source, const mdeploy_preprocess_spec& spec, const ImageGeometry& geometry,
                       const mdeploy_tensor& output) {
  TensorWriter writer(spec, geometry, static_cast<float*>(output.data));
  return spec.arithmetic == MDEPLOY_TENSOR ? resize_as_tensor(source, spec, geometry, writer)
                                           : resize_as_pillow(source, spec, geometry, writer);
}

}  // namespace

Status preprocess(const uint8_t* rgba, int64_t width, int64_t height, size_t stride,
                  const mdeploy_preprocess_spec& spec, mdeploy_tensor& output) {
  if (rgba == nullptr) return usage_error("preprocess: no picture");
  MDEPLOY_TRY(check(width, height, spec, output));
  if (stride < static_cast<size_t>(width) * 4) {
    return usage_error("preprocess: a row of ", width, " pixels needs ", width * 4, " bytes, stride is ", stride);
  }
  const ImageGeometry geometry = image_geometry(height, width, spec);
  if (spec.arithmetic == MDEPLOY_UNROUNDED) {
    preprocess_unrounded(rgba, stride, spec, geometry, static_cast<float*>(output.data));
    return {};
  }
  RowsInMemory source(rgba, stride);
  return preprocess_from(source, spec, geometry, output);
}

Status preprocess_rows(mdeploy_row_reader reader, void* user, int64_t width, int64_t height,
                       const mdeploy_preprocess_spec& spec, mdeploy_tensor& output) {
  if (reader == nullptr) return usage_error("preprocess: no reader of rows");
  MDEPLOY_TRY(check(width, height, spec, output));
  if (spec.arithmetic == MDEPLOY_UNROUNDED) {
    return usage_error("preprocess: a spec that names no arithmetic takes a whole picture");
  }
  RowsFromReader source(reader, user, width, height);
  return preprocess_from(source, spec, image_geometry(height, width, spec), output);
}

}  // namespace mdeploy
