// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// The one list of operators. Adding one: a function in a file of this directory and a line in operators.inc.
#ifndef MDEPLOY_OPS_REGISTRY_H_
#define MDEPLOY_OPS_REGISTRY_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace mdeploy {

class OpBuilder;

// Which outputs may be the same blob as an input (OpSchema::AllowInplace). The runtime itself keeps values apart; the
// rule is checked because Caffe2 refuses a net that breaks it.
enum class InPlace : uint8_t {
  kNo,
  kFirst,   // output 0 over input 0
  kBinary,  // output 0 over input 0 or 1
  kAny,     // any output over any input
};

// How an operator's `order` argument is met: with "NHWC" the graph builder puts transpositions around the operator, so
// that operators themselves only know NCHW.
enum class ImageOrder : uint8_t {
  kNone,
  kData,          // the first input and output are images
  kDataAndFilter  // and the second input is a filter in the same order
};

struct OperatorInfo {
  const char* type;
  void (*make)(OpBuilder& builder);  // checks arguments and inputs, gives output shapes and what to run
  int min_inputs, max_inputs;        // -1: any number
  int min_outputs, max_outputs;
  InPlace in_place;
  ImageOrder order;
  bool internal;  // made by passes only: a file cannot name it
};

// Null when there is none.
const OperatorInfo* find_operator(std::string_view type);
const OperatorInfo* find_internal_operator(std::string_view type);

// All operators that a file may name, sorted by type.
size_t operator_count();
const OperatorInfo& operator_at(size_t index);

}  // namespace mdeploy

#endif  // MDEPLOY_OPS_REGISTRY_H_
