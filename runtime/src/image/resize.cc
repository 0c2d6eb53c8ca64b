// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "image/resize.h"

#include <algorithm>
#include <vector>

#include "image/pixels.h"
#include "image/taps.h"

namespace mdeploy {
namespace {

// Fixed point on bytes. Sums are exact in 32 bits, whatever the order.
struct Fixed {
  using Pixel = uint8_t;
  using Weight = int32_t;
  using Sum = int32_t;
  static constexpr Sum kStart = 1 << (kWeightBits - 1);
  static Sum value(uint8_t pixel) { return pixel; }
  static Pixel finished(Sum sum) { return static_cast<uint8_t>(std::clamp(sum >> kWeightBits, 0, 255)); }
};

struct Float {
  using Pixel = float;
  using Weight = float;
  using Sum = float;
  static constexpr Sum kStart = 0.0f;
  static Sum value(uint8_t pixel) { return static_cast<float>(pixel) / 255.0f; }
  static Pixel finished(Sum sum) { return sum; }
};

// What a row of RGBA becomes before it is resized: itself, opaque, or gray.
class Colour {
 public:
  Colour(const mdeploy_preprocess_spec& spec, int64_t width)
      : spec_(spec), width_(width), gray_(spec.color_order == MDEPLOY_GRAY) {
    if (spec.has_background) opaque_.resize(static_cast<size_t>(width) * 4);
    if (gray_) luma_.resize(static_cast<size_t>(width));
  }

  const uint8_t* prepared(const uint8_t* rgba) {
    if (spec_.has_background) {
      for (int64_t x = 0; x < width_ * 4; x += 4) {
        for (int c = 0; c < 3; ++c) opaque_[x + c] = blend(rgba[x + c], spec_.background[c], rgba[x + 3]);
      }
      rgba = opaque_.data();
    }
    if (!gray_) return rgba;
    for (int64_t x = 0; x < width_; ++x) luma_[x] = luma(rgba[4 * x], rgba[4 * x + 1], rgba[4 * x + 2]);
    return luma_.data();
  }

 private:
  const mdeploy_preprocess_spec& spec_;
  const int64_t width_;
  const bool gray_;
  std::vector<uint8_t> opaque_, luma_;
};

// `kStep` bytes from one input pixel to the next, `kChannels` of which count.
template <typename A, int kStep, int kChannels>
void horizontal(const uint8_t* row, const Taps<typename A::Weight>& taps, int64_t n, typename A::Pixel* line) {
  for (int64_t x = 0; x < n; ++x, line += kChannels) {
    const uint8_t* pixel = row + static_cast<int64_t>(taps.first[x]) * kStep;
    typename A::Sum sum[kChannels];
    for (int c = 0; c < kChannels; ++c) sum[c] = A::kStart;
    const typename A::Weight* weights = taps.of(x);
    for (int32_t k = 0; k < taps.count[x]; ++k, pixel += kStep) {
      for (int c = 0; c < kChannels; ++c) sum[c] += weights[k] * A::value(pixel[c]);
    }
    for (int c = 0; c < kChannels; ++c) line[c] = A::finished(sum[c]);
  }
}

template <typename A, int kStep, int kChannels>
void copied(const uint8_t* row, const Taps<typename A::Weight>& taps, int64_t n, typename A::Pixel* line) {
  for (int64_t x = 0; x < n; ++x) {
    const uint8_t* pixel = row + static_cast<int64_t>(taps.first[x]) * kStep;
    for (int c = 0; c < kChannels; ++c) {
      line[x * kChannels + c] = static_cast<typename A::Pixel>(A::value(pixel[c]));
    }
  }
}

template <typename A>
void one_line(const uint8_t* row, const Taps<typename A::Weight>& taps, int64_t n, int channels,
              typename A::Pixel* line) {
  if (channels == 1) {
    taps.copies ? copied<A, 1, 1>(row, taps, n, line) : horizontal<A, 1, 1>(row, taps, n, line);
  } else {
    taps.copies ? copied<A, 4, 3>(row, taps, n, line) : horizontal<A, 4, 3>(row, taps, n, line);
  }
}

// Output row i of the visible ones: n samples out of the lines that `line` gives by their number.
template <typename A, typename Line>
void vertical(const Taps<typename A::Weight>& taps, int64_t i, const Line& line, std::vector<typename A::Sum>& sums,
              typename A::Pixel* out) {
  const auto n = static_cast<int64_t>(sums.size());
  std::fill(sums.begin(), sums.end(), A::kStart);
  for (int32_t k = 0; k < taps.count[i]; ++k) {
    const typename A::Pixel* from = line(taps.first[i] + k);
    typename A::Sum* to = sums.data();
    const typename A::Weight weight = taps.of(i)[k];
    for (int64_t j = 0; j < n; ++j) to[j] += weight * from[j];
  }
  for (int64_t j = 0; j < n; ++j) out[j] = A::finished(sums[j]);
}

// Keeps the lines that one output row needs: `prepare` makes the line of an input row, `finish` gets every output row.
template <typename A, typename Prepare, typename Finish>
Status pass_down(RowSource& source, const Taps<typename A::Weight>& rows, int64_t samples, int64_t count,
                 const Prepare& prepare, const Finish& finish) {
  const int64_t kept = std::max(1, *std::max_element(rows.count.begin(), rows.count.end()));
  std::vector<typename A::Pixel> lines(static_cast<size_t>(kept * samples)), done(static_cast<size_t>(samples));
  std::vector<typename A::Sum> sums(static_cast<size_t>(samples));
  const auto line = [&](int64_t y) { return lines.data() + y % kept * samples; };
  int64_t next = rows.first.front();
  for (int64_t i = 0; i < count; ++i) {
    for (next = std::max<int64_t>(next, rows.first[i]); next < rows.last(i); ++next) {
      const uint8_t* rgba = nullptr;
      MDEPLOY_TRY(source.row(next, &rgba));
      prepare(rgba, line(next));
    }
    if (rows.copies) {
      finish(i, line(rows.first[i]));
    } else {
      vertical<A>(rows, i, line, sums, done.data());
      finish(i, done.data());
    }
  }
  return {};
}

template <typename A>
Status rows_last(RowSource& source, const mdeploy_preprocess_spec& spec, const ImageGeometry& geometry,
                 const Taps<typename A::Weight>& columns, const Taps<typename A::Weight>& rows, TensorWriter& writer) {
  const int channels = spec.color_order == MDEPLOY_GRAY ? 1 : 3;
  const int64_t n = geometry.x.count;
  Colour colour(spec, geometry.x.in);
  return pass_down<A>(
      source, rows, n * channels, geometry.y.count,
      [&](const uint8_t* rgba, typename A::Pixel* line) {
        one_line<A>(colour.prepared(rgba), columns, n, channels, line);
      },
      [&](int64_t i, const typename A::Pixel* line) { writer.row(i, line); });
}

Status rows_first(RowSource& source, const mdeploy_preprocess_spec& spec, const ImageGeometry& geometry,
                  const Taps<int32_t>& columns, const Taps<int32_t>& rows, TensorWriter& writer) {
  const int channels = spec.color_order == MDEPLOY_GRAY ? 1 : 3;
  const int64_t n = geometry.x.count, samples = geometry.x.in * (channels == 1 ? 1 : 4);
  Colour colour(spec, geometry.x.in);
  std::vector<uint8_t> out(static_cast<size_t>(n * channels));
  return pass_down<Fixed>(
      source, rows, samples, geometry.y.count,
      [&](const uint8_t* rgba, uint8_t* line) { std::copy_n(colour.prepared(rgba), samples, line); },
      [&](int64_t i, const uint8_t* line) {
        one_line<Fixed>(line, columns, n, channels, out.data());
        writer.row(i, out.data());
      });
}

// Pillow 13 begins with the vertical pass where the height loses more than twice the pixels that the width does.
bool begins_with_rows(const ImageGeometry& geometry) {
  const int64_t lost = geometry.y.in - geometry.y.scaled;
  return lost > 0 && lost > 2 * (geometry.x.in - geometry.x.scaled);
}

}  // namespace

Status resize_as_pillow(RowSource& source, const mdeploy_preprocess_spec& spec, const ImageGeometry& geometry,
                        TensorWriter& writer) {
  const auto mode = static_cast<mdeploy_resize_mode>(spec.resize_mode);
  const Taps<int32_t> columns = pillow_taps(mode, !spec.no_antialias, geometry.x);
  const Taps<int32_t> rows = pillow_taps(mode, !spec.no_antialias, geometry.y);
  if (spec.arithmetic == MDEPLOY_PILLOW && !columns.copies && !rows.copies && begins_with_rows(geometry)) {
    return rows_first(source, spec, geometry, columns, rows, writer);
  }
  return rows_last<Fixed>(source, spec, geometry, columns, rows, writer);
}

Status resize_as_tensor(RowSource& source, const mdeploy_preprocess_spec& spec, const ImageGeometry& geometry,
                        TensorWriter& writer) {
  const auto mode = static_cast<mdeploy_resize_mode>(spec.resize_mode);
  const bool antialias = !spec.no_antialias;
  return rows_last<Float>(source, spec, geometry, tensor_taps(mode, antialias, geometry.x),
                          tensor_taps(mode, antialias, geometry.y), writer);
}

}  // namespace mdeploy
