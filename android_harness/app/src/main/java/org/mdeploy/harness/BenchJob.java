// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
package org.mdeploy.harness;

import android.content.Context;
import android.util.Log;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.json.JSONException;

/** One run from request to outcome, on the thread that calls it. */
final class BenchJob {
  private static final int TOP = 5;
  /** Reports that are kept; older ones are removed. */
  private static final int KEPT_REPORTS = 20;

  private final Context context;
  private final BenchRequest request;
  private final Runner runner;
  private final List<String> warnings = new ArrayList<>();

  BenchJob(Context context, BenchRequest request, Runner runner) {
    this.context = context;
    this.request = request;
    this.runner = runner;
  }

  /** Notes what makes the figures doubtful; any thread. The same line counts once. */
  void warn(String warning) {
    synchronized (warnings) {
      if (!warnings.contains(warning)) {
        warnings.add(warning);
      }
    }
  }

  void cancel() {
    runner.cancel();
  }

  /** Runs. Every failure becomes an outcome. */
  Outcome run(Runner.Progress progress) {
    File reportFile = new File(ReportProvider.directory(context), request.id + ".json");
    try {
      Files.makeDirectory(reportFile.getParentFile());
      return measure(progress, reportFile);
    } catch (HarnessException e) {
      return failure(e.status, e.getMessage());
    } catch (IOException | JSONException e) {
      return failure(Status.BAD_INPUT, e.getMessage());
    } catch (OutOfMemoryError e) {
      return failure(Status.UNAVAILABLE, "not enough memory");
    } catch (RuntimeException e) {
      return failure(Status.INTERNAL, e.toString());
    } finally {
      if (request.picture != null) {
        request.picture.pam.delete();
      }
    }
  }

  private Outcome failure(int status, String error) {
    return new Outcome(request, status, error == null ? Status.word(status) : error, null, null, null, null);
  }

  private Outcome measure(Runner.Progress progress, File reportFile) throws IOException, JSONException {
    progress.at("prepare", 0, Double.NaN, 0, context.getString(R.string.preparing));
    ModelStore store = new ModelStore(context);
    ModelManifest manifest = store.manifest();
    if (manifest == null) {
      throw new IOException(context.getString(R.string.no_model));
    }
    File model = store.unpack(manifest);
    File output = new File(context.getCacheDir(), "output");
    Files.removeAll(output);
    Files.makeDirectory(output);
    DeviceReadings readings = new DeviceReadings(context);
    if (readings.isPowerSaveMode()) {
      warn(context.getString(R.string.power_save_warning));
    }
    ReportCompletion completion = new ReportCompletion(readings);
    HarnessOptions options = options(manifest, model, output, reportFile);
    int status = runner.run(options, readings, progress);
    if (!reportFile.isFile()) {
      return failure(status == Status.OK ? Status.INTERNAL : status, "the harness wrote no report");
    }
    List<String> noted;
    synchronized (warnings) {
      noted = new ArrayList<>(warnings);
    }
    String text = completion.complete(new String(Files.read(reportFile), StandardCharsets.UTF_8), noted);
    Files.replace(reportFile, text);
    removeOldReports(reportFile.getParentFile());
    Report report = Report.parse(text);
    File answer = new File(output, "output_0.npy");
    List<TopClasses.Entry> top = null;
    if (answer.isFile()) {
      top = TopClasses.of(Npy.readFloats(answer), manifest.meaning, TOP);
    }
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    String sha256 = Files.sha256(bytes);
    if (request.collect != null) {
      progress.at("send", 1, Double.NaN, 0, context.getString(R.string.sending));
      Log.i(BenchController.TAG, "MDeployCollect id=" + request.id + " " + send(bytes));
    }
    return new Outcome(request, status, report.error, report, reportFile, sha256, top);
  }

  /** A report that could not be sent is still one, so the run is none the worse. */
  private String send(byte[] report) {
    try {
      return "run=" + ReportSender.send(report, request.collect);
    } catch (IOException e) {
      return "error=" + String.valueOf(e.getMessage()).replace('\n', ' ');
    }
  }

  private HarnessOptions options(ModelManifest manifest, File model, File output, File reportFile) {
    HarnessOptions options = new HarnessOptions(reportFile).model(model).measure(request.flags());
    if (request.picture != null) {
      options.file("--picture", request.picture.pam).file("--output", output);
    } else if (request.goldenCase != null) {
      for (int i = 0; i < manifest.inputCount; i++) {
        options.file("--input", new File(model, ModelManifest.goldenPath(request.goldenCase, "input", i)));
      }
      options.file("--output", output);
    }
    if (request.classifyOnly) {
      options.measure(Arrays.asList("--warmup", "0", "--runs", "1"));
    } else if (!manifest.goldenCases.isEmpty()) {
      options.file("--golden", new File(model, "golden"));
    }
    return options;
  }

  private static void removeOldReports(File directory) {
    File[] files = directory.listFiles();
    while (files != null && files.length > KEPT_REPORTS) {
      File oldest = files[0];
      for (File file : files) {
        if (file.lastModified() < oldest.lastModified()) {
          oldest = file;
        }
      }
      if (!oldest.delete()) {
        return;
      }
      files = directory.listFiles();
    }
  }
}
