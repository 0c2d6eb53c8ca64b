// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
package org.mdeploy.harness;

import android.content.Context;
import android.os.Handler;
import android.os.Looper;
import android.util.Log;
import java.io.File;

/**
 * Holds the one run that may be in progress, apart from any activity, so that turning the device or leaving the screen
 * does not touch it. All methods are for the main thread; the run has a thread of its own.
 */
final class BenchController {
  static final String TAG = "mdeploy";

  /** What the screen shows. */
  static final class State {
    final boolean running;
    final boolean cancelling;
    final String phase;
    final double fraction;
    final double lastMs;
    final String text;
    /** The latest benchmark that ended, or null. */
    final Outcome bench;
    /** The latest outcome with classes, or null. */
    final Outcome classified;
    /** The outcome of the latest run of any kind, or null. */
    final Outcome latest;

    State(
        boolean running,
        boolean cancelling,
        String phase,
        double fraction,
        double lastMs,
        String text,
        Outcome bench,
        Outcome classified,
        Outcome latest) {
      this.running = running;
      this.cancelling = cancelling;
      this.phase = phase;
      this.fraction = fraction;
      this.lastMs = lastMs;
      this.text = text;
      this.bench = bench;
      this.classified = classified;
      this.latest = latest;
    }
  }

  /** Told on the main thread. */
  interface Listener {
    void onState(State state);
  }

  /** Told on the main thread once per run. */
  interface EndListener {
    void onEnd(Outcome outcome);
  }

  static BenchController instance;

  private final Context context;
  private final Handler main = new Handler(Looper.getMainLooper());
  private final LatencyTrace trace = new LatencyTrace();
  private State state = new State(false, false, "", 0, Double.NaN, "", null, null, null);
  private Listener listener;
  private EndListener endListener;
  private BenchJob job;
  // Progress may come faster than the screen draws: only the newest is posted, and one at a time.
  private State pending;

  private BenchController(Context context) {
    this.context = context;
  }

  static synchronized BenchController get(Context context) {
    if (instance == null) {
      instance = new BenchController(context.getApplicationContext());
    }
    return instance;
  }

  State state() {
    return state;
  }

  /** Latency over time of the run in progress, or of the latest benchmark. */
  LatencyTrace trace() {
    return trace;
  }

  /** The screen that shows the run, or null when there is none. */
  void setListener(Listener listener) {
    this.listener = listener;
    if (listener != null) {
      listener.onState(state);
    }
  }

  /** Who waits for the end of runs beside the screen, or null. */
  void setEndListener(EndListener listener) {
    endListener = listener;
  }

  /** Starts a run, and returns false, doing nothing, when one is in progress. */
  boolean start(BenchRequest request) {
    return start(request, newRunner());
  }

  boolean start(final BenchRequest request, Runner runner) {
    if (job != null) {
      return false;
    }
    final BenchJob started = new BenchJob(context, request, runner);
    job = started;
    trace.clear();
    show(new State(
        true, false, "prepare", 0, Double.NaN, context.getString(R.string.starting), state.bench, state.classified,
        state.latest));
    Log.i(TAG, "MDeployStart id=" + request.id + " runner=" + runner.name());
    new Thread("mdeploy-bench") {
      @Override
      public void run() {
        final Outcome outcome = started.run(new Reporter());
        main.post(
            new Runnable() {
              @Override
              public void run() {
                finish(outcome);
              }
            });
      }
    }.start();
    return true;
  }

  void cancel() {
    if (job == null || state.cancelling) {
      return;
    }
    job.cancel();
    show(new State(
        true, true, state.phase, state.fraction, state.lastMs, context.getString(R.string.cancelling), state.bench,
        state.classified, state.latest));
  }

  /** Notes in the report of the run in progress what makes its figures doubtful. */
  void warn(int text) {
    if (job != null) {
      job.warn(context.getString(text));
    }
  }

  private Runner newRunner() {
    return NativeRunner.isAvailable()
        ? new NativeRunner()
        : new ChildRunner(new File(context.getApplicationInfo().nativeLibraryDir));
  }

  private void finish(Outcome outcome) {
    job = null;
    synchronized (this) {
      pending = null;
    }
    boolean bench = !outcome.request.classifyOnly;
    show(new State(
        false, false, "", 0, Double.NaN, "", bench ? outcome : state.bench,
        outcome.top != null ? outcome : state.classified, outcome));
    Log.i(TAG, outcome.endMarker());
    if (endListener != null) {
      endListener.onEnd(outcome);
    }
  }

  /** Says in the log that a host's request was not taken; the app itself goes on. */
  static void refuse(BenchRequest request, int status, String error) {
    Log.i(TAG, new Outcome(request, status, error, null, null, null, null).endMarker());
  }

  private void show(State next) {
    state = next;
    if (listener != null) {
      listener.onState(next);
    }
  }

  private void showPending() {
    State next;
    synchronized (this) {
      next = pending;
      pending = null;
    }
    if (next != null && job != null) {
      String text = state.cancelling ? state.text : next.text;
      show(new State(
          true, state.cancelling, next.phase, next.fraction, next.lastMs, text, state.bench, state.classified,
          state.latest));
    }
  }

  private final class Reporter implements Runner.Progress {
    private String phase = "";

    @Override
    public void at(String phase, double fraction, double lastMs, double elapsedMs, String text) {
      if (!phase.equals(this.phase)) {
        this.phase = phase;
        Log.i(TAG, "MDeployPhase " + phase);
      }
      if (phase.equals("measure") || phase.equals("sustained")) {
        trace.add(elapsedMs / 1000, lastMs);
      }
      State next = new State(true, false, phase, fraction, lastMs, text, null, null, null);
      synchronized (BenchController.this) {
        boolean posted = pending != null;
        pending = next;
        if (posted) {
          return;
        }
      }
      main.post(
          new Runnable() {
            @Override
            public void run() {
              showPending();
            }
          });
    }
  }
}
