// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "device/cores.h"

#include <gtest/gtest.h>

#include "io/text.h"
#include "testing/temporary.h"

namespace mdeploy::harness {
namespace {

// System files of a phone: the highest frequency and, where it is not 0, the capacity of each core.
void write_phone(const TemporaryDirectory& root, const std::vector<std::pair<int, int>>& khz_and_capacity) {
  const std::string cpu = "sys/devices/system/cpu/";
  root.write(cpu + "present", format("0-%zu\n", khz_and_capacity.size() - 1));
  for (size_t i = 0; i < khz_and_capacity.size(); ++i) {
    const auto [khz, capacity] = khz_and_capacity[i];
    const std::string core = cpu + format("cpu%zu/", i);
    if (khz) root.write(core + "cpufreq/cpuinfo_max_freq", format("%d\n", khz));
    if (khz) root.write(core + "cpufreq/scaling_cur_freq", format("%d\n", khz / 2));
    if (capacity) root.write(core + "cpu_capacity", format("%d\n", capacity));
  }
}

std::string clusters(const std::vector<Core>& cores) {
  std::string text;
  for (const Core& core : cores) text += core.cluster[0];
  return text;
}

std::vector<int> all_ids(const std::vector<Core>& cores) {
  std::vector<int> ids;
  for (const Core& core : cores) ids.push_back(core.id);
  return ids;
}

TEST(Cores, PixelLikeWithCapacities) {
  const TemporaryDirectory root;
  write_phone(root, {{1803000, 160},
                     {1803000, 160},
                     {1803000, 160},
                     {1803000, 160},
                     {2253000, 498},
                     {2253000, 498},
                     {2802000, 1024},
                     {2802000, 1024}});
  const std::vector<Core> cores = read_cores(root.path());
  EXPECT_EQ(clusters(cores), "llllbbbb");
  EXPECT_EQ(cores[6].max_khz, 2802000);
  EXPECT_EQ(read_frequencies(cores, root.path())[0], 901500);
}

TEST(Cores, FrequenciesAloneTellClusters) {
  const TemporaryDirectory root;
  write_phone(root, {{1785600, 0}, {1785600, 0}, {1785600, 0}, {1785600, 0}, {2419200, 0}, {2841600, 0}});
  EXPECT_EQ(clusters(read_cores(root.path())), "llllbb");
}

TEST(Cores, AlikeCoresAreOneCluster) {
  const TemporaryDirectory root;
  write_phone(root, {{4900000, 0}, {5000000, 0}, {4900000, 0}, {4900000, 0}});  // a desktop's favoured core
  EXPECT_EQ(clusters(read_cores(root.path())), "aaaa");
}

TEST(Cores, UnreadableFilesLeaveUnknowns) {
  const TemporaryDirectory root;
  root.write("sys/devices/system/cpu/present", "0-1");
  const std::vector<Core> cores = read_cores(root.path());
  ASSERT_EQ(cores.size(), 2u);
  EXPECT_FALSE(cores[0].max_khz.has_value());
  EXPECT_EQ(clusters(cores), "aa");
  EXPECT_FALSE(read_frequencies(cores, root.path())[1].has_value());
  EXPECT_EQ(read_cores("/no/such/root").size(), 1u);
  EXPECT_FALSE(read_cores().empty());
  EXPECT_FALSE(allowed_cores(read_cores()).empty());
}

class ChooseCores : public testing::Test {
 protected:
  ChooseCores() {
    write_phone(root_, {{1800000, 0}, {1800000, 0}, {1800000, 0}, {1800000, 0}, {2400000, 0}, {2400000, 0}});
    cores_ = read_cores(root_.path());
  }
  CoreChoice choose(std::string_view request, std::vector<int> allowed = {0, 1, 2, 3, 4, 5}) {
    CoreChoice choice;
    status_ = choose_cores(request, cores_, allowed, &choice);
    return choice;
  }
  TemporaryDirectory root_;
  std::vector<Core> cores_;
  Status status_;
};

TEST_F(ChooseCores, Names) {
  EXPECT_EQ(choose("big").cores, (std::vector<int>{4, 5}));
  EXPECT_TRUE(choose("big").pin);
  EXPECT_EQ(choose("little").cores, (std::vector<int>{0, 1, 2, 3}));
  EXPECT_EQ(choose("all").cores, all_ids(cores_));
  EXPECT_FALSE(choose("all").pin);
}

TEST_F(ChooseCores, Masks) {
  EXPECT_EQ(choose("30").cores, (std::vector<int>{4, 5}));
  EXPECT_EQ(choose("0x2A").cores, (std::vector<int>{1, 3, 5}));
  EXPECT_FALSE(choose("3f").pin);
  for (const char* bad : {"", "0x", "0", "xyz", "40", "fff", "medium", "-1", "4-5"}) {
    choose(bad);
    EXPECT_EQ(status_.code, MDEPLOY_USAGE) << bad;
    EXPECT_NE(status_.message.find("--affinity"), std::string::npos) << bad;
  }
}

TEST_F(ChooseCores, WhatTheSystemAllows) {
  const CoreChoice background = choose("big", {0, 1});
  EXPECT_TRUE(status_.ok());
  EXPECT_EQ(background.cores, (std::vector<int>{0, 1}));
  EXPECT_FALSE(background.pin);
  EXPECT_EQ(background.warnings.size(), 1u);
  const CoreChoice half = choose("big", {0, 4});
  EXPECT_EQ(half.cores, std::vector<int>{4});
  EXPECT_TRUE(half.pin);
  EXPECT_EQ(half.warnings.size(), 1u);
}

TEST(CoreLists, ReadAndWritten) {
  std::vector<int> cores;
  EXPECT_TRUE(parse_core_list("0-3,7,9-10\n", &cores));
  EXPECT_EQ(cores, (std::vector<int>{0, 1, 2, 3, 7, 9, 10}));
  EXPECT_EQ(core_list(cores), "0-3,7,9-10");
  for (const char* bad : {"", "a", "3-1", "0-99999", "-1", "1,,2", "1-"})
    EXPECT_FALSE(parse_core_list(bad, &cores)) << bad;
}

}  // namespace
}  // namespace mdeploy::harness
