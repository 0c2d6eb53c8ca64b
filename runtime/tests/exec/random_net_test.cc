// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// Random nets of operators that share, split and overwrite memory: with the memory plan and all passes the results are
// those of a run in which every blob is kept apart.
#include <gtest/gtest.h>

#include <algorithm>

#include "testing/loaded_net.h"
#include "testing/net_writer.h"

namespace mdeploy::testing {
namespace {

struct Random {
  uint32_t state;
  uint32_t below(uint32_t n) {
    state = state * 1664525u + 1013904223u;
    return (state >> 10) % n;
  }
};

// Values all hold 64 elements; the kinds of shape are (1, 16, 2, 2), (1, 32, 2, 1) and (64).
std::string random_net(uint32_t seed, size_t steps) {
  Random random{seed};
  std::string ops;
  std::vector<std::string> images = {"x"};
  for (size_t i = 0; i < steps; ++i) {
    const std::string id = std::to_string(i);
    const std::string a = images[random.below(static_cast<uint32_t>(images.size()))];
    const std::string b = images[random.below(static_cast<uint32_t>(images.size()))];
    std::string made = "v" + id;
    switch (random.below(8)) {
      case 0: ops += op("Tanh", {a}, {made}); break;
      case 1: ops += op("Add", {a, b}, {made}); break;
      case 2:
        ops += op("Tanh", {a}, {a});
        made = a;
        break;  // in place: the blob's name goes on to the new value
      case 3:
        ops += op("Split", {a}, {"p" + id, "q" + id}, arg("axis", 1));
        ops += op("Concat", {"q" + id, "p" + id}, {made, "i" + id}, arg("axis", 1));
        break;
      case 4:
        ops += op("Reshape", {a}, {"r" + id, "o" + id}, arg("shape", std::vector<int64_t>{-1}));
        ops += op("Sigmoid", {"r" + id}, {"r" + id});
        ops += op("Reshape", {"r" + id}, {made, "n" + id}, arg("shape", std::vector<int64_t>{1, 16, 2, 2}));
        break;
      case 5:
        ops += op("Slice", {a}, {"s" + id},
                  arg("starts", std::vector<int64_t>{0, 4}) + arg("ends", std::vector<int64_t>{-1, 12}));
        ops += op("Tanh", {"s" + id}, {"s" + id});
        ops += op("Concat", {"s" + id, "s" + id}, {made, "i" + id}, arg("axis", 1));
        break;
      case 6: ops += op("Copy", {a}, {made}); break;
      default: ops += op("Sum", {a, b, a}, {made}); break;
    }
    if (std::find(images.begin(), images.end(), made) == images.end()) images.push_back(made);
    if (images.size() > 6) images.erase(images.begin());
  }
  std::vector<std::string> outputs = {images.back(), images.front()};
  return net(ops, {"x"}, outputs);
}

TEST(MemoryPlan, RandomNetsGiveTheSameWithAndWithoutSharing) {
  const std::vector<Given> inputs = {{"x", {1, 16, 2, 2}}};
  for (uint32_t seed = 1; seed <= 150; ++seed) {
    const std::string predict = random_net(seed, 4 + seed % 30);
    How apart;
    apart.isa = "reference";
    apart.skip = {"all"};
    apart.keep = {"*"};
    LoadedNet expected("", predict, inputs, apart);
    ASSERT_EQ(expected.status(), MDEPLOY_OK) << expected.error();
    const auto truth = expected.run({numbers(64, seed)});
    for (const char* isa : {static_cast<const char*>(nullptr), "reference"}) {
      How how;
      how.isa = isa;
      LoadedNet loaded("", predict, inputs, how);
      ASSERT_EQ(loaded.status(), MDEPLOY_OK) << loaded.error();
      for (int round = 0; round < 2; ++round) {
        EXPECT_EQ(loaded.run({numbers(64, seed)}), truth) << "seed " << seed;
      }
    }
  }
}

TEST(MemoryPlan, AChainNeedsTwoBuffersNotMany) {
  std::string ops;
  for (int i = 0; i < 40; ++i)
    ops += op("Softmax", {i == 0 ? "x" : "v" + std::to_string(i - 1)}, {"v" + std::to_string(i)});
  How how;
  how.max_bytes = 4 * 64 * 1024;  // the input, and two or three of forty blobs of 64 KB
  LoadedNet loaded("", net(ops, {"x"}, {"v39"}), {{"x", {16, 1024}}}, how);
  EXPECT_EQ(loaded.status(), MDEPLOY_OK) << loaded.error();
}

}  // namespace
}  // namespace mdeploy::testing
