// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// What an app needs of a manifest without a run.
#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <new>
#include <string>

#include "io/files.h"
#include "io/manifest.h"
#include "io/text.h"
#include "mdeploy/harness.h"

namespace mdeploy::harness {
namespace {

constexpr const char* kNets[] = {"init_net.pb", "predict_net.pb"};

Status verify_artifact(const std::string& manifest_path) {
  Manifest manifest;
  if (Status status = read_manifest(manifest_path, &manifest); !status.ok()) return status;
  const std::string folder = parent_directory(manifest_path);
  for (const char* net : kNets) {
    if (Status status = verify_file(join_path(folder, net), net, manifest); !status.ok()) return status;
  }
  for (const auto& [entry, unused] : manifest.files) {
    const std::string path = join_path(folder, entry);
    const bool is_net = std::find(std::begin(kNets), std::end(kNets), entry) != std::end(kNets);
    if (is_net || entry.find("..") != std::string::npos || !exists(path)) continue;
    if (Status status = verify_file(path, entry, manifest); !status.ok()) return status;
  }
  return {};
}

Status find_preprocess(const std::string& manifest_path, size_t index, mdeploy_preprocess_spec* spec) {
  Manifest manifest;
  if (Status status = read_manifest(manifest_path, &manifest); !status.ok()) return status;
  if (index >= manifest.inputs.size()) {
    return usage_error(
        format("%s: there is no input %zu, only %zu", manifest_path.c_str(), index, manifest.inputs.size()));
  }
  const BlobSpec& input = manifest.inputs[index];
  if (!input.picture) {
    return {MDEPLOY_UNSUPPORTED,
            format("%s: input %s takes no pictures: its layout is null", manifest_path.c_str(), input.name.c_str())};
  }
  *spec = *input.picture;
  return {};
}

// Runs `work`, whose Status becomes the code and the line of `error`. No exception leaves.
template <typename Work>
mdeploy_status guarded(mdeploy_error* error, const Work& work) noexcept {
  const auto report = [error](mdeploy_status code, const char* message) {
    if (error != nullptr && error->struct_size >= sizeof *error) {
      error->code = code;
      std::snprintf(error->message, sizeof error->message, "%s", message);
    }
    return code;
  };
  try {
    const Status status = work();
    return report(status.code, status.message.c_str());
  } catch (const std::bad_alloc&) {
    return report(MDEPLOY_UNAVAILABLE, "out of memory");
  } catch (const std::exception& exception) {
    return report(MDEPLOY_INTERNAL, exception.what());
  }
}

}  // namespace
}  // namespace mdeploy::harness

namespace harness = mdeploy::harness;

extern "C" {

mdeploy_status mdeploy_artifact_verify(const char* manifest_path, mdeploy_error* error) {
  if (manifest_path == nullptr) return MDEPLOY_USAGE;
  return harness::guarded(error, [&] { return harness::verify_artifact(manifest_path); });
}

mdeploy_status mdeploy_artifact_preprocess(const char* manifest_path, size_t index, mdeploy_preprocess_spec* spec,
                                           mdeploy_error* error) {
  if (manifest_path == nullptr || spec == nullptr || spec->struct_size < sizeof *spec) return MDEPLOY_USAGE;
  return harness::guarded(error, [&] { return harness::find_preprocess(manifest_path, index, spec); });
}

}  // extern "C"
