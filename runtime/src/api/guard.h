// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// The border of the C ABI: what happens inside comes out as a status and a message, whatever it is.
#ifndef MDEPLOY_API_GUARD_H_
#define MDEPLOY_API_GUARD_H_

#include <algorithm>
#include <cstring>
#include <exception>
#include <new>
#include <system_error>

#include "base/status.h"

namespace mdeploy {

inline mdeploy_status write_error(mdeploy_error* error, mdeploy_status code, std::string_view message) {
  if (error != nullptr && error->struct_size >= sizeof(mdeploy_error)) {
    error->code = code;
    const size_t length = std::min(message.size(), sizeof(error->message) - 1);
    for (size_t i = 0; i < length; ++i) {  // one line, whatever a path or a name holds
      error->message[i] = message[i] == '\n' || message[i] == '\r' ? ' ' : message[i];
    }
    error->message[length] = '\0';
  }
  return code;
}

template <typename F>
mdeploy_status guarded(mdeploy_error* error, F&& f) noexcept {
  try {
    const Status status = f();
    return write_error(error, status.code(), status.message());
  } catch (const std::bad_alloc&) {
    return write_error(error, MDEPLOY_UNAVAILABLE, "not enough memory");
  } catch (const std::system_error& e) {
    return write_error(error, MDEPLOY_UNAVAILABLE, e.what());
  } catch (const std::exception& e) {
    return write_error(error, MDEPLOY_INTERNAL, e.what());
  } catch (...) {
    return write_error(error, MDEPLOY_INTERNAL, "an unknown exception");
  }
}

}  // namespace mdeploy

#endif  // MDEPLOY_API_GUARD_H_
