// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// Checks of a NetDef that need no shapes.
#ifndef MDEPLOY_LOAD_CHECK_H_
#define MDEPLOY_LOAD_CHECK_H_

#include "base/status.h"
#include "proto/netdef.h"

namespace mdeploy {

// Every operator must be known; all that are not are named at once.
Status check_operator_types(const proto::NetDef& init, const proto::NetDef& predict);

// Arity, in-place use, and arguments that are there twice with different contents.
Status check_operator(const proto::OperatorDef& op);

// Where external inputs are declared, every input must be one or an earlier output, and every external output must
// be produced (or be an external input).
Status check_sources(const proto::NetDef& net);

}  // namespace mdeploy

#endif  // MDEPLOY_LOAD_CHECK_H_
