// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// The flags of run/options.h, for people and for programs.
#ifndef MDEPLOY_HARNESS_CLI_HELP_H_
#define MDEPLOY_HARNESS_CLI_HELP_H_

#include <string>

namespace mdeploy::harness {

std::string help_text();

// An array with an object for each flag: name, value (null for a switch), kind ("switch", "text", "integer",
// "number"), group ("caller", "measure", "command"), min and max (null where there is no range), default and help.
std::string options_json();

}  // namespace mdeploy::harness

#endif  // MDEPLOY_HARNESS_CLI_HELP_H_
