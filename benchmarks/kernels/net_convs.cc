// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "net_convs.h"

#include <algorithm>
#include <utility>

namespace mdeploy {
namespace {

class Builder {
 public:
  Builder(int64_t channels, int64_t size) : channels_(channels), size_(size) {}

  // Appends a convolution of the current activation and makes its output the current one.
  void conv(std::string name, int64_t c_out, int64_t k, int64_t stride = 1, int64_t groups = 1) {
    append(std::move(name), c_out, k, stride, groups);
    channels_ = c_out;
    size_ = convs.back().shape.out_h;
  }
  void side_conv(std::string name, int64_t c_out, int64_t k, int64_t stride) {
    append(std::move(name), c_out, k, stride, 1);
  }
  // The two small products of split attention, on one pixel.
  void attention(const std::string& name, int64_t channels) {
    const int64_t size = std::exchange(size_, 1), inner = std::max<int64_t>(channels * 2 / 4, 32);
    channels_ = channels;
    conv(name + ".fc1", inner, 1);
    conv(name + ".fc2", channels * 2, 1);
    channels_ = channels, size_ = size;
  }
  void halve() { size_ = (size_ + 1) / 2; }
  int64_t channels() const { return channels_; }
  int64_t size() const { return size_; }
  void set_size(int64_t size) { size_ = size; }

  std::vector<NetConv> convs;

 private:
  void append(std::string name, int64_t c_out, int64_t k, int64_t stride, int64_t groups) {
    ConvShape s;
    s.c_in = channels_, s.h = s.w = size_, s.c_out = c_out, s.kh = s.kw = k, s.groups = groups;
    s.stride_h = s.stride_w = stride;
    s.pad_t = s.pad_l = s.pad_b = s.pad_r = k / 2;
    s.out_h = s.out_w = (size_ + 2 * (k / 2) - k) / stride + 1;
    convs.push_back({std::move(name), s});
  }

  int64_t channels_, size_;
};

void add_stages(Builder& b, bool bottleneck, bool avd) {
  const int layers[] = {3, 4, 6, 3};
  const int64_t widths[] = {64, 128, 256, 512};
  for (int stage = 0; stage < 4; ++stage) {
    const int64_t width = widths[stage], c_out = bottleneck ? width * 4 : width;
    for (int i = 0; i < layers[stage]; ++i) {
      const std::string name = "stage" + std::to_string(stage + 1) + "." + std::to_string(i) + ".";
      const int64_t stride = i == 0 && stage > 0 ? 2 : 1;
      if (stride != 1 || b.channels() != c_out) {
        const int64_t size = b.size();
        if (avd && stride == 2) b.halve();  // average pooling before the shortcut
        b.side_conv(name + "shortcut", c_out, 1, avd ? 1 : stride);
        b.set_size(size);
      }
      if (bottleneck) {
        b.conv(name + "conv1", width, 1);
        b.conv(name + "radix", width * 2, 3, avd ? 1 : stride, 2);
        b.attention(name + "attention", width);
        if (avd && stride == 2) b.halve();  // average pooling after the split attention
        b.conv(name + "conv3", c_out, 1);
      } else {
        b.conv(name + "conv1", width, 3, stride);
        b.conv(name + "radix", width * 2, 3, 1, 2);
        b.attention(name + "attention", width);
      }
    }
  }
}

// torchvision's ResNets: the stride lies on the 3x3 convolution.
void add_resnet(Builder& b, const std::vector<int>& layers, bool bottleneck) {
  b.conv("stem", 64, 7, 2);
  b.halve();  // max pooling
  for (int stage = 0; stage < 4; ++stage) {
    const int64_t width = int64_t{64} << stage, c_out = bottleneck ? width * 4 : width;
    for (int i = 0; i < layers[static_cast<size_t>(stage)]; ++i) {
      const std::string name = "stage" + std::to_string(stage + 1) + "." + std::to_string(i) + ".";
      const int64_t stride = i == 0 && stage > 0 ? 2 : 1;
      if (stride != 1 || b.channels() != c_out) b.side_conv(name + "shortcut", c_out, 1, stride);
      if (bottleneck) b.conv(name + "conv1", width, 1);
      b.conv(name + (bottleneck ? "conv2" : "conv1"), width, 3, stride);
      b.conv(name + (bottleneck ? "conv3" : "conv2"), c_out, bottleneck ? 1 : 3);
    }
  }
}

void add_mobilenet_v2(Builder& b) {
  struct Stage {
    int64_t expansion, channels;
    int blocks;
    int64_t stride;
  };
  b.conv("stem", 32, 3, 2);
  int block = 0;
  for (const Stage& stage : {Stage{1, 16, 1, 1}, Stage{6, 24, 2, 2}, Stage{6, 32, 3, 2}, Stage{6, 64, 4, 2},
                             Stage{6, 96, 3, 1}, Stage{6, 160, 3, 2}, Stage{6, 320, 1, 1}}) {
    for (int i = 0; i < stage.blocks; ++i) {
      const std::string name = "block" + std::to_string(++block) + ".";
      const int64_t hidden = b.channels() * stage.expansion;
      if (stage.expansion != 1) b.conv(name + "expand", hidden, 1);
      b.conv(name + "depthwise", hidden, 3, i == 0 ? stage.stride : 1, hidden);
      b.conv(name + "project", stage.channels, 1);
    }
  }
  b.conv("last", 1280, 1);
}

}  // namespace

std::vector<NetConv> net_convs(const std::string& net) {
  if (net == "basic" || net == "bottleneck") {
    Builder b(3, 32);
    b.conv("stem", 64, 3);
    add_stages(b, net == "bottleneck", false);
    b.set_size(1);
    b.conv("fc", 10, 1);
    return b.convs;
  }
  if (net == "resnest50") {
    Builder b(3, 224);
    b.conv("stem.0", 32, 3, 2);
    b.conv("stem.1", 32, 3);
    b.conv("stem.2", 64, 3);
    b.halve();  // max pooling
    add_stages(b, true, true);
    b.set_size(1);
    b.conv("fc", 1000, 1);
    return b.convs;
  }
  if (net == "resnet18" || net == "resnet50" || net == "mobilenet_v2") {
    Builder b(3, 224);
    if (net == "mobilenet_v2") {
      add_mobilenet_v2(b);
    } else {
      add_resnet(b, net == "resnet18" ? std::vector<int>{2, 2, 2, 2} : std::vector<int>{3, 4, 6, 3}, net == "resnet50");
    }
    b.set_size(1);
    b.conv("fc", 1000, 1);
    return b.convs;
  }
  return {};
}

}  // namespace mdeploy
