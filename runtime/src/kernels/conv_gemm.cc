// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "kernels/conv_gemm.h"

#include <algorithm>

#include "kernels/blocked_conv.h"
#include "kernels/pack_input.h"

namespace mdeploy {
namespace {

// The packed input is made once and shared while it fits beside the weights in a core's second-level cache, or where
// the weights come from memory and must be read once; beyond that each range of outputs packs its own.
constexpr int64_t kSharedPackBytes = 640 << 10, kSharedPackBytesStreamed = 2 << 20;
constexpr int64_t kChunkBytes = 256 << 10;

// 1x1 over every pixel: the activation is the matrix.
bool is_direct(const ConvShape& s) {
  return s.kh == 1 && s.kw == 1 && s.stride_h == 1 && s.stride_w == 1 && s.pad_t == 0 && s.pad_l == 0 &&
         s.out_h == s.h && s.out_w == s.w;
}

class ConvGemm final : public BlockedConv {
 public:
  ConvGemm(const ConvShape& shape, const ConvOptions& options, const IsaKernels& isa, const float* weights,
           const float* bias)
      : BlockedConv(shape, Layout::blocked(kChannelBlock), options, isa, is_direct(shape) ? "gemm" : "implicit_gemm",
                    bias),
        direct_(is_direct(shape)),
        pixels_(shape.out_h * shape.out_w) {
    pack_weights(WeightView(shape, weights));
    plan();
  }

  size_t scratch_bytes(int threads) const override {
    if (direct_) return 0;
    if (shared_pack_) return static_cast<size_t>(total_k_blocks_ * pixels_ * kChannelBlock) * sizeof(float);
    return static_cast<size_t>(threads * chunk_floats_) * sizeof(float);
  }

 private:
  // A section with its place in the packed weights and in the shared packed input.
  struct Product {
    Section section;
    int64_t k_blocks = 0;
    int64_t weights = 0;  // in floats
    int64_t packed = 0;   // in floats
    Tiling tiling;
  };

  void pack_weights(const WeightView& view) {
    const int64_t taps = shape_.kh * shape_.kw;
    int64_t floats = 0;
    for (const Section& section : conv_sections(shape_)) {
      Product product;
      product.section = section;
      product.k_blocks = taps * section.in_blocks;
      product.weights = floats;
      product.packed = total_k_blocks_ * pixels_ * kChannelBlock;
      floats += section.out_blocks * product.k_blocks * kChannelBlock * kChannelBlock;
      total_k_blocks_ += product.k_blocks;
      products_.push_back(product);
    }
    allocate_weights(floats);
    for (const Product& product : products_) {
      float* to = weights() + product.weights;
      for (int64_t b = 0; b < product.section.out_blocks; ++b) {
        to = pack_block(view, product, (product.section.out_block + b) * kChannelBlock, to);
      }
    }
  }

  // Weights of 16 output channels from `out` on as (k_blocks * 16, 16), k in the order of pack_input.h. Written front
  // to back as far as one tap goes; the 16 rows that are read go forward side by side.
  float* pack_block(const WeightView& view, const Product& product, int64_t out, float* to) const {
    const int64_t taps = shape_.kh * shape_.kw, inputs = product.section.in_blocks * kChannelBlock;
    for (int64_t i = 0; i < inputs; ++i) {
      const float* rows[kChannelBlock];
      bool dense = true;
      for (int64_t o = 0; o < kChannelBlock; ++o) {
        rows[o] = view.taps(out + o, product.section.in_block * kChannelBlock + i);
        dense = dense && rows[o] != nullptr;
      }
      for (int64_t tap = 0; tap < taps; ++tap) {
        float* row = to + (tap * inputs + i) * kChannelBlock;
        if (dense) {
          for (int64_t o = 0; o < kChannelBlock; ++o) row[o] = rows[o][tap];
        } else {
          for (int64_t o = 0; o < kChannelBlock; ++o) row[o] = rows[o] != nullptr ? rows[o][tap] : 0.0f;
        }
      }
    }
    return to + taps * inputs * kChannelBlock;
  }

  void plan() {
    streamed_ = weights_are_streamed();
    int64_t max_k_blocks = 1;
    for (const Product& product : products_) max_k_blocks = std::max(max_k_blocks, product.k_blocks);
    const int64_t pixel_bytes = max_k_blocks * kChannelBlock * static_cast<int64_t>(sizeof(float));
    chunk_pixels_ = std::clamp<int64_t>(kChunkBytes / pixel_bytes, std::min<int64_t>(16, pixels_), pixels_);
    chunk_pixels_ = ceil_div(pixels_, ceil_div(pixels_, chunk_pixels_));
    const int64_t pack_bytes = total_k_blocks_ * kChannelBlock * pixels_ * static_cast<int64_t>(sizeof(float));
    shared_pack_ = !direct_ && pack_bytes <= (streamed_ ? kSharedPackBytesStreamed : kSharedPackBytes);
    chunk_floats_ = chunk_pixels_ * max_k_blocks * kChannelBlock;
    for (Product& product : products_) {
      product.tiling = choose_tiling(isa_, direct_ || shared_pack_ ? pixels_ : chunk_pixels_,
                                     product.section.out_blocks, product.k_blocks * kChannelBlock, streamed_);
    }
  }

  void run_picture(const Picture& picture, float* scratch, ThreadPool& pool) const override {
    const int threads = is_parallel() ? pool.size() : 1;
    if (shared_pack_) {
      const int64_t grain = ceil_div(total_k_blocks_, threads);
      pool.parallel_for(total_k_blocks_, grain, [&](int64_t begin, int64_t end, int) {
        for (const Product& product : products_) {
          const int64_t first = product.packed / (pixels_ * kChannelBlock);
          const int64_t k_begin = std::max<int64_t>(begin - first, 0);
          const int64_t k_end = std::min(end - first, product.k_blocks);
          if (k_begin >= k_end) continue;
          pack_blocked(shape_, product.section, picture.x, k_begin, k_end, 0, pixels_,
                       scratch + product.packed + k_begin * pixels_ * kChannelBlock, pixels_ * kChannelBlock);
        }
      });
    }
    // Work is cut by outputs only, so every output is summed in the same order whatever the cut. Where weights come
    // from memory, by output channels first, so that each is read by one thread; else by pixels.
    int64_t pixel_chunks = ceil_div(pixels_, chunk_pixels_), out_chunks = 1;
    if (threads > 1) {
      if ((streamed_ && (direct_ || shared_pack_)) || pixels_ < 16 * threads) {
        out_chunks = 4 * threads;
      } else {
        pixel_chunks = ceil_div(pixel_chunks, threads) * threads;
      }
    }
    const int64_t sections = static_cast<int64_t>(products_.size());
    pool.parallel_for(sections * out_chunks * pixel_chunks, 1, [&](int64_t begin, int64_t end, int worker) {
      for (int64_t job = begin; job < end; ++job) {
        const int64_t chunk = job % pixel_chunks, out_chunk = job / pixel_chunks % out_chunks;
        const Product& product = products_[static_cast<size_t>(job / (pixel_chunks * out_chunks))];
        const int64_t passes = ceil_div(product.section.out_blocks, product.tiling.blocks);
        const int64_t out_begin = out_chunk * passes / out_chunks * product.tiling.blocks;
        const int64_t out_end =
            std::min((out_chunk + 1) * passes / out_chunks * product.tiling.blocks, product.section.out_blocks);
        run_chunk(picture, product, chunk * pixels_ / pixel_chunks, (chunk + 1) * pixels_ / pixel_chunks, out_begin,
                  out_end, scratch, worker);
      }
    });
  }

  void run_chunk(const Picture& picture, const Product& product, int64_t begin, int64_t end, int64_t out_begin,
                 int64_t out_end, float* scratch, int worker) const {
    if (begin >= end || out_begin >= out_end) return;
    const Section& section = product.section;
    TileArgs args;
    args.k_blocks = product.k_blocks;
    if ((section.in_block + section.in_blocks) * kChannelBlock > shape_.c_in) {
      args.last_k = static_cast<int>(ceil_div(shape_.c_in % kChannelBlock, 4) * 4);
    }
    args.w_step = product.k_blocks * kChannelBlock * kChannelBlock;
    args.y_step = pixels_ * kChannelBlock;
    if (direct_) {
      args.a = picture.x + (section.in_block * pixels_ + begin) * kChannelBlock;
      args.a_step = pixels_ * kChannelBlock;
    } else if (shared_pack_) {
      args.a = scratch + product.packed + begin * kChannelBlock;
      args.a_step = pixels_ * kChannelBlock;
    } else {
      float* packed = scratch + worker * chunk_floats_;
      args.a = packed;
      args.a_step = (end - begin) * kChannelBlock;
      pack_blocked(shape_, section, picture.x, 0, product.k_blocks, begin, end, packed, args.a_step);
    }
    const float* packed_weights = weights() + product.weights;
    for (int64_t b = out_begin; b < out_end;) {
      const int blocks = pass_blocks(isa_, product.tiling.blocks, out_end - b);
      const int64_t out_block = section.out_block + b;
      const int64_t offset = (out_block * pixels_ + begin) * kChannelBlock;
      args.w = packed_weights + b * args.w_step;
      args.prefetch = prefetch_floats(blocks * args.w_step);
      args.y = picture.y + offset;
      args.rule = store_rule(picture, out_block, offset);
      run_tiles(isa_, args, blocks, end - begin);
      b += blocks;
    }
  }

  const bool direct_;
  const int64_t pixels_;
  std::vector<Product> products_;
  int64_t total_k_blocks_ = 0;
  bool streamed_ = false;
  bool shared_pack_ = false;
  int64_t chunk_pixels_ = 1;
  int64_t chunk_floats_ = 0;
};

}  // namespace

std::unique_ptr<ConvKernel> make_conv_gemm(const ConvShape& shape, const ConvOptions& options, const IsaKernels& isa,
                                           const float* weights, const float* bias) {
  return std::make_unique<ConvGemm>(shape, options, isa, weights, bias);
}

}  // namespace mdeploy
