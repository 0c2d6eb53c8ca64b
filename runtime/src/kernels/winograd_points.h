// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// The weight transform U = G g G^T that belongs to the data transforms in isa/winograd.inc: interpolation at the points
// 0, p_1 .. p_{m}, infinity. Row j of G is (1, p, p^2) / prod_{l != j} (p_j - p_l); the last is (0, 0, 1).
#ifndef MDEPLOY_KERNELS_WINOGRAD_POINTS_H_
#define MDEPLOY_KERNELS_WINOGRAD_POINTS_H_

#include <vector>

namespace mdeploy {

// Rows of G for F(2x2) or F(4x4), (m + 2) x 3. For F(2x2) row 0 and the data transform's row 0 both have their sign
// changed, as usual, to save a negation.
inline std::vector<double> winograd_weight_matrix(int m) {
  if (m == 2) return {1, 0, 0, 0.5, 0.5, 0.5, 0.5, -0.5, 0.5, 0, 0, 1};
  const double a = 0.70710678118654752440, b = 1.41421356237309504880;
  const double na = -1.0 / 1.5, nb = 1.0 / 6.0;  // 2 a^2 (a^2 - b^2) = -3/2, 2 b^2 (b^2 - a^2) = 6
  return {1,  0,       0,            //
          na, a * na,  0.5 * na,     //
          na, -a * na, 0.5 * na,     //
          nb, b * nb,  2.0 * nb,     //
          nb, -b * nb, 2.0 * nb,     //
          0,  0,       1};
}

}  // namespace mdeploy

#endif  // MDEPLOY_KERNELS_WINOGRAD_POINTS_H_
