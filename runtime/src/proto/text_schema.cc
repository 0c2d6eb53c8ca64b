// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "proto/text_schema.h"

namespace mdeploy::proto {
namespace {

using K = FieldKind;

extern const MessageSchema kNetDef;

constexpr FieldSchema kSegmentFields[] = {{"begin", 1, K::kInteger, nullptr}, {"end", 2, K::kInteger, nullptr}};
constexpr MessageSchema kSegment{"Segment", kSegmentFields, 2};

constexpr FieldSchema kDeviceFields[] = {
    {"device_type", 1, K::kInteger, nullptr},  {"device_id", 2, K::kInteger, nullptr},
    {"cuda_gpu_id", 2, K::kInteger, nullptr},  // its name in 2018
    {"random_seed", 3, K::kInteger, nullptr},  {"node_name", 4, K::kBytes, nullptr},
    {"numa_node_id", 5, K::kInteger, nullptr}, {"extra_info", 6, K::kBytes, nullptr}};
constexpr MessageSchema kDevice{"DeviceOption", kDeviceFields, 7};

constexpr FieldSchema kTensorFields[] = {
    {"dims", 1, K::kInteger, nullptr},        {"data_type", 2, K::kInteger, nullptr},
    {"float_data", 3, K::kFloat, nullptr},    {"int32_data", 4, K::kInteger, nullptr},
    {"byte_data", 5, K::kBytes, nullptr},     {"string_data", 6, K::kBytes, nullptr},
    {"name", 7, K::kBytes, nullptr},          {"device_detail", 8, K::kMessage, &kDevice},
    {"double_data", 9, K::kDouble, nullptr},  {"int64_data", 10, K::kInteger, nullptr},
    {"segment", 11, K::kMessage, &kSegment},  {"raw_data", 13, K::kBytes, nullptr},
    {"data_format", 15, K::kInteger, nullptr}};
constexpr MessageSchema kTensor{"TensorProto", kTensorFields, 13};

constexpr FieldSchema kQTensorFields[] = {
    {"dims", 1, K::kInteger, nullptr},   {"precision", 2, K::kInteger, nullptr},
    {"scale", 3, K::kDouble, nullptr},   {"bias", 4, K::kDouble, nullptr},
    {"is_signed", 5, K::kBool, nullptr}, {"data", 6, K::kInteger, nullptr},
    {"name", 7, K::kBytes, nullptr},     {"data_type", 8, K::kInteger, nullptr},
    {"scales", 9, K::kDouble, nullptr},  {"biases", 10, K::kDouble, nullptr},
    {"axis", 11, K::kInteger, nullptr},  {"is_multiparam", 12, K::kBool, nullptr}};
constexpr MessageSchema kQTensor{"QTensorProto", kQTensorFields, 12};

constexpr FieldSchema kArgumentFields[] = {
    {"name", 1, K::kBytes, nullptr},        {"f", 2, K::kFloat, nullptr},
    {"i", 3, K::kInteger, nullptr},         {"s", 4, K::kBytes, nullptr},
    {"floats", 5, K::kFloat, nullptr},      {"ints", 6, K::kInteger, nullptr},
    {"strings", 7, K::kBytes, nullptr},     {"n", 8, K::kMessage, &kNetDef},
    {"nets", 9, K::kMessage, &kNetDef},     {"t", 10, K::kMessage, &kTensor},
    {"tensors", 11, K::kMessage, &kTensor}, {"qtensors", 12, K::kMessage, &kQTensor}};
constexpr MessageSchema kArgument{"Argument", kArgumentFields, 12};

constexpr FieldSchema kOperatorFields[] = {
    {"input", 1, K::kBytes, nullptr},         {"output", 2, K::kBytes, nullptr},
    {"name", 3, K::kBytes, nullptr},          {"type", 4, K::kBytes, nullptr},
    {"arg", 5, K::kMessage, &kArgument},      {"device_option", 6, K::kMessage, &kDevice},
    {"engine", 7, K::kBytes, nullptr},        {"control_input", 8, K::kBytes, nullptr},
    {"is_gradient_op", 9, K::kBool, nullptr}, {"debug_info", 10, K::kBytes, nullptr},
    {"domain", 11, K::kBytes, nullptr},       {"op_version", 12, K::kInteger, nullptr}};
constexpr MessageSchema kOperator{"OperatorDef", kOperatorFields, 12};

constexpr FieldSchema kNetFields[] = {{"name", 1, K::kBytes, nullptr},
                                      {"op", 2, K::kMessage, &kOperator},
                                      {"type", 3, K::kBytes, nullptr},
                                      {"num_workers", 4, K::kInteger, nullptr},
                                      {"device_option", 5, K::kMessage, &kDevice},
                                      {"arg", 6, K::kMessage, &kArgument},
                                      {"external_input", 7, K::kBytes, nullptr},
                                      {"external_output", 8, K::kBytes, nullptr}};
const MessageSchema kNetDef{"NetDef", kNetFields, 8};

struct EnumValue {
  std::string_view name;
  int64_t value;
};
constexpr EnumValue kEnumValues[] = {{"UNDEFINED", 0},    {"FLOAT", 1},       {"INT32", 2},        {"BYTE", 3},
                                     {"STRING", 4},       {"BOOL", 5},        {"UINT8", 6},        {"INT8", 7},
                                     {"UINT16", 8},       {"INT16", 9},       {"INT64", 10},       {"FLOAT16", 12},
                                     {"DOUBLE", 13},      {"CPU", 0},         {"CUDA", 1},         {"MKLDNN", 2},
                                     {"OPENGL", 3},       {"OPENCL", 4},      {"IDEEP", 5},        {"HIP", 6},
                                     {"PROTO_CPU", 0},    {"PROTO_CUDA", 1},  {"PROTO_MKLDNN", 2}, {"PROTO_OPENGL", 3},
                                     {"PROTO_OPENCL", 4}, {"PROTO_IDEEP", 5}, {"PROTO_HIP", 6}};

}  // namespace

const FieldSchema* MessageSchema::find(std::string_view field) const {
  for (size_t i = 0; i < field_count; ++i) {
    if (fields[i].name == field) return &fields[i];
  }
  return nullptr;
}

const MessageSchema& netdef_schema() { return kNetDef; }

std::optional<int64_t> enum_value(std::string_view name) {
  for (const EnumValue& entry : kEnumValues) {
    if (entry.name == name) return entry.value;
  }
  return std::nullopt;
}

}  // namespace mdeploy::proto
