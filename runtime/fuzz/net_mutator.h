// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// Changes a net as a net: bytes that are flipped at random mostly end in the reader, these reach the operators.
#ifndef MDEPLOY_FUZZ_NET_MUTATOR_H_
#define MDEPLOY_FUZZ_NET_MUTATOR_H_

#include <random>
#include <string>
#include <string_view>

namespace mdeploy::fuzz {

// One change to one operator, or to the list of them; the same bytes where they are no net.
std::string mutate_net(std::string_view bytes, std::minstd_rand& random);

}  // namespace mdeploy::fuzz

#endif  // MDEPLOY_FUZZ_NET_MUTATOR_H_
