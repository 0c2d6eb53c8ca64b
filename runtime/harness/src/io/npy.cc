// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "io/npy.h"

#include <cstring>
#include <optional>

#include "io/files.h"
#include "io/text.h"

namespace mdeploy::harness {
namespace {

constexpr uint64_t kMaxTensorBytes = uint64_t{16} << 30;
constexpr uint64_t kMaxFileBytes = uint64_t{2} << 30;
constexpr std::string_view kMagic("\x93NUMPY", 6);

struct TypeRow {
  int32_t dtype;
  const char* name;
  const char* descr;
  size_t bytes;
};
// clang-format off
constexpr TypeRow kTypes[] = {
    {MDEPLOY_FLOAT32, "float32", "<f4", 4},
    {MDEPLOY_INT32, "int32", "<i4", 4},
    {MDEPLOY_INT64, "int64", "<i8", 8},
    {MDEPLOY_UINT8, "uint8", "|u1", 1},
    {MDEPLOY_BOOL, "bool", "|b1", 1},  // old nets have the mask of a Dropout among their outputs
};
// clang-format on

const TypeRow* row_of(int32_t dtype) {
  for (const TypeRow& row : kTypes) {
    if (row.dtype == dtype) return &row;
  }
  return nullptr;
}

// The header is a Python dictionary of three keys; this reads exactly that form.
class HeaderParser {
 public:
  explicit HeaderParser(std::string_view text) : text_(text) {}

  bool parse(std::string* descr, bool* fortran, std::vector<int64_t>* dims) {
    bool has_descr = false, has_order = false, has_shape = false;
    if (!take("{")) return false;
    while (!take("}")) {
      const std::optional<std::string> key = quoted();
      if (!key || !take(":")) return false;
      if (*key == "descr" && !has_descr) {
        const std::optional<std::string> value = quoted();
        if (!value) return false;
        *descr = *value, has_descr = true;
      } else if (*key == "fortran_order" && !has_order) {
        *fortran = take("True");
        if (!*fortran && !take("False")) return false;
        has_order = true;
      } else if (*key == "shape" && !has_shape) {
        if (!shape(dims)) return false;
        has_shape = true;
      } else {
        return false;
      }
      if (!take(",")) {
        if (!take("}")) return false;
        break;
      }
    }
    return has_descr && has_order && has_shape && trim(text_).empty();
  }

 private:
  bool take(std::string_view wanted) {
    while (!text_.empty() && text_[0] == ' ') text_.remove_prefix(1);
    if (text_.substr(0, wanted.size()) != wanted) return false;
    text_.remove_prefix(wanted.size());
    return true;
  }

  std::optional<std::string> quoted() {
    const bool single = take("'");
    if (!single && !take("\"")) return std::nullopt;
    const size_t end = text_.find(single ? '\'' : '"');
    if (end == std::string_view::npos) return std::nullopt;
    std::string value(text_.substr(0, end));
    text_.remove_prefix(end + 1);
    return value;
  }

  bool shape(std::vector<int64_t>* dims) {
    if (!take("(")) return false;
    while (!take(")")) {
      while (!text_.empty() && text_[0] == ' ') text_.remove_prefix(1);
      const size_t digits = text_.find_first_not_of("0123456789");
      int64_t dim = 0;
      if (digits == std::string_view::npos || !parse_int(text_.substr(0, digits), &dim)) return false;
      text_.remove_prefix(digits);
      if (dims->size() == MDEPLOY_MAX_RANK) return false;
      dims->push_back(dim);
      if (!take(",")) return take(")");
    }
    return true;
  }

  std::string_view text_;
};

}  // namespace

size_t dtype_bytes(int32_t dtype) {
  const TypeRow* row = row_of(dtype);
  return row ? row->bytes : 0;
}

const char* dtype_name(int32_t dtype) {
  const TypeRow* row = row_of(dtype);
  return row ? row->name : "unknown";
}

bool dtype_from_name(std::string_view name, int32_t* dtype) {
  for (const TypeRow& row : kTypes) {
    if (name == row.name) return *dtype = row.dtype, true;
  }
  return false;
}

bool tensor_bytes(int32_t dtype, const std::vector<int64_t>& dims, size_t* bytes) {
  uint64_t total = dtype_bytes(dtype);
  for (const int64_t dim : dims) {
    if (dim < 0) return false;
    if (dim != 0 && total > kMaxTensorBytes / static_cast<uint64_t>(dim)) return false;
    total *= static_cast<uint64_t>(dim);
  }
  if (total > SIZE_MAX / 2) return false;
  *bytes = static_cast<size_t>(total);
  return true;
}

size_t Array::elements() const {
  const size_t size = dtype_bytes(dtype);
  return size ? bytes.size() / size : 0;
}

double Array::at(size_t index) const {
  const uint8_t* at = bytes.data() + index * dtype_bytes(dtype);
  const auto load = [at](auto value) {
    std::memcpy(&value, at, sizeof value);
    return static_cast<double>(value);
  };
  switch (dtype) {
    case MDEPLOY_FLOAT32: return load(float{});
    case MDEPLOY_INT32: return load(int32_t{});
    case MDEPLOY_INT64: return load(int64_t{});
    default: return load(uint8_t{});
  }
}

Status parse_npy(std::string_view file, const std::string& where, Array* array) {
  const auto refuse = [&](const std::string& why) { return bad_input(where + ": " + why); };
  if (file.size() < 10 || file.substr(0, kMagic.size()) != kMagic) return refuse("not a .npy file");
  if (file[6] != 1 || file[7] != 0) return refuse("a .npy file of another version than 1.0");
  const size_t header = static_cast<uint8_t>(file[8]) | static_cast<size_t>(static_cast<uint8_t>(file[9])) << 8;
  if (file.size() - 10 < header) return refuse("truncated in its header");
  std::string descr;
  bool fortran = false;
  array->dims.clear();
  if (!HeaderParser(file.substr(10, header)).parse(&descr, &fortran, &array->dims)) {
    return refuse("a .npy header that cannot be read: " + printable(trim(file.substr(10, header))));
  }
  if (fortran) return refuse("Fortran order; C order is needed");
  const TypeRow* type = nullptr;
  for (const TypeRow& row : kTypes) {
    if (descr == row.descr) type = &row;
  }
  if (type == nullptr) return refuse("dtype " + printable(descr) + "; float32, int32, int64 or uint8 is needed");
  array->dtype = type->dtype;
  size_t bytes = 0;
  if (!tensor_bytes(array->dtype, array->dims, &bytes)) {
    return refuse("shape " + shape_text(array->dims) + " is too large");
  }
  const std::string_view data = file.substr(10 + header);
  if (data.size() != bytes) {
    return refuse(format("holds %zu bytes of data where its shape %s needs %zu", data.size(),
                         shape_text(array->dims).c_str(), bytes));
  }
  array->bytes.assign(data.begin(), data.end());
  if (array->dtype == MDEPLOY_BOOL) {
    for (uint8_t& value : array->bytes) value = value != 0;  // any other byte is no bool to C++
  }
  return {};
}

Status read_npy(const std::string& path, Array* array) {
  std::string file;
  if (Status status = read_file(path, kMaxFileBytes, &file); !status.ok()) return status;
  return parse_npy(file, path, array);
}

std::string npy_text(const Array& array) {
  std::string shape = "(";
  for (size_t i = 0; i < array.dims.size(); ++i) {
    shape += format(i ? " %lld," : "%lld,", static_cast<long long>(array.dims[i]));
  }
  if (array.dims.size() > 1) shape.pop_back();  // as Python writes tuples: (1,) but (1, 2)
  const TypeRow* row = row_of(array.dtype);
  std::string header =
      format("{'descr': '%s', 'fortran_order': False, 'shape': %s), }", row ? row->descr : "", shape.c_str());
  // Data starts at a multiple of 64, as numpy aligns it.
  header.append(63 - (10 + header.size()) % 64, ' ');
  header += '\n';
  std::string file(kMagic);
  file += '\1', file += '\0';
  file += static_cast<char>(header.size() & 0xFF), file += static_cast<char>(header.size() >> 8);
  file += header;
  file.append(reinterpret_cast<const char*>(array.bytes.data()), array.bytes.size());
  return file;
}

Status write_npy(const std::string& path, const Array& array) { return write_file_atomically(path, npy_text(array)); }

}  // namespace mdeploy::harness
