// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// A picture as input: how the manifest wants it prepared, and the plain file that an app decodes one into. Preparing
// is the runtime's (mdeploy_preprocess).
#ifndef MDEPLOY_HARNESS_IO_PICTURE_H_
#define MDEPLOY_HARNESS_IO_PICTURE_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "io/json_reader.h"
#include "io/npy.h"
#include "io/status.h"

namespace mdeploy::harness {

struct Picture {
  int32_t width = 0, height = 0;
  std::string rgba;  // rows from the top, 4 bytes a pixel
};

// Parses a binary PAM (P7) of depth 4 and MAXVAL 255: http://netpbm.sourceforge.net/doc/pam.html.
Status parse_pam(std::string_view file, const std::string& where, Picture* picture);
Status read_pam(const std::string& path, Picture* picture);

// Reads layout, color_order, mean, std, resize, crop and preprocessing of one of the manifest's inputs. False: it takes
// no pictures, or the fields are malformed.
bool read_picture_spec(const JsonValue& input, mdeploy_preprocess_spec* spec);

// Prepares a picture as the input tensor `array`, whose dtype and dims are set.
Status prepare_picture(const Picture& picture, const mdeploy_preprocess_spec& spec, Array* array);

}  // namespace mdeploy::harness

#endif  // MDEPLOY_HARNESS_IO_PICTURE_H_
