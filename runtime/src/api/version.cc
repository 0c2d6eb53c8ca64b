// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "cpu/isa.h"
#include "ir/operator.h"
#include "load/pass.h"
#include "mdeploy/mdeploy_runtime.h"
#include "ops/registry.h"

#define MDEPLOY_STRING_(x) #x
#define MDEPLOY_STRING(x) MDEPLOY_STRING_(x)

extern "C" {

uint32_t mdeploy_abi_version(void) { return MDEPLOY_ABI_VERSION; }
const char* mdeploy_version(void) { return MDEPLOY_VERSION; }

const char* mdeploy_compiler_id(void) {
#if defined(__clang__)
  return "clang " MDEPLOY_STRING(__clang_major__) "." MDEPLOY_STRING(__clang_minor__) "." MDEPLOY_STRING(
      __clang_patchlevel__);
#else
  return "gcc " MDEPLOY_STRING(__GNUC__) "." MDEPLOY_STRING(__GNUC_MINOR__) "." MDEPLOY_STRING(__GNUC_PATCHLEVEL__);
#endif
}

// CMake and the cross-compiler pass their flags in MDEPLOY_COMPILER_FLAGS as a string.
const char* mdeploy_compiler_flags(void) {
#if defined(MDEPLOY_COMPILER_FLAGS)
  return MDEPLOY_COMPILER_FLAGS;
#else
  return "";
#endif
}

const char* mdeploy_build_type(void) {
#if defined(MDEPLOY_BUILD_TYPE)
  return MDEPLOY_BUILD_TYPE;
#elif defined(__OPTIMIZE__)
  return "release";
#else
  return "debug";
#endif
}

const char* mdeploy_best_isa(void) { return mdeploy::isa_name(mdeploy::best_isa()); }

size_t mdeploy_operator_count(void) { return mdeploy::operator_count(); }
const char* mdeploy_operator_type(size_t index) {
  return index < mdeploy::operator_count() ? mdeploy::operator_at(index).type : nullptr;
}

mdeploy_status mdeploy_operator(size_t index, mdeploy_operator_info* info) {
  if (info == nullptr || info->struct_size < sizeof(mdeploy_operator_info) || index >= mdeploy::operator_count()) {
    return MDEPLOY_USAGE;
  }
  const mdeploy::OperatorInfo& found = mdeploy::operator_at(index);
  info->type = found.type;
  info->min_inputs = found.min_inputs;
  info->max_inputs = found.max_inputs;
  info->min_outputs = found.min_outputs;
  info->max_outputs = found.max_outputs;
  return MDEPLOY_OK;
}

int32_t mdeploy_operator_in_place(size_t index, size_t input, size_t output) {
  return index < mdeploy::operator_count() && allows_in_place(mdeploy::operator_at(index).in_place, input, output);
}

size_t mdeploy_pass_count(void) { return mdeploy::all_passes().size(); }
const char* mdeploy_pass_name(size_t index) {
  return index < mdeploy::all_passes().size() ? mdeploy::all_passes()[index].name : nullptr;
}

const char* mdeploy_status_name(int32_t status) {
  switch (status) {
    case MDEPLOY_OK: return "ok";
    case MDEPLOY_CHECK_FAILED: return "check_failed";
    case MDEPLOY_USAGE: return "usage";
    case MDEPLOY_BAD_INPUT: return "bad_input";
    case MDEPLOY_UNSUPPORTED: return "unsupported";
    case MDEPLOY_UNAVAILABLE: return "unavailable";
    case MDEPLOY_CANCELLED: return "cancelled";
    default: return "internal_error";
  }
}

}  // extern "C"
