// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// How the harness passes errors: a status of the C ABI and one line for people. No exceptions.
#ifndef MDEPLOY_HARNESS_IO_STATUS_H_
#define MDEPLOY_HARNESS_IO_STATUS_H_

#include <string>
#include <utility>

#include "mdeploy/mdeploy_runtime.h"

namespace mdeploy::harness {

struct [[nodiscard]] Status {
  mdeploy_status code = MDEPLOY_OK;
  std::string message;

  bool ok() const { return code == MDEPLOY_OK; }
};

inline Status bad_input(std::string message) { return {MDEPLOY_BAD_INPUT, std::move(message)}; }
inline Status usage_error(std::string message) { return {MDEPLOY_USAGE, std::move(message)}; }

}  // namespace mdeploy::harness

#endif  // MDEPLOY_HARNESS_IO_STATUS_H_
