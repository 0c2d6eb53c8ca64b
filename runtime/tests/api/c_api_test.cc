// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <fstream>
#include <thread>

#include "testing/loaded_net.h"
#include "testing/net_writer.h"

namespace mdeploy::testing {
namespace {

const std::string kInit = net(fill("w", {40, 3, 3, 3}, numbers(1080, 1)));
const std::string kPredict =
    net(op("Conv", {"x", "w"}, {"c"}, arg("kernel", 3) + arg("pad", 1)) + op("Relu", {"c"}, {"r"}) +
            op("AveragePool", {"r"}, {"g"}, arg("global_pooling", 1)) + op("Softmax", {"g"}, {"y"}),
        {"x", "w"}, {"y"});
const std::vector<Given> kX = {{"x", {1, 3, 16, 16}}};

TEST(CApi, DescribesTheNet) {
  LoadedNet loaded(kInit, kPredict, kX);
  ASSERT_EQ(loaded.status(), MDEPLOY_OK) << loaded.error();
  EXPECT_EQ(mdeploy_abi_version(), static_cast<uint32_t>(MDEPLOY_ABI_VERSION));
  EXPECT_STREQ(mdeploy_net_name(loaded.net()), "net");
  EXPECT_EQ(mdeploy_net_parameters(loaded.net()), 1080u);
  EXPECT_EQ(mdeploy_net_macs(loaded.net()), 1080u * 256u);
  mdeploy_tensor_spec spec{};
  spec.struct_size = sizeof(spec);
  ASSERT_EQ(mdeploy_net_output(loaded.net(), 0, &spec), MDEPLOY_OK);
  EXPECT_STREQ(spec.name, "y");
  EXPECT_EQ(spec.rank, 4);
  EXPECT_EQ(spec.dims[1], 40);
  EXPECT_EQ(mdeploy_net_output(loaded.net(), 1, &spec), MDEPLOY_USAGE);
}

TEST(CApi, ListsOperatorsAndPasses) {
  for (size_t i = 1; i < mdeploy_operator_count(); ++i) {
    EXPECT_LT(std::string(mdeploy_operator_type(i - 1)), mdeploy_operator_type(i));
  }
  EXPECT_EQ(mdeploy_operator_type(mdeploy_operator_count()), nullptr);
  EXPECT_GT(mdeploy_pass_count(), 0u);
  EXPECT_EQ(mdeploy_pass_name(mdeploy_pass_count()), nullptr);
  // Internal operators are not for files.
  LoadedNet loaded("", net(op("SplitAttention", {"x", "x", "x", "x", "x"}, {"y"}), {"x"}, {"y"}), kX);
  EXPECT_EQ(loaded.status(), MDEPLOY_UNSUPPORTED);
}

TEST(CApi, ChecksTensors) {
  LoadedNet loaded(kInit, kPredict, kX);
  std::vector<float> x = numbers(768, 2), y(40);
  mdeploy_tensor in{}, out{};
  in.struct_size = out.struct_size = sizeof(mdeploy_tensor);
  in.data = x.data();
  in.bytes = x.size() * 4;
  in.dtype = out.dtype = MDEPLOY_FLOAT32;
  in.rank = out.rank = 4;
  const int64_t in_dims[] = {1, 3, 16, 16}, out_dims[] = {1, 40, 1, 1};
  std::copy(in_dims, in_dims + 4, in.dims);
  std::copy(out_dims, out_dims + 4, out.dims);
  out.data = y.data();
  out.bytes = y.size() * 4;
  mdeploy_error error{};
  error.struct_size = sizeof(error);
  const auto run = [&] { return mdeploy_session_run(loaded.session(), &in, 1, &out, 1, &error); };
  ASSERT_EQ(run(), MDEPLOY_OK);
  in.dims[2] = 15;
  EXPECT_EQ(run(), MDEPLOY_USAGE);
  EXPECT_STREQ(error.message, "input \"x\": expected shape (1, 3, 16, 16), found (1, 3, 15, 16)");
  in.dims[2] = 16;
  in.rank = 99;
  EXPECT_EQ(run(), MDEPLOY_USAGE);
  in.rank = 4;
  in.bytes -= 1;
  EXPECT_EQ(run(), MDEPLOY_USAGE);
  in.bytes += 1;
  in.dtype = MDEPLOY_INT32;
  EXPECT_EQ(run(), MDEPLOY_USAGE);
  in.dtype = MDEPLOY_FLOAT32;
  out.data = nullptr;
  EXPECT_EQ(run(), MDEPLOY_USAGE);
  EXPECT_EQ(mdeploy_session_run(loaded.session(), &in, 0, &out, 1, &error), MDEPLOY_USAGE);
  EXPECT_EQ(mdeploy_session_run(nullptr, &in, 1, &out, 1, nullptr), MDEPLOY_USAGE);
}

TEST(CApi, KeptBlobsAreReadInPlainOrder) {
  How plain, fast;
  plain.isa = "reference";
  plain.keep = fast.keep = {"r"};
  std::vector<std::vector<float>> blobs;
  for (const How& how : {plain, fast}) {
    LoadedNet loaded(kInit, kPredict, kX, how);
    loaded.run({numbers(768, 2)});
    mdeploy_tensor tensor{};
    tensor.struct_size = sizeof(tensor);
    ASSERT_EQ(mdeploy_session_blob(loaded.session(), "r", &tensor, nullptr), MDEPLOY_OK);
    EXPECT_EQ(tensor.bytes, 40u * 256u * 4u);
    std::vector<float> values(40 * 256);
    tensor.data = values.data();
    ASSERT_EQ(mdeploy_session_blob(loaded.session(), "r", &tensor, nullptr), MDEPLOY_OK);
    tensor.bytes = 8;
    EXPECT_EQ(mdeploy_session_blob(loaded.session(), "r", &tensor, nullptr), MDEPLOY_USAGE);
    EXPECT_EQ(mdeploy_session_blob(loaded.session(), "c", &tensor, nullptr), MDEPLOY_USAGE);
    blobs.push_back(values);
  }
  for (size_t i = 0; i < blobs[0].size(); ++i) ASSERT_NEAR(blobs[0][i], blobs[1][i], 1e-5f) << i;
}

TEST(CApi, CancelStopsTheNextRunOnly) {
  LoadedNet loaded(kInit, kPredict, kX);
  mdeploy_session_cancel(loaded.session());
  loaded.run({numbers(768, 2)});
  EXPECT_EQ(loaded.status(), MDEPLOY_CANCELLED);
  loaded.run({numbers(768, 2)});
  EXPECT_EQ(loaded.status(), MDEPLOY_OK);
}

TEST(CApi, SessionsShareANetAcrossThreads) {
  LoadedNet loaded(kInit, kPredict, kX);
  const auto expected = loaded.run({numbers(768, 2)});
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      mdeploy_session_options options{};
      options.struct_size = sizeof(options);
      options.threads = t + 1;
      mdeploy_session* session = nullptr;
      if (mdeploy_session_create(loaded.net(), &options, &session, nullptr) != MDEPLOY_OK) ++wrong;
      std::vector<float> x = numbers(768, 2), y(40);
      mdeploy_tensor in{}, out{};
      in.struct_size = out.struct_size = sizeof(mdeploy_tensor);
      in.dtype = out.dtype = MDEPLOY_FLOAT32;
      in.rank = out.rank = 4;
      const int64_t in_dims[] = {1, 3, 16, 16}, out_dims[] = {1, 40, 1, 1};
      std::copy(in_dims, in_dims + 4, in.dims);
      std::copy(out_dims, out_dims + 4, out.dims);
      in.data = x.data(), in.bytes = x.size() * 4, out.data = y.data(), out.bytes = y.size() * 4;
      for (int i = 0; i < 50; ++i) {
        if (mdeploy_session_run(session, &in, 1, &out, 1, nullptr) != MDEPLOY_OK || y != expected[0]) ++wrong;
      }
      mdeploy_session_free(session);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong.load(), 0);
}

TEST(CApi, ProfileCountsRuns) {
  LoadedNet loaded(kInit, kPredict, kX);
  for (int i = 0; i < 3; ++i) loaded.run({numbers(768, 2)});
  mdeploy_op_profile profile{};
  profile.struct_size = sizeof(profile);
  ASSERT_EQ(mdeploy_session_op_profile(loaded.session(), 0, &profile), MDEPLOY_OK);
  EXPECT_EQ(profile.runs, 3u);
  EXPECT_STREQ(profile.type, "Conv");
  EXPECT_EQ(profile.macs, 1080u * 256u);
  mdeploy_session_reset_profile(loaded.session());
  ASSERT_EQ(mdeploy_session_op_profile(loaded.session(), 0, &profile), MDEPLOY_OK);
  EXPECT_EQ(profile.runs, 0u);
}

TEST(CApi, LoadsFilesAndRefusesWhatIsNone) {
  const std::string folder = ::testing::TempDir();
  const std::string init = folder + "c_api_init_net.pb", predict = folder + "c_api_predict_net.pb";
  std::ofstream(init, std::ios::binary) << kInit;
  std::ofstream(predict, std::ios::binary) << kPredict;
  mdeploy_tensor_spec spec{};
  spec.struct_size = sizeof(spec);
  spec.dtype = MDEPLOY_FLOAT32;
  spec.rank = 4;
  spec.dims[0] = 1, spec.dims[1] = 3, spec.dims[2] = spec.dims[3] = 8;
  mdeploy_load_options options{};
  options.struct_size = sizeof(options);
  options.inputs = &spec;
  options.input_count = 1;
  mdeploy_error error{};
  error.struct_size = sizeof(error);
  mdeploy_net* loaded = nullptr;
  ASSERT_EQ(mdeploy_net_load(init.c_str(), predict.c_str(), &options, &loaded, &error), MDEPLOY_OK) << error.message;
  mdeploy_net_free(loaded);
  EXPECT_EQ(mdeploy_net_load((init + ".absent").c_str(), predict.c_str(), &options, &loaded, &error),
            MDEPLOY_BAD_INPUT);
  EXPECT_NE(std::string(error.message).find("cannot open"), std::string::npos);
  EXPECT_EQ(mdeploy_net_load(folder.c_str(), predict.c_str(), &options, &loaded, &error), MDEPLOY_BAD_INPUT);
  EXPECT_NE(std::string(error.message).find("not a regular file"), std::string::npos);
  // What is wrong with a net begins with its file.
  std::ofstream(init, std::ios::binary) << "\xff";
  EXPECT_EQ(mdeploy_net_load(init.c_str(), predict.c_str(), &options, &loaded, &error), MDEPLOY_BAD_INPUT);
  EXPECT_EQ(std::string(error.message).find(init + ": not a readable NetDef"), 0u) << error.message;
  std::ofstream(init, std::ios::binary) << kInit;
  spec.dims[1] = 4;
  EXPECT_EQ(mdeploy_net_load(init.c_str(), predict.c_str(), &options, &loaded, &error), MDEPLOY_BAD_INPUT);
  EXPECT_EQ(std::string(error.message).find(predict + ": operator #0 Conv"), 0u) << error.message;
  EXPECT_EQ(mdeploy_net_load(nullptr, predict.c_str(), &options, &loaded, &error), MDEPLOY_USAGE);
  EXPECT_EQ(mdeploy_net_load(init.c_str(), predict.c_str(), nullptr, &loaded, nullptr), MDEPLOY_USAGE);
  options.struct_size = 4;
  EXPECT_EQ(mdeploy_net_load(init.c_str(), predict.c_str(), &options, &loaded, &error), MDEPLOY_USAGE);
  std::remove(init.c_str());
  std::remove(predict.c_str());
}

}  // namespace
}  // namespace mdeploy::testing
