// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// The forms of a result: one line of JSON as schemas/report.schema.json wants it, and several lines for people.
#ifndef MDEPLOY_HARNESS_REPORT_REPORT_H_
#define MDEPLOY_HARNESS_REPORT_REPORT_H_

#include <string>

#include "run/result.h"

namespace mdeploy::harness {

std::string report_json(const RunResult& result);
std::string report_summary(const RunResult& result);

}  // namespace mdeploy::harness

#endif  // MDEPLOY_HARNESS_REPORT_REPORT_H_
