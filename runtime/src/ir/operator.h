// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// What a graph and its checks know of an operator. The list of operators is in ops/operators.inc.
#ifndef MDEPLOY_IR_OPERATOR_H_
#define MDEPLOY_IR_OPERATOR_H_

#include <cstdint>

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
