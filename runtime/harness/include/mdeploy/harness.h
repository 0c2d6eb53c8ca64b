// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// The measuring harness as a library: the command mdeploy-harness and the apps run this same code. It loads a net
// pair through the C ABI of the runtime, proves parity against golden vectors, measures latency and hands back the
// report of schemas/report.schema.json as JSON.
//
//   const char* flags[] = {"--init", "init_net.pb", "--predict", "predict_net.pb", "--manifest", "manifest.json"};
//   mdeploy_harness* harness = mdeploy_harness_create();
//   mdeploy_status status = mdeploy_harness_run(harness, 6, flags, &host);   // off the main thread
//   const char* json = mdeploy_harness_report(harness);
//   mdeploy_harness_free(harness);
#ifndef MDEPLOY_HARNESS_H_
#define MDEPLOY_HARNESS_H_

#include <stddef.h>
#include <stdint.h>

#include "mdeploy/mdeploy_runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum mdeploy_harness_phase {
  MDEPLOY_PHASE_VERIFY = 0,
  MDEPLOY_PHASE_LOAD = 1,
  MDEPLOY_PHASE_PARITY = 2,
  MDEPLOY_PHASE_WARMUP = 3,
  MDEPLOY_PHASE_MEASURE = 4,
  MDEPLOY_PHASE_COOLDOWN = 5,
  MDEPLOY_PHASE_SUSTAINED = 6,
  MDEPLOY_PHASE_DONE = 7
} mdeploy_harness_phase;

typedef struct mdeploy_harness_event {
  size_t struct_size;
  int32_t phase;      // an mdeploy_harness_phase
  double fraction;    // of the phase, 0..1
  double last_ms;     // latency of the latest run, NaN where there is none
  double elapsed_ms;  // since the start of the run
  const char* text;   // one short line for people
} mdeploy_harness_event;

// Readings that native code cannot make on a phone and an app can. NaN and -1 mean unknown.
typedef struct mdeploy_harness_battery {
  size_t struct_size;
  double level_percent;
  double temperature_c;
  int32_t charging;  // 1, 0, or -1
} mdeploy_harness_battery;

// What the caller lends to a run. Every member but struct_size may be NULL. Callbacks come from the thread that
// runs; they return quickly, and `progress` is called between timed runs, never inside one.
typedef struct mdeploy_harness_host {
  size_t struct_size;
  void* user;
  void (*progress)(void* user, const mdeploy_harness_event* event);
  int32_t (*thermal_status)(void* user);  // Android PowerManager's 0..6, or -1
  void (*battery)(void* user, mdeploy_harness_battery* battery);
  const char* device_model;  // where the app knows better than the system files
  const char* device_manufacturer;
  const char* device_soc;
  const char* os_version;
  int32_t sdk;  // Android API level, 0 where unknown
} mdeploy_harness_host;

typedef struct mdeploy_harness mdeploy_harness;

MDEPLOY_API mdeploy_harness* mdeploy_harness_create(void);  // NULL when out of memory
// Runs once to the end and returns the status that the report holds. Blocks; a handle serves one run. `flags` are those
// of the command mdeploy-harness (its --help lists them, run/options.cc has the list), without the program's name and
// without the flags of the command alone (--help, --version, --progress, --options-json). A program that passes on what
// others say puts the word "--" before it: after that no flag is taken that names a file.
MDEPLOY_API mdeploy_status mdeploy_harness_run(mdeploy_harness* harness, size_t flag_count, const char* const* flags,
                                               const mdeploy_harness_host* host);
// Ends a run early; the report then says "cancelled" and holds what was measured. Any thread, signal handlers too.
MDEPLOY_API void mdeploy_harness_cancel(mdeploy_harness* harness);
// After a run, valid until free: the report as one line of JSON, a summary for people, the error ("" when none).
MDEPLOY_API const char* mdeploy_harness_report(const mdeploy_harness* harness);
MDEPLOY_API const char* mdeploy_harness_summary(const mdeploy_harness* harness);
MDEPLOY_API const char* mdeploy_harness_error(const mdeploy_harness* harness);
MDEPLOY_API void mdeploy_harness_free(mdeploy_harness* harness);

// What an app that uses a net, without measuring it, needs of an artifact's manifest. Both fill `error` with one line.
//
// Compares the files beside the manifest with what it says of their sizes and SHA-256: both nets, which must be there,
// and whatever else it lists and is there. MDEPLOY_BAD_INPUT names the first that differs.
MDEPLOY_API mdeploy_status mdeploy_artifact_verify(const char* manifest_path, mdeploy_error* error);
// How a picture becomes input `index`, for mdeploy_preprocess. MDEPLOY_UNSUPPORTED where that input takes no pictures.
MDEPLOY_API mdeploy_status mdeploy_artifact_preprocess(const char* manifest_path, size_t index,
                                                       mdeploy_preprocess_spec* spec, mdeploy_error* error);

// The whole command line: parses, runs, prints, returns the exit code. SIGINT and SIGTERM cancel.
MDEPLOY_API int mdeploy_harness_main(int argc, char** argv);

#ifdef __cplusplus
}
#endif
#endif  // MDEPLOY_HARNESS_H_
