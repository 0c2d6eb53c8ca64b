// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "io/picture.h"

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "io/files.h"
#include "io/text.h"

namespace mdeploy::harness {
namespace {

constexpr int64_t kMaxSide = 32768;
constexpr uint64_t kMaxBytes = uint64_t{1} << 30;
constexpr int kMaxHeaderLines = 64;
using Kind = JsonValue::Kind;

bool is_null(const JsonValue* value) { return value == nullptr || value->is(Kind::kNull); }

bool side(const JsonValue& value, int32_t* result) {
  if (!value.is_integer || value.integer < 1 || value.integer > kMaxSide) return false;
  *result = static_cast<int32_t>(value.integer);
  return true;
}

bool size_pair(const JsonValue& value, int32_t* height, int32_t* width) {
  return value.items.size() == 2 && side(value.items[0], height) && side(value.items[1], width);
}

// Values per channel; `otherwise` where there are none.
bool channels(const JsonValue* value, float otherwise, float (&result)[4]) {
  std::fill(std::begin(result), std::end(result), otherwise);
  if (is_null(value)) return true;
  if (!value->is(Kind::kArray) || value->items.empty() || value->items.size() > 4) return false;
  for (size_t i = 0; i < value->items.size(); ++i) {
    if (!value->items[i].is(Kind::kNumber)) return false;
    result[i] = static_cast<float>(value->items[i].number);
  }
  return true;
}

bool color_order(const JsonValue* value, int32_t* result) {
  if (is_null(value)) return *result = MDEPLOY_RGB, true;
  if (value->string == "rgb") return *result = MDEPLOY_RGB, true;
  if (value->string == "bgr") return *result = MDEPLOY_BGR, true;
  if (value->string == "gray") return *result = MDEPLOY_GRAY, true;
  return false;
}

bool resize(const JsonValue* value, mdeploy_preprocess_spec* spec) {
  if (is_null(value)) return true;
  const JsonValue *mode = value->find("mode"), *short_side = value->find("short_side"), *size = value->find("size");
  if (mode == nullptr || (mode->string != "bilinear" && mode->string != "nearest")) return false;
  spec->resize_mode = mode->string == "nearest" ? MDEPLOY_NEAREST : MDEPLOY_BILINEAR;
  if (is_null(short_side) == is_null(size)) return false;
  return is_null(size) ? side(*short_side, &spec->resize_short_side)
                       : size_pair(*size, &spec->resize_height, &spec->resize_width);
}

bool flag(const JsonValue* value, bool otherwise, int32_t* result) {
  if (is_null(value)) return *result = otherwise, true;
  if (!value->is(Kind::kBoolean)) return false;
  return *result = value->boolean, true;
}

// One of `names`; where there is none, the first of them.
bool choice(const JsonValue* value, std::initializer_list<std::pair<const char*, int32_t>> names, int32_t* result) {
  if (is_null(value)) return *result = names.begin()->second, true;
  for (const auto& [name, number] : names) {
    if (value->string == name) return *result = number, true;
  }
  return false;
}

bool colour(const JsonValue* value, uint8_t (&rgb)[4]) {
  if (is_null(value)) return true;
  if (value->items.size() != 3) return false;
  for (size_t i = 0; i < 3; ++i) {
    const JsonValue& part = value->items[i];
    if (!part.is_integer || part.integer < 0 || part.integer > 255) return false;
    rgb[i] = static_cast<uint8_t>(part.integer);
  }
  return true;
}

// The member `preprocessing`, which takes the place of resize and crop.
bool preprocessing(const JsonValue& value, mdeploy_preprocess_spec* spec) {
  const JsonValue *short_side = value.find("short_side"), *size = value.find("size"), *box = value.find("letterbox"),
                  *crop = value.find("crop"), *background = value.find("background");
  if (!is_null(short_side) + !is_null(size) + !is_null(box) > 1) return false;
  int32_t antialias = 1;
  spec->letterbox = !is_null(box);
  spec->has_background = !is_null(background);
  const JsonValue* stretched = is_null(box) ? size : box;
  const bool known =
      !is_null(value.find("arithmetic")) &&
      choice(value.find("arithmetic"),
             {{"pillow", MDEPLOY_PILLOW}, {"pillow-12", MDEPLOY_PILLOW_12}, {"tensor", MDEPLOY_TENSOR}},
             &spec->arithmetic) &&
      choice(value.find("interpolation"),
             {{"bilinear", MDEPLOY_BILINEAR},
              {"nearest", MDEPLOY_NEAREST},
              {"box", MDEPLOY_BOX},
              {"bicubic", MDEPLOY_BICUBIC},
              {"lanczos", MDEPLOY_LANCZOS}},
             &spec->resize_mode) &&
      choice(value.find("scale"),
             {{"0-1", MDEPLOY_SCALE_0_1}, {"0-255", MDEPLOY_SCALE_0_255}, {"-1-1", MDEPLOY_SCALE_MINUS1_1}},
             &spec->scale) &&
      choice(value.find("crop_rounding"), {{"even", 0}, {"down", 1}}, &spec->crop_round_down) &&
      flag(value.find("antialias"), true, &antialias) && colour(value.find("fill"), spec->fill) &&
      colour(background, spec->background);
  spec->no_antialias = !antialias;
  return known && (is_null(short_side) || side(*short_side, &spec->resize_short_side)) &&
         (is_null(stretched) || size_pair(*stretched, &spec->resize_height, &spec->resize_width)) &&
         (is_null(crop) || size_pair(*crop, &spec->crop_height, &spec->crop_width));
}

}  // namespace

Status parse_pam(std::string_view file, const std::string& where, Picture* picture) {
  const auto refuse = [&where](const char* why) { return bad_input(where + ": " + why); };
  if (file.substr(0, 3) != "P7\n") return refuse("not a PAM picture (P7)");
  std::string_view rest = file.substr(3);
  int64_t width = 0, height = 0, depth = 0, maximum = 0;
  bool ended = false;
  for (int line_number = 0; line_number < kMaxHeaderLines && !ended; ++line_number) {
    const size_t end = rest.find('\n');
    if (end == std::string_view::npos) break;
    const std::string_view line = trim(rest.substr(0, end));
    rest.remove_prefix(end + 1);
    const size_t space = std::min(line.find(' '), line.size());
    const std::string_view name = line.substr(0, space), value = trim(line.substr(space));
    int64_t* const number = name == "WIDTH"    ? &width
                            : name == "HEIGHT" ? &height
                            : name == "DEPTH"  ? &depth
                            : name == "MAXVAL" ? &maximum
                                               : nullptr;
    if (number != nullptr && !parse_int(value, number)) return refuse("a number in its header is malformed");
    ended = name == "ENDHDR";
  }
  if (!ended) return refuse("its header does not end");
  if (depth != 4 || maximum != 255) return refuse("must have DEPTH 4 and MAXVAL 255 (RGBA)");
  if (width < 1 || height < 1 || width > kMaxSide || height > kMaxSide) return refuse("its size is out of range");
  if (rest.size() != static_cast<uint64_t>(width) * static_cast<uint64_t>(height) * 4) {
    return refuse("cut short, or longer than its header says");
  }
  picture->width = static_cast<int32_t>(width);
  picture->height = static_cast<int32_t>(height);
  picture->rgba.assign(rest);
  return {};
}

Status read_pam(const std::string& path, Picture* picture) {
  std::string file;
  if (Status status = read_file(path, kMaxBytes, &file); !status.ok()) return status;
  return parse_pam(file, path, picture);
}

bool read_picture_spec(const JsonValue& input, mdeploy_preprocess_spec* spec) {
  const JsonValue* layout = input.find("layout");
  if (is_null(layout) || (layout->string != "NCHW" && layout->string != "NHWC")) return false;
  *spec = {};
  spec->struct_size = sizeof *spec;
  spec->nhwc = layout->string == "NHWC";
  const JsonValue* crop = input.find("crop");
  const JsonValue* more = input.find("preprocessing");
  if (!is_null(more) && (!is_null(crop) || !is_null(input.find("resize")) || !preprocessing(*more, spec))) return false;
  return color_order(input.find("color_order"), &spec->color_order) && channels(input.find("mean"), 0, spec->mean) &&
         channels(input.find("std"), 1, spec->std) && resize(input.find("resize"), spec) &&
         (is_null(crop) || size_pair(*crop, &spec->crop_height, &spec->crop_width));
}

Status prepare_picture(const Picture& picture, const mdeploy_preprocess_spec& spec, Array* array) {
  size_t bytes = 0;
  if (!tensor_bytes(array->dtype, array->dims, &bytes)) return bad_input("picture: the input is too large");
  array->bytes.resize(bytes);
  mdeploy_tensor tensor{};
  tensor.struct_size = sizeof tensor;
  tensor.data = array->bytes.data();
  tensor.bytes = bytes;
  tensor.dtype = array->dtype;
  tensor.rank = static_cast<int32_t>(array->dims.size());
  std::copy(array->dims.begin(), array->dims.end(), tensor.dims);
  mdeploy_error error{};
  error.struct_size = sizeof error;
  const mdeploy_status status =
      mdeploy_preprocess(reinterpret_cast<const uint8_t*>(picture.rgba.data()), picture.width, picture.height,
                         static_cast<size_t>(picture.width) * 4, &spec, &tensor, &error);
  return {status, status == MDEPLOY_OK ? "" : error.message};
}

}  // namespace mdeploy::harness
