// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// The command line around the library: parse, run, print.
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <memory>

#include "api/harness.h"
#include "cli/help.h"
#include "io/json_writer.h"
#include "mdeploy/harness.h"
#include "run/options.h"

namespace harness = mdeploy::harness;

namespace {

std::atomic<mdeploy_harness*> g_running{nullptr};  // for the signal handler

void cancel_running(int) {
  if (mdeploy_harness* running = g_running) mdeploy_harness_cancel(running);
}

void handle_signals() {
  struct sigaction action{};
  action.sa_handler = cancel_running;
  // The second signal ends the process, should the first not be enough.
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  signal(SIGPIPE, SIG_IGN);  // a closed stdout is an error of a write, not a death in the middle of a run
}

// At most ten a second, but every new phase and the end.
bool is_due(const mdeploy_harness_event* event) {
  static double shown_ms = -1000;
  static int32_t shown_phase = -1;
  if (event->phase == shown_phase && event->elapsed_ms - shown_ms < 100) return false;
  shown_ms = event->elapsed_ms;
  shown_phase = event->phase;
  return true;
}

void show_progress(void*, const mdeploy_harness_event* event) {
  if (!is_due(event)) return;
  const bool last = event->phase == MDEPLOY_PHASE_DONE;
  std::fprintf(stderr, last ? "\r\033[K" : "\r\033[K%s %3.0f %%", event->text, 100 * event->fraction);
  std::fflush(stderr);
}

void print_progress(void*, const mdeploy_harness_event* event) {
  static constexpr const char* kPhases[] = {"verify",  "load",     "parity",    "warmup",
                                            "measure", "cooldown", "sustained", "done"};
  if (!is_due(event)) return;
  harness::JsonWriter json;
  json.begin_object();
  json.field("phase", kPhases[event->phase]);
  json.field("fraction", event->fraction);
  json.field("last_ms", event->last_ms);
  json.field("elapsed_ms", event->elapsed_ms);
  json.field("text", event->text);
  json.end_object();
  std::fprintf(stderr, "MDeployProgress %s\n", json.text().c_str());
  std::fflush(stderr);
}

int finish_output(mdeploy_status status) {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return status;
  std::fprintf(stderr, "mdeploy-harness: cannot write the report to stdout\n");
  return status == MDEPLOY_OK ? MDEPLOY_BAD_INPUT : status;
}

}  // namespace

extern "C" int mdeploy_harness_main(int argc, char** argv) {
  harness::Options options;
  harness::Status given = harness::parse_options(static_cast<size_t>(std::max(argc - 1, 0)), argv + 1, true, &options);
  if (given.ok() && options.help) {
    std::fputs(harness::help_text().c_str(), stdout);
    return finish_output(MDEPLOY_OK);
  }
  if (given.ok() && options.list_options) {
    std::printf("%s\n", harness::options_json().c_str());
    return finish_output(MDEPLOY_OK);
  }
  if (given.ok() && options.version) {
    std::printf("mdeploy-harness %s (ABI %u, %s %s, %s)\n", mdeploy_version(), mdeploy_abi_version(),
                mdeploy_compiler_id(), mdeploy_build_type(), mdeploy_best_isa());
    return finish_output(MDEPLOY_OK);
  }
  const std::unique_ptr<mdeploy_harness, void (*)(mdeploy_harness*)> handle(mdeploy_harness_create(),
                                                                            mdeploy_harness_free);
  if (handle == nullptr) {
    std::fputs("mdeploy-harness: out of memory\n", stderr);
    return MDEPLOY_UNAVAILABLE;
  }
  mdeploy_harness_host host{};
  host.struct_size = sizeof host;
  if (options.progress) {
    host.progress = print_progress;
  } else if (isatty(STDERR_FILENO)) {
    host.progress = show_progress;
  }
  g_running = handle.get();
  handle_signals();
  const mdeploy_status status = handle->run(options, host, std::move(given));
  g_running = nullptr;
  if (!handle->report.empty()) std::printf("MDeployReport %s\n", handle->report.c_str());
  if (!handle->summary.empty() && status != MDEPLOY_USAGE) std::fputs(handle->summary.c_str(), stderr);
  if (!handle->error.empty()) std::fprintf(stderr, "mdeploy-harness: %s\n", handle->error.c_str());
  return finish_output(status);
}
