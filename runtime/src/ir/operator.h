// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// What a graph and its checks know of an operator. The list of operators is in ops/operators.inc.
#ifndef MDEPLOY_IR_OPERATOR_H_
#define MDEPLOY_IR_OPERATOR_H_

#include <cstddef>
#include <cstdint>

namespace mdeploy {

class OpBuilder;

// Which outputs may be the same blob as an input (OpSchema::AllowInplace). The runtime itself keeps values apart; the
// rule is checked because Caffe2 refuses a net that breaks it.
enum class InPlace : uint8_t {
  kNo,
  kFirst,       // output 0 over input 0
  kBinary,      // output 0 over input 0 or 1
  kStatistics,  // output 0 over input 0, and of SpatialBN's statistics each over its own input
};

constexpr bool allows_in_place(InPlace rule, size_t input, size_t output) {
  switch (rule) {
    case InPlace::kNo: return false;
    case InPlace::kFirst: return input == 0 && output == 0;
    case InPlace::kBinary: return input <= 1 && output == 0;
    case InPlace::kStatistics:  // inputs 3 to 6 are running and saved mean and variance, outputs 1 to 4 the same
      return (input == 0 && output == 0) || (input >= 3 && input == output + 2);
  }
  return false;
}

// What an operator knows of the order of an image's elements. With an argument `order` of "NHWC" the graph builder puts
// transpositions around the operator, so that operators themselves only know NCHW.
enum class ImageOrder : uint8_t {
  kNone,          // nothing
  kElementwise,   // any order will do: each element of the output is a function of the same one of the input
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

}  // namespace mdeploy

#endif  // MDEPLOY_IR_OPERATOR_H_
