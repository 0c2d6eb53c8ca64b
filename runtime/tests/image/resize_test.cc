// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// Resizing against answers worked out by hand, and rows in bands against the whole image. (Pillow and torchvision are
// compared with in tests/toolkit/native/test_resize.py.)
#include <gtest/gtest.h>

#include <cstddef>
#include <random>
#include <vector>

#include "mdeploy/mdeploy_runtime.h"

namespace {

struct Image {
  int32_t width, height;
  std::vector<uint8_t> rgba;
};

Image noise(int32_t width, int32_t height) {
  Image image{width, height, std::vector<uint8_t>(static_cast<size_t>(width * height * 4))};
  std::mt19937 engine(static_cast<uint32_t>(width * 1000 + height));
  for (uint8_t& byte : image.rgba) byte = static_cast<uint8_t>(engine());
  return image;
}

// One row, every channel of a pixel the same.
Image row(const std::vector<uint8_t>& values) {
  Image image{static_cast<int32_t>(values.size()), 1, {}};
  for (uint8_t value : values) image.rgba.insert(image.rgba.end(), {value, value, value, 255});
  return image;
}

mdeploy_preprocess_spec spec_for(int32_t height, int32_t width, mdeploy_resize_mode mode) {
  mdeploy_preprocess_spec spec{};
  spec.struct_size = sizeof spec;
  spec.color_order = MDEPLOY_GRAY;
  spec.resize_mode = mode;
  spec.resize_height = height, spec.resize_width = width;
  spec.std[0] = spec.std[1] = spec.std[2] = 1;
  spec.arithmetic = MDEPLOY_PILLOW;
  spec.scale = MDEPLOY_SCALE_0_255;
  return spec;
}

mdeploy_tensor tensor_of(std::vector<float>& data, int64_t channels, int64_t height, int64_t width) {
  data.assign(static_cast<size_t>(channels * height * width), -1.0f);
  mdeploy_tensor tensor{};
  tensor.struct_size = sizeof tensor;
  tensor.data = data.data();
  tensor.bytes = data.size() * sizeof(float);
  tensor.dtype = MDEPLOY_FLOAT32;
  tensor.rank = 4;
  tensor.dims[0] = 1, tensor.dims[1] = channels, tensor.dims[2] = height, tensor.dims[3] = width;
  return tensor;
}

std::vector<float> prepared(const Image& image, const mdeploy_preprocess_spec& spec, int64_t height, int64_t width) {
  std::vector<float> data;
  mdeploy_tensor tensor = tensor_of(data, spec.color_order == MDEPLOY_GRAY ? 1 : 3, height, width);
  mdeploy_error error{};
  error.struct_size = sizeof error;
  EXPECT_EQ(mdeploy_preprocess(image.rgba.data(), image.width, image.height, static_cast<size_t>(image.width) * 4,
                               &spec, &tensor, &error),
            MDEPLOY_OK)
      << error.message;
  return data;
}

struct Reader {
  const Image& image;
  int32_t next = 0, calls = 0;
  int32_t fails_at = 1 << 30;
  std::vector<uint8_t> band = {};

  static const uint8_t* read(void* user, int32_t first, int32_t count) {
    auto* reader = static_cast<Reader*>(user);
    EXPECT_GE(first, reader->next);
    EXPECT_LE(first + count, reader->image.height);
    reader->next = first + count;
    ++reader->calls;
    if (first + count > reader->fails_at) return nullptr;
    const ptrdiff_t stride = static_cast<ptrdiff_t>(reader->image.width) * 4;
    const auto at = [&](int32_t y) { return reader->image.rgba.begin() + y * stride; };
    reader->band.assign(at(first), at(first + count));  // no more than this may be read
    return reader->band.data();
  }
};

TEST(ResizeTest, BoxIsTheMeanOfWholePixels) {
  EXPECT_EQ(prepared(row({0, 10, 20, 31, 255, 255}), spec_for(1, 3, MDEPLOY_BOX), 1, 3),
            (std::vector<float>{5, 26, 255}));  // 25.5 is rounded up
}

TEST(ResizeTest, BilinearIsATriangleOfTheScalesWidth) {
  // Weights 1, 3, 3, 1 of 8 in the middle; at the border those outside fall away: 3, 3, 1 of 7.
  EXPECT_EQ(prepared(row({0, 0, 80, 80, 0, 0}), spec_for(1, 3, MDEPLOY_BILINEAR), 1, 3),
            (std::vector<float>{11, 60, 11}));
}

TEST(ResizeTest, WithoutAntialiasATriangleKeepsItsWidth) {
  mdeploy_preprocess_spec spec = spec_for(1, 2, MDEPLOY_BILINEAR);
  spec.no_antialias = 1;
  EXPECT_EQ(prepared(row({9, 9, 9, 100, 200, 9, 9, 9}), spec, 1, 2), (std::vector<float>{9, 9}));
}

TEST(ResizeTest, CubicsOvershootAndAreClipped) {
  const std::vector<float> grown = prepared(row({0, 0, 255, 255}), spec_for(1, 8, MDEPLOY_BICUBIC), 1, 8);
  EXPECT_EQ(grown.front(), 0);
  EXPECT_EQ(grown.back(), 255);
  EXPECT_EQ(grown[2], 0) << "less than black";
  EXPECT_EQ(grown[5], 255) << "more than white";
}

TEST(ResizeTest, NearestTakesThePixelUnderTheCentre) {
  EXPECT_EQ(prepared(row({1, 2, 3, 4, 5}), spec_for(1, 3, MDEPLOY_NEAREST), 1, 3), (std::vector<float>{1, 3, 5}));
}

TEST(ResizeTest, BandsOfRowsGiveWhatTheWholeImageGives) {
  for (const auto& [width, height] : {std::pair{1, 1}, {3, 700}, {701, 3}, {333, 457}, {1001, 90}}) {
    const Image image = noise(width, height);
    for (int32_t arithmetic : {MDEPLOY_PILLOW, MDEPLOY_TENSOR, MDEPLOY_PILLOW_12}) {
      for (int32_t mode : {MDEPLOY_BILINEAR, MDEPLOY_NEAREST, MDEPLOY_BICUBIC}) {
        for (const auto& [out_h, out_w] : {std::pair{1, 1}, {31, 17}, {64, 129}}) {
          mdeploy_preprocess_spec spec = spec_for(out_h, out_w, static_cast<mdeploy_resize_mode>(mode));
          spec.arithmetic = arithmetic;
          spec.color_order = MDEPLOY_BGR;
          spec.has_background = 1;
          std::vector<float> data;
          mdeploy_tensor tensor = tensor_of(data, 3, out_h, out_w);
          Reader reader{image};
          ASSERT_EQ(mdeploy_preprocess_rows(&Reader::read, &reader, width, height, &spec, &tensor, nullptr),
                    MDEPLOY_OK);
          EXPECT_EQ(data, prepared(image, spec, out_h, out_w)) << width << "x" << height << " mode " << mode;
        }
      }
    }
  }
}

TEST(ResizeTest, AReaderThatStopsEndsTheWork) {
  const Image image = noise(4000, 300);
  const mdeploy_preprocess_spec spec = spec_for(32, 32, MDEPLOY_BILINEAR);
  std::vector<float> data;
  mdeploy_tensor tensor = tensor_of(data, 1, 32, 32);
  Reader reader{image};
  reader.fails_at = 100;
  EXPECT_EQ(mdeploy_preprocess_rows(&Reader::read, &reader, image.width, image.height, &spec, &tensor, nullptr),
            MDEPLOY_BAD_INPUT);
}

TEST(ResizeTest, ACropLargerThanTheImagePadsWithTheFill) {
  mdeploy_preprocess_spec spec = spec_for(0, 0, MDEPLOY_BILINEAR);
  spec.crop_height = 2, spec.crop_width = 5;
  spec.fill[0] = spec.fill[1] = spec.fill[2] = 7;
  EXPECT_EQ(prepared(row({1, 2}), spec, 2, 5), (std::vector<float>{7, 1, 2, 7, 7, 7, 7, 7, 7, 7}));
}

TEST(ResizeTest, AStructOfBeforeMeansWhatItMeant) {
  const Image image = noise(9, 5);
  mdeploy_preprocess_spec spec = spec_for(4, 4, MDEPLOY_BILINEAR);
  spec.arithmetic = spec.scale = 99;  // lies behind what struct_size covers
  spec.struct_size = offsetof(mdeploy_preprocess_spec, arithmetic);
  mdeploy_preprocess_spec unrounded = spec_for(4, 4, MDEPLOY_BILINEAR);
  unrounded.arithmetic = MDEPLOY_UNROUNDED;
  EXPECT_EQ(prepared(image, spec, 4, 4), prepared(image, unrounded, 4, 4));
}

TEST(ResizeTest, RefusesWhatItDoesNotKnow) {
  const Image image = noise(4, 4);
  std::vector<float> data;
  mdeploy_tensor tensor = tensor_of(data, 1, 4, 4);
  const auto status = [&](auto change) {
    mdeploy_preprocess_spec spec = spec_for(4, 4, MDEPLOY_BILINEAR);
    change(spec);
    return mdeploy_preprocess(image.rgba.data(), 4, 4, 16, &spec, &tensor, nullptr);
  };
  EXPECT_EQ(status([](mdeploy_preprocess_spec&) {}), MDEPLOY_OK);
  EXPECT_EQ(status([](mdeploy_preprocess_spec& spec) { spec.arithmetic = 4; }), MDEPLOY_USAGE);
  EXPECT_EQ(status([](mdeploy_preprocess_spec& spec) { spec.resize_mode = 5; }), MDEPLOY_USAGE);
  EXPECT_EQ(status([](mdeploy_preprocess_spec& spec) { spec.scale = -1; }), MDEPLOY_USAGE);
  EXPECT_EQ(status([](mdeploy_preprocess_spec& spec) { spec.letterbox = 2; }), MDEPLOY_USAGE);
  EXPECT_EQ(status([](mdeploy_preprocess_spec& spec) {
              spec.arithmetic = MDEPLOY_TENSOR, spec.resize_mode = MDEPLOY_LANCZOS;
            }),
            MDEPLOY_USAGE);
  EXPECT_EQ(status([](mdeploy_preprocess_spec& spec) { spec.resize_width = 5; }), MDEPLOY_BAD_INPUT);
}

}  // namespace
