// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// The manifest of the fake runtime's net, with the given files in it.
#ifndef MDEPLOY_HARNESS_TESTS_MANIFEST_TEXT_H_
#define MDEPLOY_HARNESS_TESTS_MANIFEST_TEXT_H_

#include <map>
#include <string>

#include "io/json_writer.h"
#include "io/sha256.h"

namespace mdeploy::harness {

inline std::string manifest_text(const std::map<std::string, std::string>& files) {
  JsonWriter json;
  json.begin_object();
  for (const auto& [path, content] : files) {
    Sha256 hash;
    hash.update(content);
    json.key(path);
    json.begin_object();
    json.field("bytes", static_cast<int64_t>(content.size()));
    json.field("sha256", hash.finish());
    json.end_object();
  }
  json.end_object();
  return R"({"schema":"mdeploy-manifest/1","name":"fake",)"
         R"("inputs":[{"name":"data","shape":[1,4],"dtype":"float32"}],)"
         R"("outputs":[{"name":"out","shape":[1,4],"dtype":"float32","meaning":"logits"}],)"
         R"("golden":[{"case":"zeros","kind":"zeros"},{"case":"ramp","kind":"random"}],)"
         R"("files":)" +
         json.text() + "}";
}

}  // namespace mdeploy::harness

#endif  // MDEPLOY_HARNESS_TESTS_MANIFEST_TEXT_H_
