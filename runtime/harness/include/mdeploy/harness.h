// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// The measuring harness as a library: the command mdeploy-harness and the apps run this same code. It loads a net
// pair through the C ABI of the runtime, proves parity against golden vectors, measures latency and hands back the
// report of schemas/report.schema.json as JSON.
//
//   mdeploy_harness* harness = mdeploy_harness_create();
//   mdeploy_harness_options options = {0};
//   options.struct_size = sizeof options;            // zeros mean the defaults
//   options.init_path = ...; options.predict_path = ...;
//   mdeploy_status status = mdeploy_harness_run(harness, &options, &host);   // off the main thread
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

// What to run. Zero, NULL and 0.0 mean "the default", so a zeroed struct needs only struct_size and the two nets.
typedef struct mdeploy_harness_options {
  size_t struct_size;
  const char* init_path;
  const char* predict_path;
  const char* manifest_path;   // checks every SHA-256 before loading; gives input shapes and output meanings
  const char* const* inputs;   // .npy files by position, the data to time with
  size_t input_count;
  const char* output_dir;      // where output_N.npy of those inputs go
  const char* golden_dir;      // CASE/{input_N,output_N}.npy
  double tolerance;            // of golden parity; 1e-5. Negative: exactly equal
  double relative_tolerance;   // adds this times |reference|; 0
  int32_t threads;             // the chosen cores, at most 4
  const char* affinity;        // "big" (default), "little", "all", or a mask of cores in hexadecimal as in taskset
  int32_t warmup;              // untimed runs; 0: until stable. Negative: none but the first run
  int32_t runs;                // timed runs a round; 0: at least 10 and at least min_seconds
  double min_seconds;          // a round lasts at least this long; 1 s, or 0 where runs is given
  int32_t rounds;              // 1
  double cooldown_seconds;     // idle time before each round
  double sustained_minutes;    // run on for this long after the rounds, with figures per minute
  int32_t profile;             // per-operator times
  const char* report_path;     // also write the report to this file
  const char* runner;          // "cli", "app_jni", "app_child" or "ios_app", as in the report; "cli"
  const char* picture_path;    // instead of inputs: a picture (binary PAM, RGBA), prepared as the manifest says
} mdeploy_harness_options;

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
  int32_t phase;     // an mdeploy_harness_phase
  double fraction;   // of the phase, 0..1
  double last_ms;    // latency of the latest run, NaN where there is none
  double elapsed_ms; // since the start of the run
  const char* text;  // one short line for people
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
// Runs once to the end and returns the status that the report holds. Blocks; a handle serves one run.
MDEPLOY_API mdeploy_status mdeploy_harness_run(mdeploy_harness* harness, const mdeploy_harness_options* options,
                                               const mdeploy_harness_host* host);
// Ends a run early; the report then says "cancelled" and holds what was measured. Any thread, signal handlers too.
MDEPLOY_API void mdeploy_harness_cancel(mdeploy_harness* harness);
// After a run, valid until free: the report as one line of JSON, a summary for people, the error ("" when none).
MDEPLOY_API const char* mdeploy_harness_report(const mdeploy_harness* harness);
MDEPLOY_API const char* mdeploy_harness_summary(const mdeploy_harness* harness);
MDEPLOY_API const char* mdeploy_harness_error(const mdeploy_harness* harness);
MDEPLOY_API void mdeploy_harness_free(mdeploy_harness* harness);

// The whole command line: parses, runs, prints, returns the exit code. SIGINT and SIGTERM cancel.
MDEPLOY_API int mdeploy_harness_main(int argc, char** argv);

#ifdef __cplusplus
}
#endif
#endif  // MDEPLOY_HARNESS_H_
