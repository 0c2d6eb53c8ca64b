// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// Every convolution kernel against the plain loops in double precision, on every instruction set of this machine. The
// error allowed is a multiple of float's epsilon times the sum of the absolute products, which is what rounding is
// proportional to; a wrong index is off by orders of magnitude more.
#include "kernels/conv.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "base/tensor.h"
#include "kernels/conv_depthwise.h"
#include "kernels/conv_gemm.h"
#include "kernels/conv_planes.h"
#include "kernels/conv_winograd.h"
#include "kernels/isa_kernels.h"

namespace mdeploy {
namespace {

constexpr Layout kPlain = Layout::plain(), kBlocked = Layout::blocked(kChannelBlock);
constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::vector<Isa> fast_isas() {
  std::vector<Isa> isas;
  for (Isa isa : {Isa::kSse2, Isa::kAvx2, Isa::kAvx512, Isa::kNeon}) {
    if (isa_supported(isa) && isa_kernels(isa) != nullptr) isas.push_back(isa);
  }
  return isas;
}

ConvShape conv_shape(int64_t c_in, int64_t c_out, int64_t h, int64_t w, int64_t k, int64_t stride = 1, int64_t pad = 0,
                     int64_t groups = 1, int64_t dilation = 1) {
  ConvShape s;
  s.c_in = c_in, s.c_out = c_out, s.h = h, s.w = w, s.groups = groups;
  s.kh = s.kw = k, s.stride_h = s.stride_w = stride, s.dilation_h = s.dilation_w = dilation;
  s.pad_t = s.pad_l = s.pad_b = s.pad_r = pad;
  s.out_h = (h + 2 * pad - (dilation * (k - 1) + 1)) / stride + 1;
  s.out_w = (w + 2 * pad - (dilation * (k - 1) + 1)) / stride + 1;
  return s;
}

std::string describe(const ConvShape& s) {
  std::ostringstream out;
  out << s.n << "x" << s.c_in << "x" << s.h << "x" << s.w << " -> " << s.c_out << "x" << s.out_h << "x" << s.out_w
      << " kernel " << s.kh << "x" << s.kw << " stride " << s.stride_h << "," << s.stride_w << " pad " << s.pad_t << ","
      << s.pad_l << "," << s.pad_b << "," << s.pad_r << " groups " << s.groups << " dilation " << s.dilation_h;
  return out.str();
}

std::vector<float> random_floats(int64_t n, int seed) {
  std::mt19937 engine(static_cast<unsigned>(seed));
  std::normal_distribution<float> normal;
  std::vector<float> values(static_cast<size_t>(n));
  for (float& v : values) v = normal(engine);
  return values;
}

std::vector<float> absolute(std::vector<float> values) {
  for (float& v : values) v = std::fabs(v);
  return values;
}

// NCHW to the layout and back, by the definition in layout.h.
int64_t offset_in(Layout l, int64_t n, int64_t c, int64_t p, int64_t channels, int64_t pixels) {
  return n * l.picture_size(channels, pixels, 1) + (c / l.block * pixels + p) * l.block + c % l.block;
}
std::vector<float> to_layout(const std::vector<float>& plain, Layout l, int64_t n, int64_t channels, int64_t pixels) {
  std::vector<float> out(static_cast<size_t>(n * l.picture_size(channels, pixels, 1)), 0.0f);
  for (int64_t i = 0; i < static_cast<int64_t>(plain.size()); ++i) {
    const int64_t p = i % pixels, c = i / pixels % channels;
    const int64_t to = offset_in(l, i / pixels / channels, c, p, channels, pixels);
    out[static_cast<size_t>(to)] = plain[static_cast<size_t>(i)];
  }
  return out;
}

struct Problem {
  explicit Problem(const ConvShape& shape)
      : s(shape),
        x(random_floats(s.n * s.c_in * s.h * s.w, 1)),
        w(random_floats(s.weight_count(), 2)),
        bias(random_floats(s.c_out, 3)),
        residual(random_floats(s.n * s.c_out * s.out_h * s.out_w, 4)) {}

  ConvShape s;
  std::vector<float> x, w, bias, residual;
};

// Runs on activations of the options' layouts; the result is in the output's.
std::vector<float> run(const ConvKernel& kernel, const Problem& p, const ConvOptions& o, int threads,
                       const std::vector<float>& x, const std::vector<float>& residual) {
  const ConvShape& s = p.s;
  ThreadPool pool(threads);
  const std::vector<float> xs = to_layout(x, o.input, s.n, s.c_in, s.h * s.w);
  const std::vector<float> rs = to_layout(residual, o.output, s.n, s.c_out, s.out_h * s.out_w);
  std::vector<float> y(rs.size(), std::numeric_limits<float>::quiet_NaN());
  Buffer scratch(kernel.scratch_bytes(threads) + 64);
  std::fill_n(static_cast<unsigned char*>(scratch.data()), scratch.bytes(), 0xff);  // NaNs: undefined means undefined
  ConvArguments args;
  args.x = xs.data();
  args.y = y.data();
  args.residual = o.epilogue.residual ? rs.data() : nullptr;
  args.scratch = scratch.data();
  kernel.run(args, pool);
  return y;
}

struct Expected {
  std::vector<float> y, magnitude;  // NCHW
};
Expected reference(const Problem& p, const ConvEpilogue& epilogue) {
  ConvOptions o;
  o.epilogue = epilogue;
  Expected expected;
  expected.y = run(*make_conv_reference(p.s, o, p.w.data(), p.bias.data()), p, o, 1, p.x, p.residual);
  o.epilogue = {};
  o.epilogue.residual = epilogue.residual;
  expected.magnitude = run(*make_conv_reference(p.s, o, absolute(p.w).data(), absolute(p.bias).data()), p, o, 1,
                           absolute(p.x), absolute(p.residual));
  return expected;
}

void expect_close(const std::vector<float>& y, const Problem& p, Layout layout, const Expected& expected, double factor,
                  const std::string& what) {
  const int64_t pixels = p.s.out_h * p.s.out_w;
  const double epsilon = std::numeric_limits<float>::epsilon();
  double worst = 0.0;
  for (int64_t i = 0; i < static_cast<int64_t>(expected.y.size()); ++i) {
    const int64_t c = i / pixels % p.s.c_out, n = i / pixels / p.s.c_out;
    const float got = y[static_cast<size_t>(offset_in(layout, n, c, i % pixels, p.s.c_out, pixels))];
    const float want = expected.y[static_cast<size_t>(i)];
    const double bound = epsilon * expected.magnitude[static_cast<size_t>(i)];
    const double error = std::fabs(static_cast<double>(got) - want);
    if (!(error <= factor * bound)) {
      FAIL() << what << ": element " << i << " is " << got << ", expected " << want << ", error " << error / bound
             << " times epsilon x magnitude; " << describe(p.s);
    }
    worst = std::max(worst, error / bound);
  }
  for (int64_t c = p.s.c_out; c < layout.padded_channels(p.s.c_out); ++c) {
    for (int64_t i = 0; i < p.s.n * pixels; ++i) {
      ASSERT_EQ(0.0f, y[static_cast<size_t>(offset_in(layout, i / pixels, c, i % pixels, p.s.c_out, pixels))])
          << what << ": lane of channel " << c << " beyond the last; " << describe(p.s);
    }
  }
  ::testing::Test::RecordProperty("worst_error", std::to_string(worst));
}

// Rounding of a direct sum stays below this multiple of epsilon x magnitude, that of Winograd below those: it goes with
// the magnitude of the whole tile, so an output that is small among its neighbours looks worse.
constexpr double kDirectFactor = 3.0, kF2Factor = 8.0, kF4Factor = 48.0;

std::vector<ConvShape> grid() {
  std::vector<ConvShape> shapes = {
      conv_shape(1, 1, 1, 1, 1),
      conv_shape(16, 16, 1, 1, 1),
      conv_shape(40, 10, 1, 1, 1),  // FC with tails
      conv_shape(64, 128, 1, 1, 1),
      conv_shape(16, 16, 3, 5, 1),
      conv_shape(32, 48, 7, 7, 1),  // odd number of blocks
      conv_shape(64, 96, 4, 4, 1),
      conv_shape(20, 24, 9, 11, 1),    // tails on both sides
      conv_shape(32, 64, 8, 8, 1, 2),  // shortcut
      conv_shape(32, 64, 9, 7, 1, 2),
      conv_shape(3, 32, 16, 16, 3, 1, 1),  // stem
      conv_shape(3, 40, 17, 13, 3, 2, 1),
      conv_shape(3, 24, 23, 19, 7, 2, 3),
      conv_shape(1, 5, 9, 9, 5, 1, 2),
      conv_shape(16, 16, 6, 6, 3, 1, 1),
      conv_shape(32, 32, 8, 8, 3, 1, 1),
      conv_shape(32, 64, 4, 4, 3, 1, 1),
      conv_shape(48, 32, 7, 7, 3, 1, 1),
      conv_shape(20, 36, 5, 9, 3, 1, 1),
      conv_shape(16, 32, 13, 21, 3, 1, 1),  // more than one group of tiles
      conv_shape(64, 64, 32, 32, 3, 1, 1),
      conv_shape(16, 16, 5, 5, 3, 1, 0),
      conv_shape(32, 32, 10, 10, 3, 2, 1),
      conv_shape(32, 32, 11, 12, 3, 1, 2, 1, 2),  // dilation
      conv_shape(17, 18, 11, 12, 3, 2, 3, 1, 3),
      conv_shape(32, 64, 8, 8, 3, 1, 1, 2),  // radix groups
      conv_shape(64, 128, 6, 6, 3, 1, 1, 2),
      conv_shape(64, 96, 6, 6, 3, 2, 1, 2),
      conv_shape(16, 32, 7, 7, 3, 1, 1, 2),  // groups smaller than a block
      conv_shape(24, 48, 7, 7, 3, 1, 1, 3),  // groups across blocks
      conv_shape(32, 32, 7, 7, 3, 1, 1, 8),
      conv_shape(40, 40, 7, 7, 3, 2, 1, 40),  // depthwise
      conv_shape(32, 32, 12, 20, 3, 1, 1, 32),
      conv_shape(18, 18, 12, 13, 3, 2, 2, 18, 2),
      conv_shape(16, 16, 2, 2, 5, 1, 4, 16),  // a window larger than the picture
      conv_shape(20, 40, 6, 5, 3, 1, 1, 20),  // depthwise with multiplier
      conv_shape(34, 34, 9, 9, 5, 1, 2, 17),
      conv_shape(16, 16, 14, 14, 3, 1, 1, 16),  // depthwise by whole rows
      conv_shape(48, 48, 7, 7, 3, 1, 1, 48),
      conv_shape(20, 20, 9, 15, 3, 2, 1, 20),
      conv_shape(16, 16, 8, 30, 3, 2, 1, 16),
      conv_shape(16, 16, 5, 1, 3, 1, 1, 16),
      conv_shape(16, 16, 5, 2, 3, 2, 1, 16),
      conv_shape(16, 16, 1, 3, 3, 2, 1, 16),
      conv_shape(16, 16, 6, 8, 3, 1, 0, 16),
      conv_shape(16, 16, 6, 3, 3, 2, 0, 16),
      conv_shape(16, 16, 11, 17, 3, 3, 1, 16),
      conv_shape(16, 16, 5, 29, 3, 1, 1, 16),
      conv_shape(16, 16, 6, 40, 3, 2, 1, 16),
      conv_shape(1, 16, 3, 3, 2, 1000000, 1000000, 1, 1000000),  // no buffer grows with strides and pads
  };
  ConvShape uneven = conv_shape(16, 32, 9, 10, 3);
  uneven.kw = 2, uneven.stride_w = 2, uneven.pad_t = 1, uneven.pad_r = 2, uneven.pad_l = 0, uneven.pad_b = 0;
  uneven.out_h = (9 + 1 - 3) / 1 + 1, uneven.out_w = (10 + 2 - 2) / 2 + 1;
  shapes.push_back(uneven);
  ConvShape lopsided = conv_shape(16, 16, 9, 10, 3);  // Winograd with uneven pads
  lopsided.pad_t = 2, lopsided.pad_r = 1;
  lopsided.out_h += 2, lopsided.out_w += 1;
  shapes.push_back(lopsided);
  ConvShape sunken = conv_shape(32, 32, 4, 23, 3, 2, 1, 32);  // depthwise rows that see no row of taps, one, three, two
  sunken.pad_t = 4, sunken.pad_b = 2, sunken.out_h = 4;
  shapes.push_back(sunken);
  ConvShape batch = conv_shape(32, 40, 5, 6, 3, 1, 1);
  batch.n = 3;
  shapes.push_back(batch);
  return shapes;
}

struct Maker {
  std::string name;
  double factor;
  std::function<std::unique_ptr<ConvKernel>(const ConvShape&, const ConvOptions&, const float*, const float*)> make;
};
std::vector<Maker> blocked_makers(const ConvShape& shape, Isa isa) {
  const IsaKernels& kernels = *isa_kernels(isa);
  std::vector<Maker> makers = {{"gemm", kDirectFactor, [&kernels](auto& s, auto& o, auto* w, auto* b) {
                                  return make_conv_gemm(s, o, kernels, w, b);
                                }}};
  if (is_depthwise(shape)) {
    makers.push_back({"depthwise", kDirectFactor, [&kernels](auto& s, auto& o, auto* w, auto* b) {
                        return make_conv_depthwise(s, o, kernels, w, b);
                      }});
  }
  for (int m : {2, 4}) {
    if (!winograd_fits(shape)) break;
    makers.push_back(
        {"winograd_f" + std::to_string(m), m == 2 ? kF2Factor : kF4Factor,
         [&kernels, m](auto& s, auto& o, auto* w, auto* b) { return make_conv_winograd(s, o, kernels, m, w, b); }});
  }
  return makers;
}

// Without this the other tests would pass where there is nothing to test.
TEST(Conv, ThisProcessorHasFastKernels) { EXPECT_FALSE(fast_isas().empty()); }

TEST(Conv, EveryBlockedKernelEqualsTheReference) {
  for (const ConvShape& shape : grid()) {
    const Problem problem(shape);
    for (const ConvEpilogue& epilogue :
         {ConvEpilogue{}, ConvEpilogue{false, 0.0f, kInfinity}, ConvEpilogue{true, 0.0f, 6.0f}}) {
      const Expected expected = reference(problem, epilogue);
      for (Isa isa : fast_isas()) {
        ConvOptions o;
        o.isa = isa, o.input = o.output = kBlocked, o.epilogue = epilogue;
        for (const Maker& maker : blocked_makers(shape, isa)) {
          const auto kernel = maker.make(shape, o, problem.w.data(), problem.bias.data());
          const std::vector<float> y = run(*kernel, problem, o, 1, problem.x, problem.residual);
          expect_close(y, problem, kBlocked, expected, maker.factor, kernel->name());
          if (HasFatalFailure()) return;
          for (int threads : {2, 3}) {
            ASSERT_EQ(y, run(*kernel, problem, o, threads, problem.x, problem.residual))
                << kernel->name() << " with " << threads << " threads; " << describe(shape);
          }
        }
      }
    }
  }
}

TEST(Conv, PlainPicturesOfFewChannels) {
  std::vector<ConvShape> shapes = {
      conv_shape(3, 32, 32, 32, 3, 2, 1),       conv_shape(3, 64, 31, 45, 7, 2, 3), conv_shape(1, 1, 1, 1, 1),
      conv_shape(15, 18, 9, 10, 3, 1, 1),       conv_shape(3, 16, 40, 50, 4, 4, 0), conv_shape(4, 33, 20, 19, 3, 3, 2),
      conv_shape(2, 16, 12, 13, 3, 2, 2, 1, 2), conv_shape(1, 16, 2, 3, 5, 1, 4),   conv_shape(5, 80, 11, 70, 1)};
  ConvShape uneven = conv_shape(3, 20, 10, 21, 3, 2);
  uneven.n = 2, uneven.pad_r = uneven.pad_b = 1, uneven.out_h = 5, uneven.out_w = 10;
  shapes.push_back(uneven);
  for (const ConvShape& shape : shapes) {
    const Problem problem(shape);
    for (const ConvEpilogue& epilogue : {ConvEpilogue{}, ConvEpilogue{true, 1.0f, 6.0f}}) {
      const Expected expected = reference(problem, epilogue);
      for (Isa isa : fast_isas()) {
        ConvOptions o;
        o.isa = isa, o.input = kPlain, o.output = kBlocked, o.epilogue = epilogue;
        const auto kernel = make_conv_planes(shape, o, *isa_kernels(isa), problem.w.data(), problem.bias.data());
        const std::vector<float> y = run(*kernel, problem, o, 1, problem.x, problem.residual);
        expect_close(y, problem, kBlocked, expected, kDirectFactor, kernel->name());
        if (HasFatalFailure()) return;
        for (int threads : {2, 3}) {
          ASSERT_EQ(y, run(*kernel, problem, o, threads, problem.x, problem.residual))
              << kernel->name() << " with " << threads << " threads; " << describe(shape);
        }
      }
    }
  }
}

TEST(Conv, EveryLayoutIsServed) {
  for (const ConvShape& shape : grid()) {
    const Problem problem(shape);
    const ConvEpilogue epilogue = {true, 0.0f, kInfinity};
    const Expected expected = reference(problem, epilogue);
    for (Isa isa : fast_isas()) {
      for (Layout input : {kPlain, kBlocked}) {
        for (Layout output : {kPlain, kBlocked}) {
          ConvOptions o;
          o.isa = isa, o.input = input, o.output = output, o.epilogue = epilogue;
          ASSERT_TRUE(conv_supports(shape, o));
          const auto kernel = make_conv(shape, o, problem.w.data(), problem.bias.data());
          expect_close(run(*kernel, problem, o, 2, problem.x, problem.residual), problem, output, expected, kF4Factor,
                       kernel->name());
          if (HasFatalFailure()) return;
        }
      }
    }
  }
}

// A channel range of a wider activation as input, output and residual, and the residual added in place.
TEST(Conv, ChannelRangesAndInPlaceResiduals) {
  ConvShape shape = conv_shape(32, 32, 6, 6, 3, 1, 1);
  shape.n = 2;
  const Problem problem(shape);
  const ConvEpilogue epilogue = {true, 0.0f, kInfinity};
  const Expected expected = reference(problem, epilogue);
  const int64_t picture = kBlocked.picture_size(32, 6, 6), wide = kBlocked.picture_size(80, 6, 6), skip = 36 * 16;
  const std::vector<float> x = to_layout(problem.x, kBlocked, 2, 32, 36);
  const std::vector<float> residual = to_layout(problem.residual, kBlocked, 2, 32, 36);
  std::vector<float> wide_x(static_cast<size_t>(2 * wide), NAN), wide_y = wide_x;
  for (int64_t n = 0; n < 2; ++n) {
    std::copy_n(x.begin() + n * picture, picture, wide_x.begin() + n * wide + skip);
    std::copy_n(residual.begin() + n * picture, picture, wide_y.begin() + n * wide + skip);
  }
  for (Isa isa : fast_isas()) {
    ConvOptions o;
    o.isa = isa, o.input = o.output = kBlocked, o.epilogue = epilogue;
    for (const Maker& maker : blocked_makers(shape, isa)) {
      const auto kernel = maker.make(shape, o, problem.w.data(), problem.bias.data());
      std::vector<float> y = wide_y;
      Buffer scratch(kernel->scratch_bytes(2) + 64);
      ThreadPool pool(2);
      ConvArguments args;
      args.x = wide_x.data() + skip, args.y = y.data() + skip, args.residual = y.data() + skip;
      args.x_stride = args.y_stride = args.residual_stride = wide;
      args.scratch = scratch.data();
      kernel->run(args, pool);
      std::vector<float> dense(static_cast<size_t>(2 * picture));
      for (int64_t n = 0; n < 2; ++n) std::copy_n(y.begin() + n * wide + skip, picture, dense.begin() + n * picture);
      expect_close(dense, problem, kBlocked, expected, maker.factor, kernel->name());
      EXPECT_TRUE(std::isnan(y[static_cast<size_t>(skip - 1)])) << "wrote before its channel range";
      EXPECT_TRUE(std::isnan(y[static_cast<size_t>(skip + picture)])) << "wrote behind its channel range";
    }
  }
}

TEST(Conv, PaddingLanesStayZeroUnderAnyClamp) {
  const ConvShape shape = conv_shape(16, 18, 5, 5, 3, 1, 1);
  const Problem problem(shape);
  for (const ConvEpilogue& epilogue : {ConvEpilogue{false, 1.0f, 2.0f}, ConvEpilogue{false, -2.0f, -1.0f}}) {
    const Expected expected = reference(problem, epilogue);
    for (Isa isa : fast_isas()) {
      ConvOptions o;
      o.isa = isa, o.input = o.output = kBlocked, o.epilogue = epilogue;
      for (const Maker& maker : blocked_makers(shape, isa)) {
        const auto kernel = maker.make(shape, o, problem.w.data(), problem.bias.data());
        expect_close(run(*kernel, problem, o, 1, problem.x, problem.residual), problem, kBlocked, expected,
                     maker.factor, kernel->name());
      }
    }
  }
}

TEST(Conv, NanSurvivesTheClamp) {
  const ConvShape shape = conv_shape(16, 16, 4, 4, 1);
  Problem problem(shape);
  problem.x[5] = std::numeric_limits<float>::quiet_NaN();  // channel 0, pixel 5
  for (Isa isa : fast_isas()) {
    ConvOptions o;
    o.isa = isa, o.input = o.output = kBlocked, o.epilogue = {false, 0.0f, 6.0f};
    const auto kernel = make_conv(shape, o, problem.w.data(), problem.bias.data());
    const std::vector<float> y = run(*kernel, problem, o, 1, problem.x, problem.residual);
    for (size_t i = 0; i < y.size(); ++i) EXPECT_EQ(i / 16 == 5, std::isnan(y[i])) << isa_name(isa) << " at " << i;
  }
}

}  // namespace
}  // namespace mdeploy
