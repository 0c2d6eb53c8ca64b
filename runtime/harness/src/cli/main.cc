// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include <cstddef>

#include "mdeploy/harness.h"

#if defined(_LIBCPP_VERSION)
// libc++abi names the type of an exception that nobody caught, and brings 130 KB of demangler for that: more than a
// tenth of this executable. Without it the raw name is printed.
extern "C" char* __cxa_demangle(const char*, char*, std::size_t*, int* status) {
  if (status != nullptr) *status = -2;  // not a valid name
  return nullptr;
}
#endif

int main(int argc, char** argv) { return mdeploy_harness_main(argc, argv); }
