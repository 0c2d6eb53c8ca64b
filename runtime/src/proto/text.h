// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// The text form of NetDef (.pbtxt), turned into the binary form so that there is one reader of messages.
#ifndef MDEPLOY_PROTO_TEXT_H_
#define MDEPLOY_PROTO_TEXT_H_

#include <string>
#include <string_view>

#include "base/status.h"

namespace mdeploy::proto {

// Whether the bytes begin with a name or a comment and hold no control characters other than white space.
bool looks_like_text(std::string_view bytes);

// Writes the binary form of the NetDef in `text`. Fields that NetDef does not have are errors, as in protobuf.
Status text_to_wire(std::string_view text, std::string* wire);

}  // namespace mdeploy::proto

#endif  // MDEPLOY_PROTO_TEXT_H_
