// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "kernels/conv_winograd.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "kernels/blocked_conv.h"

namespace mdeploy {
namespace {

// Transformed input of one group of tiles; beside the weights of a pass it stays in a core's second-level cache. Each
// group goes over all weights, so where these come from memory it fills nearly all of that cache.
constexpr int64_t kGroupBytes = 384 << 10, kGroupBytesStreamed = 768 << 10;

// The (m+2)^2 matrix products of a section share one shape: tiles x in_blocks -> out_blocks. Buffers, in pixels of 16
// floats: V (point, input block, tile) and, for one pass of output blocks, M (point, output block, tile). Each point
// is one odd pixel further on than it needs, since powers of two would put all points into one set of the cache.
class ConvWinograd final : public BlockedConv {
 public:
  ConvWinograd(const ConvShape& shape, const ConvOptions& options, const IsaKernels& isa, int m, const float* weights,
               const float* bias)
      : BlockedConv(shape, Layout::blocked(kChannelBlock), options, isa, "winograd_f" + std::to_string(m), bias),
        m_(m),
        points_((m + 2) * (m + 2)),
        weight_(isa.winograd_weight[m == 4 ? 1 : 0]),
        input_(isa.winograd_input[m == 4 ? 1 : 0]),
        output_(isa.winograd_output[m == 4 ? 1 : 0]),
        tiles_w_(ceil_div(shape.out_w, m)),
        tiles_(ceil_div(shape.out_h, m) * tiles_w_) {
    int64_t floats = 0;
    for (const Section& section : conv_sections(shape)) {
      products_.push_back({section, floats, {}});
      floats += points_ * section.in_blocks * section.out_blocks * kChannelBlock * kChannelBlock;
      in_blocks_ = std::max(in_blocks_, section.in_blocks);
    }
    allocate_weights(floats);
    streamed_ = weights_are_streamed();
    const int64_t tile_bytes = points_ * in_blocks_ * kPixelBytes;
    const int64_t group_bytes = streamed_ ? kGroupBytesStreamed : kGroupBytes;
    const int64_t groups = ceil_div(tiles_, std::max<int64_t>(group_bytes / tile_bytes, std::min<int64_t>(8, tiles_)));
    group_tiles_ = ceil_div(tiles_, groups);
    for (Product& product : products_) {
      product.tiling = choose_tiling(isa, group_tiles_, product.section.out_blocks,
                                     product.section.in_blocks * kChannelBlock, streamed_);
      pass_blocks_ = std::max(pass_blocks_, product.tiling.blocks);
      pack_weights(WeightView(shape, weights), product);
    }
  }

  size_t scratch_bytes(int threads) const override {
    const int64_t shared = static_cast<int64_t>(products_.size()) * input_floats(group_tiles_);
    const int64_t worker = input_floats(group_tiles_) + output_floats(group_tiles_) + patch_floats();
    return static_cast<size_t>(shared + threads * worker) * sizeof(float);
  }

 private:
  static constexpr int64_t kPixelBytes = kChannelBlock * sizeof(float);

  struct Product {
    Section section;
    int64_t weights = 0;  // in floats
    Tiling tiling;
  };

  static int64_t point_step(int64_t pixels) { return (pixels + 1) * kChannelBlock; }
  int64_t input_floats(int64_t tiles) const { return points_ * point_step(in_blocks_ * tiles); }
  int64_t output_floats(int64_t tiles) const { return points_ * point_step(pass_blocks_ * tiles); }
  int64_t patch_floats() const { return points_ * kChannelBlock; }

  // (pass, point, block of the pass, in_blocks * 16, 16): one pass reads its weights front to back.
  void pack_weights(const WeightView& view, const Product& product) {
    const Section& section = product.section;
    const int64_t block_floats = section.in_blocks * kChannelBlock * kChannelBlock;
    float* pass = weights() + product.weights;
    for (int64_t b = 0; b < section.out_blocks;) {
      const int blocks = pass_blocks(isa_, product.tiling.blocks, section.out_blocks - b);
      WinogradWeightArgs args;
      args.u_step = blocks * block_floats;
      for (int64_t k = 0; k < blocks; ++k) {
        for (int64_t i = 0; i < section.in_blocks * kChannelBlock; ++i) {
          for (int64_t o = 0; o < kChannelBlock; ++o) {
            const float* taps =
                view.taps((section.out_block + b + k) * kChannelBlock + o, section.in_block * kChannelBlock + i);
            for (int64_t tap = 0; tap < 9; ++tap) args.g[tap][o] = taps != nullptr ? taps[tap] : 0.0f;
          }
          args.u = pass + k * block_floats + i * kChannelBlock;
          weight_(args);
        }
      }
      pass += points_ * args.u_step;
      b += blocks;
    }
  }

  void run_picture(const Picture& picture, float* shared, ThreadPool& pool) const override {
    const int threads = is_parallel() ? pool.size() : 1;
    const int64_t sections = static_cast<int64_t>(products_.size());
    const int64_t groups = ceil_div(tiles_, group_tiles_);
    float* workers = shared + sections * input_floats(group_tiles_);
    const int64_t worker_floats = input_floats(group_tiles_) + output_floats(group_tiles_) + patch_floats();

    if (groups > 1) {  // whole groups of tiles go to threads; there are enough, or the rest is made so
      const int64_t parts = ceil_div(groups, threads) * threads;
      pool.parallel_for(sections * parts, 1, [&](int64_t begin, int64_t end, int worker) {
        float* v = workers + worker * worker_floats;
        float* m = v + input_floats(group_tiles_);
        float* patch = m + output_floats(group_tiles_);
        for (int64_t job = begin; job < end; ++job) {
          const Product& product = products_[static_cast<size_t>(job / parts)];
          const int64_t first = job % parts * tiles_ / parts, last = (job % parts + 1) * tiles_ / parts;
          if (first == last) continue;
          transform_input(picture, product, first, last, 0, product.section.in_blocks, v, patch);
          multiply(picture, product, first, last, 0, product.section.out_blocks, v, m);
        }
      });
      return;
    }

    // All tiles are one group: its input is transformed once, then threads share the output channels.
    const int64_t grain = threads > 1 ? 1 : sections * in_blocks_;
    pool.parallel_for(sections * in_blocks_, grain, [&](int64_t begin, int64_t end, int worker) {
      float* patch = workers + (worker + 1) * worker_floats - patch_floats();
      for (int64_t job = begin; job < end; ++job) {
        const Product& product = products_[static_cast<size_t>(job / in_blocks_)];
        const int64_t block = job % in_blocks_;
        if (block >= product.section.in_blocks) continue;
        transform_input(picture, product, 0, tiles_, block, block + 1,
                        shared + job / in_blocks_ * input_floats(group_tiles_), patch);
      }
    });
    const int64_t parts = threads > 1 ? 4 * threads : 1;
    pool.parallel_for(sections * parts, 1, [&](int64_t begin, int64_t end, int worker) {
      float* m = workers + worker * worker_floats + input_floats(group_tiles_);
      for (int64_t job = begin; job < end; ++job) {
        const Product& product = products_[static_cast<size_t>(job / parts)];
        const int64_t passes = ceil_div(product.section.out_blocks, product.tiling.blocks);
        const int64_t first = job % parts * passes / parts, last = (job % parts + 1) * passes / parts;
        multiply(picture, product, 0, tiles_, first * product.tiling.blocks,
                 std::min(last * product.tiling.blocks, product.section.out_blocks),
                 shared + job / parts * input_floats(group_tiles_), m);
      }
    });
  }

  // V of tiles [first, last) for blocks [block_begin, block_end) of the section's input.
  void transform_input(const Picture& picture, const Product& product, int64_t first, int64_t last, int64_t block_begin,
                       int64_t block_end, float* v, float* patch) const {
    const int64_t side = m_ + 2, row = shape_.w * kChannelBlock, count = last - first;
    WinogradInputArgs args;
    args.v_step = point_step(product.section.in_blocks * count);
    for (int64_t block = block_begin; block < block_end; ++block) {
      const float* plane = picture.x + (product.section.in_block + block) * shape_.h * row;
      for (int64_t t = first; t < last; ++t) {
        const int64_t ih = t / tiles_w_ * m_ - shape_.pad_t, iw = t % tiles_w_ * m_ - shape_.pad_l;
        if (ih >= 0 && iw >= 0 && ih + side <= shape_.h && iw + side <= shape_.w) {
          args.x = plane + ih * row + iw * kChannelBlock;
          args.x_row = row;
        } else {
          copy_patch(plane, ih, iw, patch);
          args.x = patch;
          args.x_row = side * kChannelBlock;
        }
        args.v = v + (block * count + t - first) * kChannelBlock;
        input_(args);
      }
    }
  }

  // A patch that reaches over the border, with zeros there.
  void copy_patch(const float* plane, int64_t ih, int64_t iw, float* patch) const {
    const int64_t side = m_ + 2;
    const int64_t begin = std::clamp<int64_t>(-iw, 0, side), end = std::clamp<int64_t>(shape_.w - iw, begin, side);
    for (int64_t r = 0; r < side; ++r, patch += side * kChannelBlock) {
      if (ih + r < 0 || ih + r >= shape_.h) {
        std::fill_n(patch, side * kChannelBlock, 0.0f);
        continue;
      }
      std::fill_n(patch, begin * kChannelBlock, 0.0f);
      std::memcpy(patch + begin * kChannelBlock, plane + ((ih + r) * shape_.w + iw + begin) * kChannelBlock,
                  static_cast<size_t>((end - begin) * kPixelBytes));
      std::fill_n(patch + end * kChannelBlock, (side - end) * kChannelBlock, 0.0f);
    }
  }

  // Products and output transform of tiles [first, last) for blocks [out_begin, out_end) of the section's output.
  void multiply(const Picture& picture, const Product& product, int64_t first, int64_t last, int64_t out_begin,
                int64_t out_end, const float* v, float* m) const {
    const Section& section = product.section;
    const int64_t count = last - first, block_floats = section.in_blocks * kChannelBlock * kChannelBlock;
    TileArgs args;
    args.a_step = count * kChannelBlock;
    args.w_step = block_floats;
    args.k_blocks = section.in_blocks;
    args.y_step = count * kChannelBlock;
    args.rule = {};  // sums as they are: the output transform has the epilogue
    const float* packed = weights() + product.weights;
    for (int64_t b = out_begin; b < out_end;) {
      const int blocks = pass_blocks(isa_, product.tiling.blocks, out_end - b);
      const float* pass = packed + b * points_ * block_floats;
      const int64_t v_step = point_step(section.in_blocks * count), m_step = point_step(blocks * count);
      args.prefetch = prefetch_floats(blocks * block_floats);
      for (int64_t p = 0; p < points_; ++p) {
        args.a = v + p * v_step;
        args.w = pass + p * blocks * block_floats;
        args.y = m + p * m_step;
        run_tiles(isa_, args, blocks, count);
      }
      for (int64_t k = 0; k < blocks; ++k) {
        transform_output(picture, section.out_block + b + k, first, last, m + k * count * kChannelBlock, m_step);
      }
      b += blocks;
    }
  }

  void transform_output(const Picture& picture, int64_t out_block, int64_t first, int64_t last, const float* m,
                        int64_t m_step) const {
    const int64_t row = shape_.out_w * kChannelBlock;
    WinogradOutputArgs args;
    args.m_step = m_step;
    args.y_row = row;
    for (int64_t t = first; t < last; ++t) {
      const int64_t oh = t / tiles_w_ * m_, ow = t % tiles_w_ * m_;
      const int64_t offset = out_block * shape_.out_h * row + oh * row + ow * kChannelBlock;
      args.m = m + (t - first) * kChannelBlock;
      args.y = picture.y + offset;
      args.rows = static_cast<int>(std::min<int64_t>(m_, shape_.out_h - oh));
      args.cols = static_cast<int>(std::min<int64_t>(m_, shape_.out_w - ow));
      args.rule = store_rule(picture, out_block, offset);
      output_(args);
    }
  }

  const int m_;
  const int64_t points_;
  void (*const weight_)(const WinogradWeightArgs&);
  void (*const input_)(const WinogradInputArgs&);
  void (*const output_)(const WinogradOutputArgs&);
  const int64_t tiles_w_, tiles_;
  std::vector<Product> products_;
  bool streamed_ = false;
  int64_t in_blocks_ = 0;    // of the widest section
  int pass_blocks_ = 1;      // of the widest pass
  int64_t group_tiles_ = 0;  // tiles whose transformed input is in memory at a time
};

}  // namespace

bool winograd_fits(const ConvShape& s) {
  return s.kh == 3 && s.kw == 3 && s.stride_h == 1 && s.stride_w == 1 && s.dilation_h == 1 && s.dilation_w == 1;
}

std::unique_ptr<ConvKernel> make_conv_winograd(const ConvShape& shape, const ConvOptions& options,
                                               const IsaKernels& isa, int m, const float* weights, const float* bias) {
  return std::make_unique<ConvWinograd>(shape, options, isa, m, weights, bias);
}

}  // namespace mdeploy
