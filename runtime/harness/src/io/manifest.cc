// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "io/manifest.h"

#include <algorithm>

#include "io/files.h"
#include "io/json_reader.h"
#include "io/npy.h"
#include "io/picture.h"
#include "io/sha256.h"
#include "io/text.h"

namespace mdeploy::harness {
namespace {

constexpr uint64_t kMaxManifestBytes = 8 << 20;
constexpr const char* kSchema = "mdeploy-manifest/1";
using Kind = JsonValue::Kind;

// Reads members of one object and remembers the first problem, named by its path.
class ObjectReader {
 public:
  ObjectReader(const JsonValue& object, std::string path, std::string* problem)
      : object_(object), path_(std::move(path)), problem_(problem) {
    if (!object.is(Kind::kObject)) fail("", "must be an object");
  }

  const JsonValue* member(const char* name, Kind kind, const char* description) {
    const JsonValue* value = object_.find(name);
    if (value != nullptr && value->is(kind)) return value;
    fail(name, value == nullptr ? "is missing" : description);
    return nullptr;
  }

  std::string text(const char* name) {
    const JsonValue* value = member(name, Kind::kString, "must be a string");
    return value ? value->string : std::string();
  }

  void fail(const std::string& name, const std::string& why) {
    if (!problem_->empty()) return;
    const std::string where = path_.empty() ? name : name.empty() ? path_ : path_ + "." + name;
    *problem_ = (where.empty() ? "the document" : where) + " " + why;
  }

 private:
  const JsonValue& object_;
  std::string path_;
  std::string* problem_;
};

bool is_name(std::string_view text) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); };
  if (text.empty() || text.size() > 100 || !letter(text[0])) return false;
  return std::all_of(text.begin(), text.end(), [&](char c) { return letter(c) || c == '.' || c == '_' || c == '-'; });
}

bool is_sha256(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

void read_blobs(const JsonValue& list, const std::string& path, bool outputs, std::vector<BlobSpec>* blobs,
                std::string* problem) {
  for (const JsonValue& item : list.items) {
    ObjectReader reader(item, format("%s[%zu]", path.c_str(), blobs->size()), problem);
    BlobSpec blob;
    blob.name = reader.text("name");
    if (!dtype_from_name(reader.text("dtype"), &blob.dtype) || blob.dtype == MDEPLOY_BOOL) {
      reader.fail("dtype", "must be float32, int32, int64 or uint8");
    }
    const JsonValue* shape = reader.member("shape", Kind::kArray, "must be an array");
    for (size_t i = 0; shape != nullptr && i < shape->items.size(); ++i) {
      if (!shape->items[i].is_integer || shape->items[i].integer < 1) reader.fail("shape", "must be positive integers");
      blob.dims.push_back(shape->items[i].integer);
    }
    if (size_t bytes = 0; blob.dims.size() > MDEPLOY_MAX_RANK || !tensor_bytes(blob.dtype, blob.dims, &bytes)) {
      reader.fail("shape", "is too large");
    }
    if (outputs) {
      blob.meaning = reader.text("meaning");
      if (blob.meaning != "logits" && blob.meaning != "log_probabilities" && blob.meaning != "probabilities") {
        reader.fail("meaning", "must be logits, log_probabilities or probabilities");
      }
    }
    if (const JsonValue* layout = item.find("layout"); !outputs && layout != nullptr && !layout->is(Kind::kNull)) {
      if (mdeploy_preprocess_spec spec{}; read_picture_spec(item, &spec)) {
        blob.picture = spec;
      } else {
        reader.fail("", "layout, color_order, mean, std, resize or crop is malformed");
      }
    }
    blobs->push_back(std::move(blob));
  }
  if (blobs->empty() && problem->empty()) *problem = path + " must not be empty";
}

void read_files(const JsonValue& object, Manifest* manifest, std::string* problem) {
  for (const auto& [path, value] : object.members) {
    ObjectReader reader(value, "files." + printable(path), problem);
    const JsonValue* bytes = reader.member("bytes", Kind::kNumber, "must be a number");
    FileEntry entry;
    entry.sha256 = reader.text("sha256");
    if (bytes != nullptr && (!bytes->is_integer || bytes->integer < 0)) reader.fail("bytes", "must be a size");
    if (bytes != nullptr) entry.bytes = static_cast<uint64_t>(std::max<int64_t>(bytes->integer, 0));
    if (!is_sha256(entry.sha256)) reader.fail("sha256", "must be 64 lower-case hexadecimal digits");
    manifest->files.emplace(path, std::move(entry));
  }
}

void read_golden(const JsonValue& list, Manifest* manifest, std::string* problem) {
  for (const JsonValue& item : list.items) {
    ObjectReader reader(item, format("golden[%zu]", manifest->golden.size()), problem);
    GoldenEntry entry{reader.text("case"), reader.text("kind")};
    if (!is_name(entry.name)) reader.fail("case", "must be a plain name");  // it becomes part of a path
    manifest->golden.push_back(std::move(entry));
  }
}

}  // namespace

Status parse_manifest(std::string_view text, const std::string& where, Manifest* manifest) {
  JsonValue document;
  if (Status status = parse_json(text, where, &document); !status.ok()) return status;
  std::string problem;
  ObjectReader reader(document, "", &problem);
  if (const std::string schema = reader.text("schema"); problem.empty() && schema != kSchema) {
    return bad_input(format("%s: schema %s, this harness reads %s", where.c_str(), printable(schema).c_str(), kSchema));
  }
  manifest->name = reader.text("name");
  if (!is_name(manifest->name)) reader.fail("name", "must be a plain name");
  const JsonValue* inputs = reader.member("inputs", Kind::kArray, "must be an array");
  const JsonValue* outputs = reader.member("outputs", Kind::kArray, "must be an array");
  const JsonValue* files = reader.member("files", Kind::kObject, "must be an object");
  const JsonValue* golden = reader.member("golden", Kind::kArray, "must be an array");
  if (inputs != nullptr) read_blobs(*inputs, "inputs", false, &manifest->inputs, &problem);
  if (outputs != nullptr) read_blobs(*outputs, "outputs", true, &manifest->outputs, &problem);
  if (files != nullptr) read_files(*files, manifest, &problem);
  if (golden != nullptr) read_golden(*golden, manifest, &problem);
  if (!problem.empty()) return bad_input(where + ": " + problem);
  return {};
}

Status read_manifest(const std::string& path, Manifest* manifest) {
  std::string text;
  if (Status status = read_file(path, kMaxManifestBytes, &text); !status.ok()) return status;
  return parse_manifest(text, path, manifest);
}

Status verify_file(const std::string& path, const std::string& entry_name, const Manifest& manifest) {
  const auto entry = manifest.files.find(entry_name);
  if (entry == manifest.files.end()) {
    return bad_input(format("%s: the manifest has no entry %s to check it against", path.c_str(), entry_name.c_str()));
  }
  uint64_t bytes = 0;
  std::string digest;
  if (Status status = file_size(path, &bytes); !status.ok()) return status;
  if (bytes != entry->second.bytes) {
    return bad_input(format("%s: refused: %llu bytes where the manifest says %llu; corrupt or changed", path.c_str(),
                            static_cast<unsigned long long>(bytes),
                            static_cast<unsigned long long>(entry->second.bytes)));
  }
  if (Status status = sha256_file(path, &digest, &bytes); !status.ok()) return status;
  if (digest != entry->second.sha256) {
    return bad_input(format("%s: refused: SHA-256 %s... where the manifest says %s...; corrupt or changed",
                            path.c_str(), digest.substr(0, 16).c_str(), entry->second.sha256.substr(0, 16).c_str()));
  }
  return {};
}

}  // namespace mdeploy::harness
