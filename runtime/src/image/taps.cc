// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "image/taps.h"

#include <algorithm>
#include <cmath>

namespace mdeploy {
namespace {

template <typename Real>
Real box(Real x) {
  return x > Real(-0.5) && x <= Real(0.5) ? Real(1) : Real(0);
}

template <typename Real>
Real triangle(Real x) {
  return std::max(Real(0), Real(1) - std::fabs(x));
}

// Keys' cubic convolution.
template <typename Real>
Real cubic(Real x, Real a) {
  x = std::fabs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

double sinc(double x) {
  constexpr double kPi = 3.14159265358979323846;
  return x == 0 ? 1.0 : std::sin(kPi * x) / (kPi * x);
}

double lanczos(double x) { return x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0.0; }

template <typename Real>
Real filter(mdeploy_resize_mode mode, Real x) {
  switch (mode) {
    case MDEPLOY_BOX: return box(x);
    case MDEPLOY_BICUBIC: return cubic(x, Real(-0.5));
    case MDEPLOY_LANCZOS: return static_cast<Real>(lanczos(static_cast<double>(x)));
    default: return triangle(x);
  }
}

double support_of(mdeploy_resize_mode mode) {
  switch (mode) {
    case MDEPLOY_BOX: return 0.5;
    case MDEPLOY_BICUBIC: return 2.0;
    case MDEPLOY_LANCZOS: return 3.0;
    default: return 1.0;
  }
}

template <typename Weight>
Taps<Weight> empty_taps(const ImageAxis& axis, int64_t width) {
  Taps<Weight> taps;
  taps.width = width;
  taps.first.resize(axis.count);
  taps.count.assign(axis.count, 1);
  taps.weights.assign(axis.count * width, Weight(0));
  return taps;
}

template <typename Weight>
Taps<Weight> identity(const ImageAxis& axis) {
  Taps<Weight> taps = empty_taps<Weight>(axis, 0);
  taps.copies = true;
  for (int64_t i = 0; i < axis.count; ++i) taps.first[i] = static_cast<int32_t>(axis.begin + i);
  return taps;
}

int32_t clamped(int64_t index, int64_t in) { return static_cast<int32_t>(std::clamp<int64_t>(index, 0, in - 1)); }

int32_t to_fixed(double weight) {
  constexpr double kOne = static_cast<double>(1 << kWeightBits);
  return static_cast<int32_t>(weight < 0 ? weight * kOne - 0.5 : weight * kOne + 0.5);
}

int32_t to_weight(double weight, int32_t) { return to_fixed(weight); }
float to_weight(float weight, float) { return weight; }

// The one convolution of both arithmetics, in the precision of `Real`.
template <typename Real, typename Weight>
Taps<Weight> convolution(mdeploy_resize_mode mode, bool antialias, const ImageAxis& axis) {
  const Real scale = static_cast<Real>(axis.in) / static_cast<Real>(axis.scaled);
  const Real widening = antialias ? std::max(scale, Real(1)) : Real(1);
  const Real support = static_cast<Real>(support_of(mode)) * widening;
  const Real narrowing = Real(1) / widening;
  Taps<Weight> taps = empty_taps<Weight>(axis, static_cast<int64_t>(std::ceil(support)) * 2 + 1);
  std::vector<Real> line(taps.width);
  for (int64_t i = 0; i < axis.count; ++i) {
    const Real center = (static_cast<Real>(axis.begin + i) + Real(0.5)) * scale;
    const int64_t first = std::max<int64_t>(0, static_cast<int64_t>(center - support + Real(0.5)));
    const int64_t last = std::min(axis.in, static_cast<int64_t>(center + support + Real(0.5)));
    const int64_t count = std::clamp<int64_t>(last - first, 0, taps.width);
    Real sum = 0;
    for (int64_t k = 0; k < count; ++k) {
      line[k] = filter(mode, (static_cast<Real>(first + k) - center + Real(0.5)) * narrowing);
      sum += line[k];
    }
    taps.first[i] = clamped(first, axis.in);
    taps.count[i] = static_cast<int32_t>(count);
    for (int64_t k = 0; k < count; ++k) {
      taps.weights[i * taps.width + k] = to_weight(sum != 0 ? line[k] / sum : line[k], Weight());
    }
  }
  return taps;
}

// Two or four neighbours whatever the scale; outside of the image its edge goes on.
Taps<float> interpolation(mdeploy_resize_mode mode, const ImageAxis& axis) {
  const bool is_cubic = mode == MDEPLOY_BICUBIC;
  const int64_t around = is_cubic ? 4 : 2;
  const float scale = static_cast<float>(axis.in) / static_cast<float>(axis.scaled);
  Taps<float> taps = empty_taps<float>(axis, around);
  for (int64_t i = 0; i < axis.count; ++i) {
    // torch's bicubic rounds once here and its bilinear twice; far from the origin that shows in the weights.
    const float half_pixel = static_cast<float>(axis.begin + i) + 0.5f;
    const float scaled = scale * half_pixel;
    const float center = is_cubic ? std::fma(scale, half_pixel, -0.5f) : std::max(scaled - 0.5f, 0.0f);
    const auto before = static_cast<int64_t>(std::floor(center));
    const float t = center - static_cast<float>(before);
    const int64_t first = before - (is_cubic ? 1 : 0);
    taps.first[i] = clamped(first, axis.in);
    taps.count[i] = clamped(first + around - 1, axis.in) - taps.first[i] + 1;
    for (int64_t k = 0; k < around; ++k) {
      const float x = static_cast<float>(k - (is_cubic ? 1 : 0)) - t;
      const float weight = is_cubic ? cubic(x, -0.75f) : triangle(x);
      taps.weights[i * around + clamped(first + k, axis.in) - taps.first[i]] += weight;
    }
  }
  return taps;
}

}  // namespace

Taps<int32_t> pillow_taps(mdeploy_resize_mode mode, bool antialias, const ImageAxis& axis) {
  if (axis.in == axis.scaled) return identity<int32_t>(axis);
  if (mode != MDEPLOY_NEAREST) return convolution<double, int32_t>(mode, antialias, axis);
  Taps<int32_t> taps = identity<int32_t>(axis);
  // Pillow adds the scale up from output to output instead of multiplying, which decides where a centre meets a border.
  const double scale = static_cast<double>(axis.in) / static_cast<double>(axis.scaled);
  double center = scale * 0.5;
  for (int64_t i = 0; i < axis.begin; ++i) center += scale;
  for (int64_t i = 0; i < axis.count; ++i, center += scale) {
    taps.first[i] = clamped(static_cast<int64_t>(center), axis.in);
  }
  return taps;
}

Taps<float> tensor_taps(mdeploy_resize_mode mode, bool antialias, const ImageAxis& axis) {
  if (axis.in == axis.scaled) return identity<float>(axis);
  if (mode == MDEPLOY_NEAREST) {
    Taps<float> taps = identity<float>(axis);
    const float scale = static_cast<float>(axis.in) / static_cast<float>(axis.scaled);
    for (int64_t i = 0; i < axis.count; ++i) {
      const float place = std::floor(static_cast<float>(axis.begin + i) * scale);
      taps.first[i] = clamped(static_cast<int64_t>(place), axis.in);
    }
    return taps;
  }
  return antialias ? convolution<float, float>(mode, true, axis) : interpolation(mode, axis);
}

}  // namespace mdeploy
