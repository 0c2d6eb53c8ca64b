// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "api/harness.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "io/files.h"
#include "mdeploy/harness.h"
#include "report/report.h"

namespace harness = mdeploy::harness;

namespace {

// Copies the part of a sized struct that the caller knows; the rest stays zero.
template <typename T>
bool copy_sized(const T* given, T* copy) {
  constexpr size_t kLeast = sizeof(size_t);
  if (given == nullptr || given->struct_size < kLeast) return false;
  std::memcpy(static_cast<void*>(copy), given, std::min(given->struct_size, sizeof(T)));
  return true;
}

}  // namespace

mdeploy_status mdeploy_harness::run(size_t flag_count, const char* const* flags,
                                    const mdeploy_harness_host& host) noexcept {
  try {
    harness::Options options;
    harness::Status given = harness::parse_options(flag_count, flags, false, &options);
    return run(options, host, std::move(given));
  } catch (const std::bad_alloc&) {
    error = "out of memory";
    return MDEPLOY_UNAVAILABLE;
  }
}

mdeploy_status mdeploy_harness::run(const harness::Options& options, const mdeploy_harness_host& host,
                                    harness::Status given) noexcept {
  try {
    if (run_ != nullptr) {
      error = "a harness handle serves one run";
      return MDEPLOY_USAGE;
    }
    run_ = std::make_unique<harness::Run>(options, host);
    cancellable_ = run_.get();
    if (cancelled_) run_->cancel();  // it came before there was anything to hand it on to
    run_->execute(std::move(given), [&](const harness::RunResult& result) {
      if (options.report_path.empty()) return harness::Status();
      return harness::write_file_atomically(options.report_path, harness::report_json(result) + "\n");
    });
    const harness::RunResult& result = run_->result();
    report = harness::report_json(result);
    summary = harness::report_summary(result);
    error = result.status.message;
    return result.status.code;
  } catch (const std::bad_alloc&) {
    error = "out of memory";
    return MDEPLOY_UNAVAILABLE;
  } catch (const std::exception& exception) {
    error = exception.what();
    return MDEPLOY_INTERNAL;
  }
}

void mdeploy_harness::cancel() {
  cancelled_ = true;
  if (harness::Run* run = cancellable_) run->cancel();
}

extern "C" {

mdeploy_harness* mdeploy_harness_create(void) { return new (std::nothrow) mdeploy_harness(); }

mdeploy_status mdeploy_harness_run(mdeploy_harness* handle, size_t flag_count, const char* const* flags,
                                   const mdeploy_harness_host* host) {
  mdeploy_harness_host known_host{};
  if (handle == nullptr || (flags == nullptr && flag_count > 0)) return MDEPLOY_USAGE;
  if (std::find(flags, flags + flag_count, nullptr) != flags + flag_count) return MDEPLOY_USAGE;
  if (host != nullptr && !copy_sized(host, &known_host)) return MDEPLOY_USAGE;
  return handle->run(flag_count, flags, known_host);
}

void mdeploy_harness_cancel(mdeploy_harness* handle) {
  if (handle != nullptr) handle->cancel();
}

const char* mdeploy_harness_report(const mdeploy_harness* handle) { return handle ? handle->report.c_str() : ""; }
const char* mdeploy_harness_summary(const mdeploy_harness* handle) { return handle ? handle->summary.c_str() : ""; }
const char* mdeploy_harness_error(const mdeploy_harness* handle) { return handle ? handle->error.c_str() : ""; }
void mdeploy_harness_free(mdeploy_harness* handle) { delete handle; }

}  // extern "C"
