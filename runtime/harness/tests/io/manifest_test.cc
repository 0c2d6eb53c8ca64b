// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "io/manifest.h"

#include <gtest/gtest.h>

#include "testing/manifest_text.h"
#include "testing/temporary.h"

namespace mdeploy::harness {
namespace {

std::string replaced(std::string text, const std::string& what, const std::string& with) {
  const size_t at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return text.replace(at, what.size(), with);
}

std::string problem_of(const std::string& text) {
  Manifest manifest;
  return parse_manifest(text, "m.json", &manifest).message;
}

TEST(Manifest, Reads) {
  Manifest manifest;
  ASSERT_EQ(parse_manifest(manifest_text({{"init_net.pb", "abc"}}), "m.json", &manifest).message, "");
  EXPECT_EQ(manifest.name, "fake");
  ASSERT_EQ(manifest.inputs.size(), 1u);
  EXPECT_EQ(manifest.inputs[0].name, "data");
  EXPECT_EQ(manifest.inputs[0].dims, (std::vector<int64_t>{1, 4}));
  EXPECT_EQ(manifest.outputs[0].meaning, "logits");
  EXPECT_EQ(manifest.files.at("init_net.pb").bytes, 3u);
  EXPECT_EQ(manifest.golden.at(1).name, "ramp");
}

TEST(Manifest, RefusesAndNamesTheKey) {
  const std::string good = manifest_text({{"init_net.pb", "abc"}});
  const auto after = [&](const std::string& what, const std::string& with) {
    return problem_of(replaced(good, what, with));
  };
  EXPECT_EQ(after("manifest/1", "manifest/9"),
            "m.json: schema mdeploy-manifest/9, this harness reads mdeploy-manifest/1");
  EXPECT_EQ(after("\"name\":\"fake\"", "\"name\":7"), "m.json: name must be a string");
  EXPECT_EQ(after("\"name\":\"fake\"", "\"name\":\"../x\""), "m.json: name must be a plain name");
  EXPECT_EQ(after("\"name\":\"fake\",", ""), "m.json: name is missing");
  EXPECT_EQ(after("[1,4]", "[1,-4]"), "m.json: inputs[0].shape must be positive integers");
  EXPECT_EQ(after("[1,4]", "[1,4.5]"), "m.json: inputs[0].shape must be positive integers");
  EXPECT_EQ(after("[1,4]", "[1,9223372036854775807,9]"), "m.json: inputs[0].shape is too large");
  EXPECT_EQ(after("[1,4]", "[1,1,1,1,1,1,1,1,1]"), "m.json: inputs[0].shape is too large");
  EXPECT_EQ(after("float32", "float64"), "m.json: inputs[0].dtype must be float32, int32, int64 or uint8");
  EXPECT_EQ(after("logits", "loss"), "m.json: outputs[0].meaning must be logits, log_probabilities or probabilities");
  EXPECT_EQ(after("\"bytes\":3", "\"bytes\":-3"), "m.json: files.init_net.pb.bytes must be a size");
  EXPECT_EQ(after("ba7816bf", "BA7816BF"), "m.json: files.init_net.pb.sha256 must be 64 lower-case hexadecimal digits");
  EXPECT_EQ(after("\"case\":\"ramp\"", "\"case\":\"..\""), "m.json: golden[1].case must be a plain name");
  EXPECT_EQ(after("\"case\":\"ramp\"", "\"case\":\"a/b\""), "m.json: golden[1].case must be a plain name");
  EXPECT_EQ(problem_of("[]"), "m.json: the document must be an object");
  EXPECT_NE(problem_of("{"), "");
}

TEST(Manifest, VerifiesFiles) {
  const TemporaryDirectory place;
  Manifest manifest;
  ASSERT_TRUE(parse_manifest(manifest_text({{"init_net.pb", "abc"}}), "m.json", &manifest).ok());
  EXPECT_TRUE(verify_file(place.write("a", "abc"), "init_net.pb", manifest).ok());
  const Status changed = verify_file(place.write("a", "abd"), "init_net.pb", manifest);
  EXPECT_EQ(changed.code, MDEPLOY_BAD_INPUT);
  EXPECT_NE(changed.message.find("SHA-256"), std::string::npos);
  EXPECT_NE(verify_file(place.write("a", "abcd"), "init_net.pb", manifest).message.find("4 bytes"), std::string::npos);
  EXPECT_NE(verify_file(place / "a", "other.pb", manifest).message.find("no entry other.pb"), std::string::npos);
  EXPECT_EQ(verify_file(place / "missing", "init_net.pb", manifest).code, MDEPLOY_BAD_INPUT);
}

}  // namespace
}  // namespace mdeploy::harness
