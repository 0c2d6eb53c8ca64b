// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <string>

#include "mdeploy/harness.h"
#include "testing/manifest_text.h"
#include "testing/temporary.h"

namespace mdeploy::harness {
namespace {

class ArtifactTest : public testing::Test {
 protected:
  ArtifactTest() {
    error_.struct_size = sizeof error_;
    const std::map<std::string, std::string> files = {
        {"init_net.pb", "the weights"}, {"predict_net.pb", "the net"}, {"model.onnx", "not on a phone"}};
    for (const auto& [name, content] : files) place_.write(name, content);
    std::filesystem::remove(place_ / "model.onnx");
    manifest_ = manifest_text(files);
    path_ = place_ / "manifest.json";
    place_.write("manifest.json", manifest_);
  }

  mdeploy_status verify() { return mdeploy_artifact_verify(path_.c_str(), &error_); }

  TemporaryDirectory place_;
  std::string manifest_, path_;
  mdeploy_error error_{};
};

TEST_F(ArtifactTest, HoldsWithWhatADeviceHas) { EXPECT_EQ(verify(), MDEPLOY_OK) << error_.message; }

TEST_F(ArtifactTest, NamesTheFileThatDiffers) {
  place_.write("predict_net.pb", "the nut");
  EXPECT_EQ(verify(), MDEPLOY_BAD_INPUT);
  EXPECT_NE(std::string(error_.message).find("predict_net.pb: refused: SHA-256"), std::string::npos) << error_.message;
  EXPECT_EQ(error_.code, MDEPLOY_BAD_INPUT);
}

TEST_F(ArtifactTest, ChecksWhateverElseIsThere) {
  place_.write("model.onnx", "not on a phonE");
  EXPECT_EQ(verify(), MDEPLOY_BAD_INPUT);
  EXPECT_NE(std::string(error_.message).find("model.onnx"), std::string::npos) << error_.message;
}

TEST_F(ArtifactTest, ANetMustBeThere) {
  std::filesystem::remove(place_ / "init_net.pb");
  EXPECT_EQ(verify(), MDEPLOY_BAD_INPUT);
  EXPECT_NE(std::string(error_.message).find("init_net.pb"), std::string::npos) << error_.message;
}

TEST_F(ArtifactTest, PicturesForAnInputThatTakesThem) {
  const std::string plain = R"("dtype":"float32"}],"outputs")";
  const std::string image =
      R"("dtype":"float32","layout":"NCHW","color_order":"bgr","mean":[0.5,0.25,0.125],"std":[1,2,4],)"
      R"("crop":[8,9]}],"outputs")";
  mdeploy_preprocess_spec spec{};
  spec.struct_size = sizeof spec;
  EXPECT_EQ(mdeploy_artifact_preprocess(path_.c_str(), 0, &spec, &error_), MDEPLOY_UNSUPPORTED);
  EXPECT_NE(std::string(error_.message).find("input data takes no pictures"), std::string::npos) << error_.message;
  place_.write("manifest.json", manifest_.replace(manifest_.find(plain), plain.size(), image));
  ASSERT_EQ(mdeploy_artifact_preprocess(path_.c_str(), 0, &spec, &error_), MDEPLOY_OK) << error_.message;
  EXPECT_EQ(spec.color_order, MDEPLOY_BGR);
  EXPECT_EQ(spec.std[2], 4);
  EXPECT_EQ(spec.crop_width, 9);
  EXPECT_EQ(mdeploy_artifact_preprocess(path_.c_str(), 1, &spec, &error_), MDEPLOY_USAGE);
}

TEST_F(ArtifactTest, AnOlderStructIsRefused) {
  mdeploy_preprocess_spec spec{};
  spec.struct_size = sizeof spec - 1;
  EXPECT_EQ(mdeploy_artifact_preprocess(path_.c_str(), 0, &spec, nullptr), MDEPLOY_USAGE);
}

}  // namespace
}  // namespace mdeploy::harness
