// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "io/sha256.h"

#include <gtest/gtest.h>

#include "testing/temporary.h"

namespace mdeploy::harness {
namespace {

std::string digest(const Sha256Kernel& kernel, std::string_view text, size_t step) {
  Sha256 hash(kernel);
  for (size_t i = 0; i < text.size(); i += step) hash.update(text.substr(i, step));
  return hash.finish();
}

// FIPS 180-4 examples.
TEST(Sha256, KnownAnswers) {
  for (const Sha256Kernel& kernel : sha256_kernels()) {
    SCOPED_TRACE(kernel.name);
    EXPECT_EQ(digest(kernel, "", 1), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(digest(kernel, "abc", 1), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(digest(kernel, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 7),
              "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    EXPECT_EQ(digest(kernel, std::string(1'000'000, 'a'), 4097),
              "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  }
}

TEST(Sha256, KernelsAgreeOnEveryLengthAroundTheBlock) {
  std::string text;
  for (int i = 0; i < 300; ++i) text += static_cast<char>(i * 37 + 11);
  for (size_t length = 0; length <= text.size(); ++length) {
    const std::string_view part(text.data(), length);
    const std::string expected = digest(sha256_kernels().back(), part, 1);
    for (const Sha256Kernel& kernel : sha256_kernels()) {
      for (const size_t step : {3, 63, 64, 65, 300}) {
        EXPECT_EQ(digest(kernel, part, step), expected) << kernel.name << " length " << length << " step " << step;
      }
    }
  }
}

TEST(Sha256, Files) {
  const TemporaryDirectory place;
  std::string hash;
  uint64_t bytes = 0;
  EXPECT_TRUE(sha256_file(place.write("abc", "abc"), &hash, &bytes).ok());
  EXPECT_EQ(bytes, 3u);
  EXPECT_EQ(hash, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_file(place / "missing", &hash, &bytes).code, MDEPLOY_BAD_INPUT);
  EXPECT_EQ(sha256_file(place.path(), &hash, &bytes).code, MDEPLOY_BAD_INPUT);
}

}  // namespace
}  // namespace mdeploy::harness
