// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// Whole runs through the C API on the scripted runtime.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <thread>

#include "io/files.h"
#include "io/json_reader.h"
#include "mdeploy/harness.h"
#include "testing/fake_runtime.h"
#include "testing/manifest_text.h"
#include "testing/temporary.h"

namespace mdeploy::harness {
namespace {

class RunTest : public testing::Test {
 protected:
  RunTest() {
    fake_runtime() = FakeRuntime();
    put("init_net.pb", "the weights");
    put("predict_net.pb", "the net");
    put_golden("zeros", {0, 0, 0, 0});
    put_golden("ramp", {0.5, -1, 2, -4});
    seal();
    set("--runs", "4");
    set("--warmup", "0");
    set("--init", place_ / "init_net.pb");
    set("--predict", place_ / "predict_net.pb");
    set("--manifest", place_ / "manifest.json");
    set("--golden", place_ / "golden");
    host_.struct_size = sizeof host_;
  }

  ~RunTest() override {
    mdeploy_harness_free(handle_);
    EXPECT_EQ(fake_runtime().live_handles, 0);
  }

  void put(const std::string& name, const std::string& content) { place_.write(name, files_[name] = content); }
  void put_golden(const std::string& name, const std::vector<float>& values) {
    std::vector<float> answers;
    for (const float value : values) answers.push_back(2 * value);
    put("golden/" + name + "/input_0.npy", npy_text(float_array({1, 4}, values)));
    put("golden/" + name + "/output_0.npy", npy_text(float_array({1, 4}, answers)));
  }
  void seal() { place_.write("manifest.json", manifest_text(files_)); }
  void set(const std::string& flag, const std::string& value) { flags_[flag] = value; }
  mdeploy_status run_flags() {
    std::vector<std::string> words;
    for (const auto& [flag, value] : flags_) {
      words.push_back(flag);
      if (value) words.push_back(*value);
    }
    words.insert(words.end(), others_.begin(), others_.end());
    std::vector<const char*> pointers;
    for (const std::string& word : words) pointers.push_back(word.c_str());
    return mdeploy_harness_run(handle_, pointers.size(), pointers.data(), &host_);
  }

  mdeploy_status run() {
    mdeploy_harness_free(handle_);
    handle_ = mdeploy_harness_create();
    if (on_start_) on_start_();
    const mdeploy_status status = run_flags();
    report_ = JsonValue();
    EXPECT_EQ(parse_json(mdeploy_harness_report(handle_), "report", &report_).message, "");
    EXPECT_EQ(report_.find("status")->string, mdeploy_status_name(status));
    return status;
  }
  std::string error() const { return mdeploy_harness_error(handle_); }

  TemporaryDirectory place_;
  std::map<std::string, std::string> files_;
  std::map<std::string, std::optional<std::string>> flags_;
  std::vector<std::string> others_;  // words after the flags
  mdeploy_harness_host host_{};
  mdeploy_harness* handle_ = nullptr;
  std::function<void()> on_start_;
  JsonValue report_;
};

TEST_F(RunTest, Works) {
  set("--report", place_ / "report.json");
  flags_["--profile"] = std::nullopt;
  ASSERT_EQ(run(), MDEPLOY_OK) << error();
  EXPECT_EQ(error(), "");
  EXPECT_EQ(fake_runtime().input_names, "data");
  EXPECT_EQ(fake_runtime().runs, 2 + 4);
  EXPECT_EQ(fake_runtime().profile_resets, 1);
  EXPECT_EQ(report_.find("latency_ms")->find("n")->integer, 4);
  EXPECT_EQ(report_.find("parity")->items.size(), 2u);
  EXPECT_EQ(report_.find("model")->find("name")->string, "fake");
  EXPECT_EQ(report_.find("model")->find("macs")->integer, 34);
  EXPECT_EQ(report_.find("ops")->items[0].find("ms")->number, 3);
  EXPECT_GT(report_.find("verify_ms")->number, 0);
  EXPECT_EQ(report_.find("files")->find("predict_net.pb")->find("bytes")->integer, 7);
  EXPECT_EQ(report_.find("files")->find("predict_net.pb")->find("sha256")->string.size(), 64u);
  std::string written;
  ASSERT_TRUE(read_file(place_ / "report.json", 1 << 20, &written).ok());
  EXPECT_EQ(written, std::string(mdeploy_harness_report(handle_)) + "\n");
  EXPECT_NE(std::string(mdeploy_harness_summary(handle_)).find("latency  p50"), std::string::npos);
}

TEST_F(RunTest, ParityFailureEndsBeforeTiming) {
  fake_runtime().error = 0.01f;
  EXPECT_EQ(run(), MDEPLOY_CHECK_FAILED);
  EXPECT_EQ(report_.find("parity")->items.size(), 2u);
  EXPECT_FALSE(report_.find("parity")->items[1].find("passed")->boolean);
  EXPECT_NEAR(report_.find("parity")->items[1].find("max_abs")->number, 0.01, 1e-6);
  EXPECT_TRUE(report_.find("latency_ms")->is(JsonValue::Kind::kNull));
  set("--tol", "0.02");
  EXPECT_EQ(run(), MDEPLOY_OK) << error();
}

TEST_F(RunTest, NanIsNotParity) {
  fake_runtime().error = NAN;
  set("--tol", "1e9");
  EXPECT_EQ(run(), MDEPLOY_CHECK_FAILED);
  EXPECT_TRUE(report_.find("parity")->items[0].find("required_tolerance")->is(JsonValue::Kind::kNull));
}

TEST_F(RunTest, ChangedNetsAreRefusedBeforeLoading) {
  for (const char* name : {"init_net.pb", "predict_net.pb"}) {
    const std::string before = files_[name];
    std::string changed = before;
    changed[3] ^= 1;
    place_.write(name, changed);
    EXPECT_EQ(run(), MDEPLOY_BAD_INPUT);
    EXPECT_NE(error().find(std::string(name) + ": refused: SHA-256"), std::string::npos) << error();
    EXPECT_EQ(fake_runtime().input_names, "") << "nothing was loaded";
    place_.write(name, before);
  }
}

TEST_F(RunTest, OtherFilesBesideTheManifestAreCheckedToo) {
  put("model.onnx", "the graph");
  seal();
  EXPECT_EQ(run(), MDEPLOY_OK) << error();
  place_.write("model.onnx", "the Graph");
  EXPECT_EQ(run(), MDEPLOY_BAD_INPUT);
  std::filesystem::remove(place_ / "model.onnx");
  EXPECT_EQ(run(), MDEPLOY_OK) << "a package may leave it out";
}

TEST_F(RunTest, ChangedGoldenValueFailsParityAndSubtleChangesAreRefused) {
  place_.write("golden/ramp/output_0.npy", npy_text(float_array({1, 4}, {1, -2, 4, -8.5})));
  EXPECT_EQ(run(), MDEPLOY_CHECK_FAILED);
  EXPECT_NE(error().find("SHA-256"), std::string::npos) << "the message also says that the file was changed";
  place_.write("golden/ramp/output_0.npy", npy_text(float_array({1, 4}, {1, -2, 4, -8.000001f})));
  EXPECT_EQ(run(), MDEPLOY_BAD_INPUT);
  EXPECT_NE(error().find("refused"), std::string::npos);
}

TEST_F(RunTest, BrokenGoldenFiles) {
  const std::string whole = files_["golden/ramp/input_0.npy"];
  place_.write("golden/ramp/input_0.npy", whole.substr(0, whole.size() - 3));
  EXPECT_EQ(run(), MDEPLOY_BAD_INPUT);
  put("golden/ramp/input_0.npy", npy_text(float_array({4}, {1, 2, 3, 4})));
  seal();
  EXPECT_EQ(run(), MDEPLOY_BAD_INPUT);
  EXPECT_NE(error().find("input 0 is float32 [4] where the net's data is float32 [1, 4]"), std::string::npos)
      << error();
  std::filesystem::remove(place_ / "golden/ramp/input_0.npy");
  EXPECT_EQ(run(), MDEPLOY_BAD_INPUT);
  set("--golden", place_ / "nowhere");
  EXPECT_EQ(run(), MDEPLOY_BAD_INPUT);
}

TEST_F(RunTest, GoldenOutputOfAnotherShapeFailsParity) {
  put("golden/ramp/output_0.npy", npy_text(float_array({4}, {1, -2, 4, -8})));
  seal();
  EXPECT_EQ(run(), MDEPLOY_CHECK_FAILED);
  EXPECT_TRUE(report_.find("parity")->items[1].find("max_abs")->is(JsonValue::Kind::kNull));
}

TEST_F(RunTest, ManifestThatContradictsTheNet) {
  std::string text = manifest_text(files_);
  text.replace(text.find("\"out\""), 5, "\"top\"");
  place_.write("manifest.json", text);
  EXPECT_EQ(run(), MDEPLOY_BAD_INPUT);
  EXPECT_NE(error().find("outputs are top float32 [1, 4] where the net's are out float32 [1, 4]"), std::string::npos);
}

TEST_F(RunTest, WithoutManifestShapesComeFromFilesByPosition) {
  flags_.erase("--manifest");
  ASSERT_EQ(run(), MDEPLOY_OK) << error();
  EXPECT_EQ(fake_runtime().input_names, "-");
  EXPECT_EQ(report_.find("parity")->items[0].find("case")->string, "ramp") << "alphabetical";
  EXPECT_TRUE(report_.find("verify_ms")->is(JsonValue::Kind::kNull));
  EXPECT_TRUE(report_.find("files")->find("init_net.pb")->find("sha256")->is(JsonValue::Kind::kNull));
}

TEST_F(RunTest, AnswersInputs) {
  flags_.erase("--golden");
  set("--input", place_.write("x.npy", npy_text(float_array({1, 4}, {1, 2, 3, 4}))));
  set("--output", place_ / "deep/out");
  ASSERT_EQ(run(), MDEPLOY_OK) << error();
  Array out;
  ASSERT_TRUE(read_npy(place_ / "deep/out/output_0.npy", &out).ok());
  EXPECT_EQ(out.at(3), 8);
  place_.write("x.npy", npy_text(float_array({2, 4}, {1, 2, 3, 4, 5, 6, 7, 8})));
  EXPECT_EQ(run(), MDEPLOY_BAD_INPUT);
  EXPECT_NE(error().find("--input"), std::string::npos);
}

TEST_F(RunTest, PictureIsPreparedAndAnswered) {
  const std::string picture = std::string("P7\nWIDTH 4\nHEIGHT 1\nDEPTH 4\nMAXVAL 255\nENDHDR\n") + "\x01zzz" +
                              "\x02zzz" + "\x03zzz" + "\x07zzz";
  set("--picture", place_.write("picture.pam", picture));
  set("--output", place_ / "out");
  EXPECT_EQ(run(), MDEPLOY_BAD_INPUT);
  EXPECT_NE(error().find("--picture does not fit"), std::string::npos) << error();

  std::string manifest = manifest_text(files_);
  const std::string plain = R"("dtype":"float32"}])";
  manifest.replace(manifest.find(plain), plain.size(), R"("dtype":"float32","layout":"NHWC","crop":[1,4]}])");
  place_.write("manifest.json", manifest);
  ASSERT_EQ(run(), MDEPLOY_OK) << error();
  Array out;
  ASSERT_TRUE(read_npy(place_ / "out/output_0.npy", &out).ok());
  EXPECT_EQ(out.at(0), 2);
  EXPECT_EQ(out.at(3), 14);

  place_.write("picture.pam", picture.substr(0, picture.size() - 1));
  EXPECT_EQ(run(), MDEPLOY_BAD_INPUT);
  EXPECT_NE(error().find("cut short"), std::string::npos) << error();
  flags_.erase("--manifest");
  EXPECT_EQ(run(), MDEPLOY_USAGE);
}

TEST_F(RunTest, RuntimeErrorsKeepTheirCode) {
  fake_runtime().load_status = MDEPLOY_UNSUPPORTED;
  fake_runtime().load_message = "operator Foo of blob x";
  EXPECT_EQ(run(), MDEPLOY_UNSUPPORTED);
  EXPECT_EQ(error(), "operator Foo of blob x");
  fake_runtime() = FakeRuntime();
  fake_runtime().fail_run_at = 4;
  EXPECT_EQ(run(), MDEPLOY_UNAVAILABLE);
  EXPECT_EQ(report_.find("latency_ms")->find("n")->integer, 2) << "what was measured until then";
}

TEST_F(RunTest, MissingFilesAndUnwritableReports) {
  set("--report", place_ / "no/such/directory/report.json");
  EXPECT_EQ(run(), MDEPLOY_BAD_INPUT);
  EXPECT_EQ(fake_runtime().runs, 0) << "found out before the run";
  set("--report", place_.path());
  EXPECT_EQ(run(), MDEPLOY_BAD_INPUT);
  set("--report", place_ / "report.json");
  set("--init", place_ / "missing.pb");
  EXPECT_EQ(run(), MDEPLOY_BAD_INPUT);
  std::string written;
  ASSERT_TRUE(read_file(place_ / "report.json", 1 << 20, &written).ok()) << "errors are reported too";
  EXPECT_NE(written.find("\"status\":\"bad_input\""), std::string::npos);
  const std::vector<std::string> names = list_directory(place_.path()).value();
  for (const std::string& name : names) {
    EXPECT_EQ(name.find("partial"), std::string::npos) << name;
  }
}

TEST_F(RunTest, BadOptions) {
  set("--runs", "-5");
  EXPECT_EQ(run(), MDEPLOY_USAGE);
  set("--runs", "1");
  set("--affinity", "fastest");
  EXPECT_EQ(run(), MDEPLOY_USAGE);
  EXPECT_EQ(run_flags(), MDEPLOY_USAGE) << "one run a handle";
  const char* hole[] = {"--profile", nullptr};
  EXPECT_EQ(mdeploy_harness_run(nullptr, 1, hole, &host_), MDEPLOY_USAGE);
  EXPECT_EQ(mdeploy_harness_run(handle_, 2, hole, nullptr), MDEPLOY_USAGE);
  EXPECT_EQ(mdeploy_harness_run(handle_, 1, nullptr, nullptr), MDEPLOY_USAGE);
}

TEST_F(RunTest, WordsOfStrangersNameNoFile) {
  set("--report", place_ / "report.json");
  others_ = {"--", "--threads", "1", "--runs", "2"};
  ASSERT_EQ(run(), MDEPLOY_OK) << error();
  EXPECT_EQ(report_.find("latency_ms")->find("n")->integer, 2);
  for (const char* flag : {"--report", "--output", "--init", "--runner", "--help", "--progress", "--"}) {
    others_ = {"--", "--runs", "2", flag, "x"};
    EXPECT_EQ(run(), MDEPLOY_USAGE) << flag;
    EXPECT_NE(error().find(flag), std::string::npos) << error();
    EXPECT_FALSE(exists("x"));
    std::string written;
    ASSERT_TRUE(read_file(place_ / "report.json", 1 << 20, &written).ok());
    EXPECT_NE(written.find("\"status\":\"usage\""), std::string::npos);
  }
}

TEST_F(RunTest, CancelInTheMiddleOfARun) {
  std::thread canceller;
  fake_runtime().before_run = [&](int index) {
    if (index != 4) return;
    fake_runtime().run_ms = 60'000;
    canceller = std::thread([this] { mdeploy_harness_cancel(handle_); });
  };
  EXPECT_EQ(run(), MDEPLOY_CANCELLED);
  canceller.join();
  EXPECT_EQ(error(), "cancelled");
  EXPECT_EQ(report_.find("latency_ms")->find("n")->integer, 2);
}

TEST_F(RunTest, CancelBeforeTheRun) {
  on_start_ = [this] { mdeploy_harness_cancel(handle_); };
  EXPECT_EQ(run(), MDEPLOY_CANCELLED);
  EXPECT_EQ(fake_runtime().runs, 0);
}

TEST_F(RunTest, HostLendsReadingsAndSeesProgress) {
  struct Seen {
    std::vector<int32_t> phases;
  } seen;
  host_.user = &seen;
  host_.progress = [](void* user, const mdeploy_harness_event* event) {
    auto& phases = static_cast<Seen*>(user)->phases;
    if (phases.empty() || phases.back() != event->phase) phases.push_back(event->phase);
  };
  host_.thermal_status = [](void*) { return int32_t{3}; };
  host_.battery = [](void*, mdeploy_harness_battery* battery) {
    battery->level_percent = 55;
    battery->charging = 0;
  };
  host_.device_model = "Phone X";
  host_.sdk = 35;
  set("--runner", "app_jni");
  ASSERT_EQ(run(), MDEPLOY_OK) << error();
  EXPECT_EQ(report_.find("thermal")->find("after")->find("status")->integer, 3);
  EXPECT_EQ(report_.find("battery")->find("level_percent")->integer, 55);
  EXPECT_EQ(report_.find("device")->find("model")->string, "Phone X");
  EXPECT_EQ(report_.find("device")->find("sdk")->integer, 35);
  EXPECT_EQ(report_.find("runner")->string, "app_jni");
  EXPECT_EQ(seen.phases, (std::vector<int32_t>{MDEPLOY_PHASE_VERIFY, MDEPLOY_PHASE_LOAD, MDEPLOY_PHASE_PARITY,
                                               MDEPLOY_PHASE_MEASURE, MDEPLOY_PHASE_DONE}));
}

}  // namespace
}  // namespace mdeploy::harness
