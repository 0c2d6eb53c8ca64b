// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// The command line of mdeploy-harness.
#ifndef MDEPLOY_HARNESS_CLI_ARGS_H_
#define MDEPLOY_HARNESS_CLI_ARGS_H_

#include "io/status.h"
#include "run/options.h"

namespace mdeploy::harness {

struct Arguments {
  Options options;
  bool help = false, version = false;
  bool progress = false;  // machine-readable progress lines
};

// Parses every flag, also after an error, so that a report can be written where --report says.
Status parse_arguments(int argc, const char* const* argv, Arguments* arguments);

const char* help_text();

}  // namespace mdeploy::harness

#endif  // MDEPLOY_HARNESS_CLI_ARGS_H_
