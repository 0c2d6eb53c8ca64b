// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "io/picture.h"

#include <gtest/gtest.h>

namespace mdeploy::harness {
namespace {

const std::string kHeader = "P7\n# from an app\nWIDTH 2\nHEIGHT 1\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n";
const std::string kPixels = "\x01\x02\x03\xff\n\x05\x06\x07";

JsonValue json(const std::string& text) {
  JsonValue value;
  EXPECT_EQ(parse_json(text, "test", &value).message, "");
  return value;
}

TEST(PictureTest, ReadsPam) {
  Picture picture;
  ASSERT_EQ(parse_pam(kHeader + kPixels, "f.pam", &picture).message, "");
  EXPECT_EQ(picture.width, 2);
  EXPECT_EQ(picture.height, 1);
  EXPECT_EQ(picture.rgba, kPixels);
}

TEST(PictureTest, RefusesEveryTruncation) {
  const std::string whole = kHeader + kPixels;
  for (size_t size = 0; size < whole.size(); ++size) {
    Picture picture;
    const Status status = parse_pam(whole.substr(0, size), "f.pam", &picture);
    EXPECT_EQ(status.code, MDEPLOY_BAD_INPUT) << size;
    EXPECT_EQ(status.message.rfind("f.pam: ", 0), 0u);
  }
}

TEST(PictureTest, RefusesOtherForms) {
  Picture picture;
  const auto code = [&picture](const std::string& file) { return parse_pam(file, "f", &picture).code; };
  EXPECT_EQ(code("P6\n2 1\n255\n" + kPixels), MDEPLOY_BAD_INPUT);
  EXPECT_EQ(code(kHeader + kPixels + "x"), MDEPLOY_BAD_INPUT);
  const auto changed = [](const std::string& from, const std::string& to) {
    std::string header = kHeader;
    return header.replace(header.find(from), from.size(), to) + kPixels;
  };
  EXPECT_EQ(code(changed("DEPTH 4", "DEPTH 3")), MDEPLOY_BAD_INPUT);
  EXPECT_EQ(code(changed("MAXVAL 255", "MAXVAL 65535")), MDEPLOY_BAD_INPUT);
  EXPECT_EQ(code(changed("WIDTH 2", "WIDTH x")), MDEPLOY_BAD_INPUT);
  EXPECT_EQ(code(changed("WIDTH 2", "WIDTH -2")), MDEPLOY_BAD_INPUT);
  EXPECT_EQ(code(changed("WIDTH 2", "WIDTH 4611686018427387904")), MDEPLOY_BAD_INPUT);
  EXPECT_EQ(code(changed("ENDHDR\n", std::string(500, '\n'))), MDEPLOY_BAD_INPUT);
}

TEST(PictureTest, ReadsTheManifestsSpec) {
  mdeploy_preprocess_spec spec{};
  ASSERT_TRUE(read_picture_spec(json(R"({"layout":"NHWC","color_order":"bgr","mean":[0.5,0.25,0.125],"std":[1,2,4],
      "resize":{"mode":"nearest","short_side":256,"size":null},"crop":[224,200]})"),
                                &spec));
  EXPECT_EQ(spec.struct_size, sizeof spec);
  EXPECT_EQ(spec.nhwc, 1);
  EXPECT_EQ(spec.color_order, MDEPLOY_BGR);
  EXPECT_EQ(spec.resize_mode, MDEPLOY_NEAREST);
  EXPECT_EQ(spec.resize_short_side, 256);
  EXPECT_EQ(spec.resize_height, 0);
  EXPECT_EQ(spec.crop_height, 224);
  EXPECT_EQ(spec.crop_width, 200);
  EXPECT_EQ(spec.mean[2], 0.125f);
  EXPECT_EQ(spec.std[1], 2.0f);
}

TEST(PictureTest, ReadsPreprocessing) {
  mdeploy_preprocess_spec spec{};
  ASSERT_TRUE(read_picture_spec(json(R"({"layout":"NCHW","resize":null,"crop":null,"preprocessing":{
      "arithmetic":"pillow-12","interpolation":"lanczos","antialias":false,"short_side":null,"size":null,
      "letterbox":[64,96],
      "crop":[32,48],
      "crop_rounding":"down","fill":[114,115,116],"background":[1,2,3],"scale":"-1-1","orientation":"exif"}})"),
                                &spec));
  EXPECT_EQ(spec.arithmetic, MDEPLOY_PILLOW_12);
  EXPECT_EQ(spec.resize_mode, MDEPLOY_LANCZOS);
  EXPECT_EQ(spec.no_antialias, 1);
  EXPECT_EQ(spec.letterbox, 1);
  EXPECT_EQ(spec.resize_width, 96);
  EXPECT_EQ(spec.crop_width, 48);
  EXPECT_EQ(spec.crop_round_down, 1);
  EXPECT_EQ(spec.fill[2], 116);
  EXPECT_EQ(spec.has_background, 1);
  EXPECT_EQ(spec.background[0], 1);
  EXPECT_EQ(spec.scale, MDEPLOY_SCALE_MINUS1_1);
}

TEST(PictureTest, WhatPreprocessingLeavesOutHasItsDefault) {
  mdeploy_preprocess_spec spec{};
  ASSERT_TRUE(read_picture_spec(json(R"({"layout":"NCHW","preprocessing":{"arithmetic":"tensor"}})"), &spec));
  EXPECT_EQ(spec.arithmetic, MDEPLOY_TENSOR);
  EXPECT_EQ(spec.resize_mode, MDEPLOY_BILINEAR);
  EXPECT_EQ(spec.no_antialias, 0);
  EXPECT_EQ(spec.has_background, 0);
}

TEST(PictureTest, NullMeansNothingToDo) {
  mdeploy_preprocess_spec spec{};
  ASSERT_TRUE(read_picture_spec(json(R"({"layout":"NCHW","color_order":null,"mean":null,"std":null,"resize":
      {"mode":"bilinear","short_side":null,"size":[32,48]},"crop":null})"),
                                &spec));
  EXPECT_EQ(spec.nhwc, 0);
  EXPECT_EQ(spec.color_order, MDEPLOY_RGB);
  EXPECT_EQ(spec.mean[0], 0.0f);
  EXPECT_EQ(spec.std[0], 1.0f);
  EXPECT_EQ(spec.resize_height, 32);
  EXPECT_EQ(spec.resize_width, 48);
  EXPECT_EQ(spec.crop_height, 0);
}

TEST(PictureTest, RefusesMalformedSpecs) {
  for (const char* text : {
           R"({"layout":null})",
           R"({"layout":"CHW"})",
           R"({"layout":"NCHW","color_order":"cmyk"})",
           R"({"layout":"NCHW","mean":[1,2,3,4,5]})",
           R"({"layout":"NCHW","std":["a"]})",
           R"({"layout":"NCHW","resize":{"mode":"cubic","short_side":1,"size":null}})",
           R"({"layout":"NCHW","resize":{"mode":"nearest","short_side":1,"size":[1,1]}})",
           R"({"layout":"NCHW","resize":{"mode":"nearest","short_side":null,"size":null}})",
           R"({"layout":"NCHW","resize":{"mode":"nearest","short_side":0,"size":null}})",
           R"({"layout":"NCHW","crop":[1]})",
           R"({"layout":"NCHW","preprocessing":{}})",
           R"({"layout":"NCHW","preprocessing":{"arithmetic":"other"}})",
           R"({"layout":"NCHW","preprocessing":{"arithmetic":"pillow","antialias":1}})",
           R"({"layout":"NCHW","preprocessing":{"arithmetic":"pillow","fill":[1,2,256]}})",
           R"({"layout":"NCHW","preprocessing":{"arithmetic":"pillow","short_side":4,"size":[1,1]}})",
           R"({"layout":"NCHW","crop":[1,1],"preprocessing":{"arithmetic":"pillow"}})",
           R"({"layout":"NCHW","crop":[1,99999999]})",
       }) {
    mdeploy_preprocess_spec spec{};
    EXPECT_FALSE(read_picture_spec(json(text), &spec)) << text;
  }
}

}  // namespace
}  // namespace mdeploy::harness
