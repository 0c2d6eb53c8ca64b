// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
package org.mdeploy.harness;

import android.app.Activity;
import android.view.View;
import android.widget.ArrayAdapter;
import android.widget.Button;
import android.widget.ImageView;
import android.widget.ProgressBar;
import android.widget.Spinner;
import android.widget.TextView;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/** The views of the screen: what is chosen on them, and how a state looks. No decisions here. */
final class BenchScreen {
  private static final int[] THREADS = {0, 1, 2, 3, 4, 6, 8};
  private static final String[] CORES = {"big", "little", "all"};
  private static final int[] SUSTAINED_MINUTES = {0, 1, 5, 15, 30};

  private final Activity activity;
  private final ModelManifest manifest;
  private final Spinner threads;
  private final Spinner cores;
  private final Spinner sustained;
  private final Spinner golden;
  private final LatencyPlot plot;

  /**
   * @param manifest of the model in the app, or null where there is none
   * @param problem why the model cannot be used, or null
   */
  BenchScreen(Activity activity, ModelManifest manifest, String problem) {
    this.activity = activity;
    this.manifest = manifest;
    threads = activity.findViewById(R.id.threads);
    cores = activity.findViewById(R.id.cores);
    sustained = activity.findViewById(R.id.sustained);
    golden = activity.findViewById(R.id.golden);
    plot = activity.findViewById(R.id.plot);
    fill(threads, threadChoices());
    fill(cores, Arrays.asList(CORES));
    fill(sustained, sustainedChoices());
    fill(golden, manifest == null ? new ArrayList<String>() : manifest.goldenCases);
    if (manifest != null && manifest.pictureCase != null) {
      golden.setSelection(manifest.goldenCases.indexOf(manifest.pictureCase));
    }
    TextView name = activity.findViewById(R.id.model_name);
    TextView detail = activity.findViewById(R.id.model_detail);
    if (manifest == null) {
      name.setText(R.string.no_model);
      detail.setText(problem != null ? problem : activity.getString(R.string.no_model_hint));
    } else {
      name.setText(manifest.name);
      activity.setTitle(manifest.name);
      detail.setText(
          activity.getString(
              R.string.model_detail,
              manifest.inputShape,
              shortNumber(manifest.parameters),
              shortNumber(manifest.macs),
              String.format(Locale.getDefault(), "%.1f MB", manifest.netBytes / 1e6)));
    }
    show(R.id.choose, manifest != null && manifest.takesPictures);
    show(R.id.classify_group, manifest != null);
  }

  String modelName() {
    return manifest == null ? "" : manifest.name;
  }

  /** The benchmark that the choices on the screen ask for. */
  BenchRequest benchRequest() {
    BenchRequest request = withCores(new BenchRequest());
    int minutes = SUSTAINED_MINUTES[sustained.getSelectedItemPosition()];
    if (minutes > 0) {
      request.measure("--sustained", minutes);
    }
    // With an input given, the harness hands back its output too: the classes of a golden picture come for free.
    request.goldenCase = manifest == null ? null : manifest.pictureCase;
    return request;
  }

  BenchRequest withCores(BenchRequest request) {
    int count = THREADS[threads.getSelectedItemPosition()];
    if (count > 0) {
      request.measure("--threads", count);
    }
    return request.measure("--affinity", CORES[cores.getSelectedItemPosition()]);
  }

  /** The golden case chosen, or null where the model has none. */
  String goldenCase() {
    return (String) golden.getSelectedItem();
  }

  void show(BenchController.State state, LatencyTrace trace) {
    boolean ready = manifest != null && !state.running;
    enable(R.id.start, ready);
    enable(R.id.cancel, state.running && !state.cancelling);
    enable(R.id.choose, ready);
    enable(R.id.classify, ready && golden.getCount() > 0);
    for (Spinner spinner : new Spinner[] {threads, cores, sustained, golden}) {
      spinner.setEnabled(!state.running);
    }
    showProgress(state);
    boolean hasReport = state.bench != null && state.bench.report != null;
    show(R.id.result, hasReport || state.running);
    enable(R.id.share, hasReport && !state.running);
    enable(R.id.save, hasReport && !state.running);
    enable(R.id.send, hasReport && !state.running);
    if (hasReport) {
      showReport(state.bench.report);
    }
    if (state.running) {
      double[][] points = trace.points();
      plot.setData(points[0], points[1], new double[0]);
    } else if (hasReport) {
      showPlot(state.bench.report, trace);
    }
    if (state.classified != null) {
      showTop(state.classified);
    }
  }

  private void showProgress(BenchController.State state) {
    ProgressBar bar = activity.findViewById(R.id.progress);
    bar.setVisibility(state.running ? View.VISIBLE : View.INVISIBLE);
    bar.setProgress((int) (1000 * state.fraction));
    TextView status = activity.findViewById(R.id.status);
    if (state.running) {
      status.setText(
          Double.isNaN(state.lastMs)
              ? state.text
              : activity.getString(R.string.progress_last, state.text, state.lastMs));
    } else if (state.latest == null || state.latest.status == Status.OK) {
      status.setText("");
    } else if (state.latest.status == Status.CANCELLED) {
      status.setText(R.string.cancelled);
    } else {
      status.setText(activity.getString(R.string.failed, state.latest.error));
    }
  }

  private void showReport(Report report) {
    milliseconds(R.id.median, report.p50);
    milliseconds(R.id.p90, report.p90);
    milliseconds(R.id.p99, report.p99);
    TextView parity = activity.findViewById(R.id.parity);
    boolean passed = report.outputsPassed == report.outputsChecked;
    if (report.outputsChecked == 0) {
      parity.setText(R.string.parity_none);
    } else if (passed) {
      parity.setText(activity.getString(R.string.parity_passed, report.outputsChecked, report.largestDifference));
    } else {
      int failed = report.outputsChecked - report.outputsPassed;
      String needed = Double.isNaN(report.requiredTolerance)
          ? "–" : String.format(Locale.getDefault(), "%.2g", report.requiredTolerance);
      parity.setText(activity.getString(R.string.parity_failed, failed, report.outputsChecked, needed));
    }
    parity.setTextColor(activity.getColor(passed ? R.color.passed : R.color.failed));
    TextView detail = activity.findViewById(R.id.detail);
    detail.setText(
        activity.getString(
            R.string.result_detail,
            report.runs,
            report.threads,
            report.cores.isEmpty() ? "–" : report.cores,
            report.isa,
            report.initMs,
            report.peakRssBytes / 1e6,
            activity.getString(
                report.runner.equals("app_jni") ? R.string.runner_jni : R.string.runner_child)));
    StringBuilder warnings = new StringBuilder();
    for (String warning : report.warnings) {
      warnings.append(warnings.length() > 0 ? "\n" : "").append(activity.getString(R.string.warning, warning));
    }
    TextView view = activity.findViewById(R.id.warnings);
    view.setText(warnings);
    view.setVisibility(warnings.length() == 0 ? View.GONE : View.VISIBLE);
  }

  private void showPlot(Report report, LatencyTrace trace) {
    double[][] points = trace.points();
    if (points[0].length == 0 && report.samples.length > 0) {
      // The run was too quick for any progress to be shown: the samples one after the other.
      points = new double[][] {new double[report.samples.length], report.samples};
      double at = 0;
      for (int i = 0; i < report.samples.length; i++) {
        points[0][i] = at / 1000;
        at += report.samples[i];
      }
    }
    plot.setData(points[0], points[1], report.minuteMedians);
  }

  private void showTop(Outcome outcome) {
    Picture chosen = outcome.request.picture;
    ImageView picture = activity.findViewById(R.id.picture);
    picture.setImageBitmap(chosen == null ? null : chosen.thumbnail);
    picture.setVisibility(chosen == null ? View.GONE : View.VISIBLE);
    StringBuilder text = new StringBuilder();
    if (outcome.request.goldenCase != null) {
      text.append(outcome.request.goldenCase).append(":\n");
    }
    for (TopClasses.Entry entry : outcome.top) {
      text.append(activity.getString(R.string.top_line, manifest.label(entry.index), 100 * entry.probability));
      text.append('\n');
    }
    TextView top = activity.findViewById(R.id.top);
    top.setText(text.toString().trim());
  }

  private void milliseconds(int id, double value) {
    TextView view = activity.findViewById(id);
    view.setText(
        Double.isNaN(value) ? activity.getString(R.string.result_none) : activity.getString(R.string.result_ms, value));
  }

  private List<String> threadChoices() {
    List<String> names = new ArrayList<>();
    int available = Runtime.getRuntime().availableProcessors();
    for (int count : THREADS) {
      if (count <= Math.max(available, 1)) {
        names.add(count == 0 ? activity.getString(R.string.threads_auto) : Integer.toString(count));
      }
    }
    return names;
  }

  private List<String> sustainedChoices() {
    List<String> names = new ArrayList<>();
    for (int minutes : SUSTAINED_MINUTES) {
      names.add(
          minutes == 0
              ? activity.getString(R.string.sustained_off)
              : activity.getString(R.string.sustained_minutes, minutes));
    }
    return names;
  }

  private void fill(Spinner spinner, List<String> choices) {
    ArrayAdapter<String> adapter = new ArrayAdapter<>(activity, android.R.layout.simple_spinner_item, choices);
    adapter.setDropDownViewResource(android.R.layout.simple_spinner_dropdown_item);
    spinner.setAdapter(adapter);
  }

  private void enable(int id, boolean enabled) {
    Button button = activity.findViewById(id);
    button.setEnabled(enabled);
  }

  private void show(int id, boolean visible) {
    View view = activity.findViewById(id);
    view.setVisibility(visible ? View.VISIBLE : View.GONE);
  }

  private static String shortNumber(long value) {
    if (value >= 1_000_000_000L) {
      return String.format(Locale.getDefault(), "%.2f G", value / 1e9);
    }
    return value >= 1_000_000L
        ? String.format(Locale.getDefault(), "%.1f M", value / 1e6)
        : String.format(Locale.getDefault(), "%.0f k", value / 1e3);
  }
}
