// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// Colour before the resize: alpha over a background, and grey, both to the bit as Pillow rounds them.
#ifndef MDEPLOY_IMAGE_PIXELS_H_
#define MDEPLOY_IMAGE_PIXELS_H_

#include <cstdint>

namespace mdeploy {

// ITU-R 601 luma in 16 bits of fixed point: Pillow's convert("L").
inline uint8_t luma(uint32_t r, uint32_t g, uint32_t b) {
  return static_cast<uint8_t>((r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16);
}

// A part of alpha / 255 of `over` on the rest of `under`: Pillow's alpha_composite on an opaque image.
inline uint8_t blend(uint32_t over, uint32_t under, uint32_t alpha) {
  const uint32_t sum = over * alpha + under * (255 - alpha) + 128;
  return static_cast<uint8_t>((sum + (sum >> 8)) >> 8);
}

}  // namespace mdeploy

#endif  // MDEPLOY_IMAGE_PIXELS_H_
