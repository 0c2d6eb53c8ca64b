// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// What the convolution kernels on blocked activations share: groups seen as independent dense products, packed
// weights, and how outputs are cut into register tiles.
#ifndef MDEPLOY_KERNELS_BLOCKED_CONV_H_
#define MDEPLOY_KERNELS_BLOCKED_CONV_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/tensor.h"
#include "kernels/conv.h"
#include "kernels/isa_kernels.h"

namespace mdeploy {

constexpr int64_t block_count(int64_t channels) { return (channels + kChannelBlock - 1) / kChannelBlock; }
constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// A dense product from a range of input blocks to a range of output blocks. A group whose channels lie on blocks is
// one section; of smaller groups one section covers those that meet in a block, with zero weights between groups.
struct Section {
  int64_t in_block = 0, in_blocks = 0;
  int64_t out_block = 0, out_blocks = 0;
};
std::vector<Section> conv_sections(const ConvShape& shape);

// The weight of (output channel, input channel, tap) as the section sees it: zero across groups and beyond the ends.
class WeightView {
 public:
  WeightView(const ConvShape& shape, const float* weights)
      : weights_(weights),
        taps_(shape.kh * shape.kw),
        c_in_(shape.c_in),
        c_out_(shape.c_out),
        group_in_(shape.c_in / shape.groups),
        group_out_(shape.c_out / shape.groups) {}

  // The taps of one pair of channels, or null where there is no weight between them.
  const float* taps(int64_t out, int64_t in) const {
    if (out >= c_out_ || in >= c_in_ || out / group_out_ != in / group_in_) return nullptr;
    return weights_ + (out * group_in_ + in % group_in_) * taps_;
  }

 private:
  const float* weights_;
  int64_t taps_, c_in_, c_out_, group_in_, group_out_;
};

// The bias padded to whole blocks, zeros where there is none.
std::vector<float> padded_bias(const ConvShape& shape, const float* bias);

// One picture of a batch, and what the epilogue adds to it (null for nothing).
struct Picture {
  const float* x = nullptr;
  float* y = nullptr;
  const float* residual = nullptr;
};

// Whether the epilogue makes something else of the zero lanes beyond c_out, and the repair.
bool epilogue_disturbs_padding(const ConvShape& shape, const ConvEpilogue& epilogue);
void clear_padding_lanes(const ConvShape& shape, float* y);

// Calls run(picture) for each picture of the batch, from the input's layout to blocks; the lanes beyond c_out are zero
// afterwards.
template <typename F>
void for_each_picture(const ConvShape& s, Layout input, const ConvEpilogue& epilogue, const ConvArguments& args,
                      F&& run) {
  const int64_t x_step = args.x_stride != 0 ? args.x_stride : input.picture_size(s.c_in, s.h, s.w);
  const int64_t dense = Layout::blocked(kChannelBlock).picture_size(s.c_out, s.out_h, s.out_w);
  const int64_t y_step = args.y_stride != 0 ? args.y_stride : dense;
  const int64_t residual_step = args.residual_stride != 0 ? args.residual_stride : dense;
  for (int64_t n = 0; n < s.n; ++n) {
    const Picture picture = {args.x + n * x_step, args.y + n * y_step,
                             epilogue.residual ? args.residual + n * residual_step : nullptr};
    run(picture);
    if (epilogue_disturbs_padding(s, epilogue)) clear_padding_lanes(s, picture.y);
  }
}

// How `pixels` outputs are cut into register tiles: `blocks` output blocks at a time (fewer at the end of a section),
// each pass in `tiles` parts as equal as can be.
struct Tiling {
  int blocks = 1;
  int64_t tiles = 1;
};
// `k` products an output; `streamed` where weights come from memory rather than from a cache, so that going over
// them once is worth more than a full register tile.
Tiling choose_tiling(const IsaKernels& isa, int64_t pixels, int64_t out_blocks, int64_t k, bool streamed);

// The widest pass over at most `remaining` blocks, no wider than `preferred`.
int pass_blocks(const IsaKernels& isa, int preferred, int64_t remaining);

// Calls run(first, count) for `pixels` outputs in tiles as few and as equal as can be.
template <typename F>
void for_each_tile(const IsaKernels& isa, int blocks, int64_t pixels, F&& run) {
  const int64_t tiles = ceil_div(pixels, isa.max_pixels[blocks]);
  const int64_t least = pixels / tiles, longer = pixels % tiles;
  for (int64_t t = 0, first = 0; t < tiles; ++t) {
    const int64_t count = least + (t < longer ? 1 : 0);
    run(first, count);
    first += count;
  }
}

// Runs the tiles of `pixels` outputs for the blocks [0, blocks) of one pass; a.y_step etc. as in TileArgs.
void run_tiles(const IsaKernels& isa, TileArgs args, int blocks, int64_t pixels);

// Weights larger than this in one convolution come from memory while it runs.
constexpr int64_t kStreamedWeightBytes = 1 << 20;
// How far ahead of use weights are fetched, in floats. A net's weights push each other out of the cache from run to
// run, however small those of one layer are. `pass_floats` are those of one pass over the outputs: the next pass's are
// fetched where both have room beside the input; else 8 KB ahead, the time of one access to memory.
constexpr int64_t prefetch_floats(int64_t pass_floats) { return pass_floats <= 8192 ? pass_floats : 2048; }

// Below this many multiply-adds waking another thread costs more than it saves.
constexpr int64_t kParallelMacs = 200000;

// What every kernel into a blocked activation holds, and its run over the pictures of a batch.
class BlockedConv : public ConvKernel {
 public:
  void run(const ConvArguments& args, ThreadPool& pool) const final {
    for_each_picture(shape_, input_, epilogue_, args,
                     [&](const Picture& picture) { run_picture(picture, static_cast<float*>(args.scratch), pool); });
  }
  size_t packed_bytes() const final { return weights_.bytes() + bias_.size() * sizeof(float); }
  const char* name() const final { return name_.c_str(); }

 protected:
  // The kernel is called `algorithm` and the instruction set, as in profiles.
  BlockedConv(const ConvShape& shape, Layout input, const ConvOptions& options, const IsaKernels& isa,
              const std::string& algorithm, const float* bias)
      : shape_(shape),
        epilogue_(options.epilogue),
        isa_(isa),
        bias_(padded_bias(shape, bias)),
        input_(input),
        name_(algorithm + "_" + isa.name) {}

  virtual void run_picture(const Picture& picture, float* scratch, ThreadPool& pool) const = 0;

  void allocate_weights(int64_t floats) { weights_ = Buffer(static_cast<size_t>(floats) * sizeof(float)); }
  float* weights() { return static_cast<float*>(weights_.data()); }
  const float* weights() const { return static_cast<const float*>(weights_.data()); }
  bool weights_are_streamed() const { return static_cast<int64_t>(weights_.bytes()) > kStreamedWeightBytes; }

  bool is_parallel() const { return shape_.macs() / shape_.n >= kParallelMacs; }
  // What stands between the register and the output `offset` floats into the picture: bias and epilogue of the channels
  // from `out_block` on.
  StoreRule store_rule(const Picture& picture, int64_t out_block, int64_t offset) const {
    return {bias_.data() + out_block * kChannelBlock, picture.residual != nullptr ? picture.residual + offset : nullptr,
            epilogue_.lo, epilogue_.hi};
  }

  const ConvShape shape_;
  const ConvEpilogue epilogue_;
  const IsaKernels& isa_;
  const std::vector<float> bias_;

 private:
  const Layout input_;
  const std::string name_;
  Buffer weights_;
};

}  // namespace mdeploy

#endif  // MDEPLOY_KERNELS_BLOCKED_CONV_H_
