// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
package org.mdeploy.harness;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNotNull;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertTrue;
import static org.robolectric.Shadows.shadowOf;

import android.app.Activity;
import android.content.Intent;
import android.net.Uri;
import android.view.View;
import android.view.WindowManager;
import java.io.ByteArrayInputStream;
import java.io.File;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.json.JSONObject;
import org.junit.Rule;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.annotation.Config;
import org.robolectric.annotation.GraphicsMode;
import org.robolectric.shadows.ShadowToast;

/** The screen with real inference behind it, on the oldest and the newest Android. */
@RunWith(RobolectricTestRunner.class)
@Config(sdk = {26, 35})
@GraphicsMode(GraphicsMode.Mode.NATIVE)
public final class MainActivityTest {
  @Rule public final AppRule app = new AppRule();

  private static JSONObject report(Outcome outcome) throws Exception {
    return new JSONObject(new String(Files.read(outcome.reportFile), StandardCharsets.UTF_8));
  }

  private static BenchRequest longRun() {
    BenchRequest request = new BenchRequest();
    request.measure("--min-seconds", 60);
    return request;
  }

  @Test
  public void showsTheModelAndWaits() throws Exception {
    app.start();
    ModelManifest manifest = new ModelStore(RuntimeEnvironment.getApplication()).manifest();
    assertEquals(manifest.name, app.text(R.id.model_name));
    assertTrue(app.text(R.id.model_detail).contains("1×3×32×32"));
    assertTrue(app.isEnabled(R.id.start));
    assertFalse(app.isEnabled(R.id.cancel));
    assertEquals(View.GONE, app.activity.get().findViewById(R.id.result).getVisibility());
  }

  @Test
  public void runsInProcessAndShowsTheResult() throws Exception {
    assertTrue("the JNI library is there", NativeRunner.isAvailable());
    app.start();
    app.click(R.id.start);
    assertFalse(app.isEnabled(R.id.start));
    assertTrue(keepsScreenOn());
    Outcome outcome = app.waitForEnd();
    assertEquals(outcome.error, Status.OK, outcome.status);
    assertFalse(keepsScreenOn());

    JSONObject report = report(outcome);
    assertEquals("mdeploy-report/1", report.getString("schema"));
    assertEquals("app_jni", report.getString("runner"));
    assertEquals("android", report.getJSONObject("device").getString("os"));
    assertEquals(
        RuntimeEnvironment.getApiLevel(), report.getJSONObject("device").getInt("sdk"));
    assertEquals(82, report.getJSONObject("battery").getDouble("level_percent"), 0);
    assertEquals(29.5, report.getJSONObject("battery").getDouble("temperature_c"), 0);
    assertFalse(report.getJSONObject("battery").getBoolean("charging"));
    assertEquals(
        RuntimeEnvironment.getApiLevel() < 29,
        report.getJSONObject("thermal").getJSONObject("before").isNull("status"));
    double median = report.getJSONObject("latency_ms").getDouble("p50");
    assertTrue(median > 0);
    assertEquals(String.format("%.2f ms", median), app.text(R.id.median));
    int outputs = report.getJSONArray("parity").length();
    assertTrue(outputs >= 4);
    assertTrue(app.text(R.id.parity), app.text(R.id.parity).contains("passed, " + outputs + " of " + outputs));
    assertTrue(app.text(R.id.detail).contains("in-process"));
    assertEquals("five classes", 5, count(app.text(R.id.top), "%"));
    assertTrue(app.isEnabled(R.id.share));
    LatencyPlot plot = app.activity.get().findViewById(R.id.plot);
    assertTrue(plot.getContentDescription().toString().contains("runs from"));

    List<String> done = AppRule.logged("MDeployDone");
    assertEquals(1, done.size());
    assertTrue(done.get(0).length() < 1000);
    assertTrue(done.get(0).contains("sha256=" + Files.sha256(Files.read(outcome.reportFile))));
  }

  @Test
  public void runsAsAChildProcess() throws Exception {
    app.start();
    BenchRequest request = new BenchRequest();
    request.measure("--runs", 5);
    assertTrue(app.controller().start(request, new ChildRunner(AppRule.nativeLibraryDir())));
    Outcome outcome = app.waitForEnd();
    assertEquals(outcome.error, Status.OK, outcome.status);
    JSONObject report = report(outcome);
    assertEquals("app_child", report.getString("runner"));
    assertEquals(5, report.getJSONObject("latency_ms").getInt("n"));
    assertEquals("android", report.getJSONObject("device").getString("os"));
    assertEquals(82, report.getJSONObject("battery").getDouble("level_percent"), 0);
    assertEquals(29.5, report.getJSONObject("battery").getDouble("temperature_c"), 0);
    assertFalse(report.getJSONObject("battery").getBoolean("charging"));
    assertFalse(report.getJSONObject("device").isNull("model"));
    assertTrue(app.text(R.id.detail).contains("child process"));
    assertFalse(AppRule.logged("MDeployPhase measure").isEmpty());
  }

  @Test
  public void childRunnerCancels() throws Exception {
    app.start();
    assertTrue(app.controller().start(longRun(), new ChildRunner(AppRule.nativeLibraryDir())));
    app.waitForPhase("measure");
    app.click(R.id.cancel);
    Outcome outcome = app.waitForEnd();
    assertEquals(Status.CANCELLED, outcome.status);
    assertEquals("cancelled", report(outcome).getString("status"));
  }

  @Test
  public void childRunnerWithoutHarness() {
    app.start();
    app.controller().start(new BenchRequest(), new ChildRunner(new File("/nonexistent")));
    Outcome outcome = app.waitForEnd();
    assertEquals(Status.BAD_INPUT, outcome.status);
    assertTrue(app.text(R.id.status), app.text(R.id.status).contains("no harness for this device's ABI"));
  }

  @Test
  public void rotationLeavesTheRunAlone() {
    app.start();
    assertTrue(app.controller().start(longRun()));
    app.waitForPhase("measure");
    Activity before = app.activity.get();
    app.activity.recreate();
    assertFalse("a new activity", before == app.activity.get());
    assertFalse(app.isEnabled(R.id.start));
    assertTrue(app.isEnabled(R.id.cancel));
    assertTrue(keepsScreenOn());
    assertEquals(1, AppRule.logged("MDeployStart").size());
    app.click(R.id.cancel);
    Outcome outcome = app.waitForEnd();
    assertEquals(Status.CANCELLED, outcome.status);
    assertTrue(app.text(R.id.median).endsWith("ms"));
    assertFalse("turning is no background", outcome.report.warnings.toString().contains("background"));
    app.activity.recreate();
    assertTrue("a finished result survives too", app.text(R.id.median).endsWith("ms"));
  }

  @Test
  public void cancelEndsTheRunAndKeepsItsReport() throws Exception {
    app.start();
    app.controller().start(longRun());
    app.waitForPhase("measure");
    app.click(R.id.cancel);
    assertFalse("one cancel is enough", app.isEnabled(R.id.cancel));
    Outcome outcome = app.waitForEnd();
    assertEquals(Status.CANCELLED, outcome.status);
    assertEquals("cancelled", report(outcome).getString("status"));
    assertEquals("Cancelled.", app.text(R.id.status));
    assertTrue(app.isEnabled(R.id.start));
  }

  @Test
  public void aSecondTapIsRefused() {
    app.start();
    app.controller().start(longRun());
    app.waitForPhase("measure");
    assertFalse(app.isEnabled(R.id.start));
    assertFalse(app.controller().start(new BenchRequest()));
    app.activity.get().findViewById(R.id.start).callOnClick();  // as a tap that was queued before
    assertEquals("A run is in progress", ShadowToast.getTextOfLatestToast());
    assertEquals(1, AppRule.logged("MDeployStart").size());
  }

  @Test
  public void aBrokenModelIsRefusedInOneLine() throws Exception {
    app.start();
    ModelStore store = new ModelStore(RuntimeEnvironment.getApplication());
    File net = new File(store.unpack(store.manifest()), "init_net.pb");
    try (RandomAccessFile file = new RandomAccessFile(net, "rw")) {
      file.seek(1000);
      int old = file.read();
      file.seek(1000);
      file.write(old ^ 1);
    }
    app.click(R.id.start);
    Outcome outcome = app.waitForEnd();
    assertEquals(Status.BAD_INPUT, outcome.status);
    assertTrue(app.text(R.id.status), app.text(R.id.status).contains("init_net.pb: refused: SHA-256"));
    assertEquals("bad_input", report(outcome).getString("status"));
    assertTrue(app.isEnabled(R.id.start));
  }

  @Test
  public void theBackgroundIsNotedInTheReport() {
    app.start();
    BenchRequest request = new BenchRequest();
    request.measure("--min-seconds", 1);
    app.controller().start(request);
    app.waitForPhase("measure");
    app.activity.pause().stop();
    Outcome outcome = app.waitForEnd();
    app.activity.start().resume();
    assertEquals(outcome.error, Status.OK, outcome.status);
    assertTrue(app.text(R.id.warnings), app.text(R.id.warnings).contains("in the background"));
  }

  @Test
  public void lowMemoryIsNotedInTheReport() throws Exception {
    app.start();
    BenchRequest request = new BenchRequest();
    request.measure("--min-seconds", 1);
    app.controller().start(request);
    app.waitForPhase("measure");
    app.activity.get().onTrimMemory(android.content.ComponentCallbacks2.TRIM_MEMORY_RUNNING_CRITICAL);
    app.activity.get().onLowMemory();
    Outcome outcome = app.waitForEnd();
    assertEquals(1, count(report(outcome).getJSONArray("warnings").toString(), "low memory"));
  }

  @Test
  public void aPictureGetsTheClassesOfItsGoldenCase() throws Exception {
    MainActivity activity = app.start();
    String goldenCase = new ModelStore(activity).manifest().pictureCase;
    assertNotNull("the test's artifact has a case made from a picture", goldenCase);
    app.controller().start(BenchRequest.classify(goldenCase));
    List<TopClasses.Entry> expected = app.waitForEnd().top;

    Uri uri = Uri.parse("content://pictures/1");
    app.click(R.id.choose);
    Intent asked = shadowOf(activity).getNextStartedActivityForResult().intent;
    assertEquals(Intent.ACTION_OPEN_DOCUMENT, asked.getAction());
    final byte[] png = Files.read(AppRule.picture());
    shadowOf(activity.getContentResolver()).registerInputStreamSupplier(
        uri, () -> new ByteArrayInputStream(png));
    final Outcome before = app.controller().state().latest;
    shadowOf(activity).receiveResult(asked, Activity.RESULT_OK, new Intent().setData(uri));
    app.waitFor(
        "outcome of the picture",
        () -> app.controller().state().latest != before && !app.controller().state().running);
    Outcome outcome = app.controller().state().latest;
    assertEquals(outcome.error, Status.OK, outcome.status);
    assertEquals(5, outcome.top.size());
    for (int i = 0; i < 5; i++) {
      assertEquals(expected.get(i).index, outcome.top.get(i).index);
      assertEquals(expected.get(i).probability, outcome.top.get(i).probability, 1e-4);
    }
    assertEquals(View.VISIBLE, activity.findViewById(R.id.picture).getVisibility());
    assertFalse("the decoded copy is gone", outcome.request.picture.pam.exists());
    assertNull("classifying is no benchmark", app.controller().state().bench);
  }

  @Test
  public void aFileThatIsNoPictureIsSaid() {
    MainActivity activity = app.start();
    Uri uri = Uri.parse("content://pictures/2");
    shadowOf(activity.getContentResolver()).registerInputStreamSupplier(
        uri, () -> new ByteArrayInputStream("not a picture".getBytes(StandardCharsets.UTF_8)));
    app.click(R.id.choose);
    Intent asked = shadowOf(activity).getNextStartedActivityForResult().intent;
    shadowOf(activity).receiveResult(asked, Activity.RESULT_OK, new Intent().setData(uri));
    app.waitFor("message", () -> ShadowToast.getTextOfLatestToast() != null);
    assertTrue(ShadowToast.getTextOfLatestToast().contains("picture"));
    assertFalse(app.controller().state().running);
  }

  @Test
  public void theHostStartsARunByIntent() throws Exception {
    Intent intent = new Intent(Intent.ACTION_MAIN)
        .putExtra(MainActivity.EXTRA_ID, "host-1")
        .putExtra(MainActivity.EXTRA_ARGS, "--threads 1 --runs 7 --warmup 0 --affinity all --tol 1e-4");
    app.start(intent);
    Outcome outcome = app.waitForEnd();
    assertEquals(outcome.error, Status.OK, outcome.status);
    assertEquals("host-1.json", outcome.reportFile.getName());
    JSONObject report = report(outcome);
    assertEquals(7, report.getJSONObject("latency_ms").getInt("n"));
    assertEquals(1, report.getInt("threads"));
    assertEquals("all", report.getJSONObject("affinity").getString("requested"));
    assertEquals(1e-4, report.getJSONArray("parity").getJSONObject(0).getDouble("tolerance"), 0);
    String marker = AppRule.logged("MDeployDone").get(0);
    assertTrue(marker, marker.startsWith(
        "MDeployDone id=host-1 exit=0 status=ok report=files/reports/host-1.json bytes="));
    app.activity.recreate();
    assertEquals("turning does not start it again", 1, AppRule.logged("MDeployStart").size());
  }

  @Test
  public void theHostsMistakesAreAnswered() {
    app.start();
    app.activity.newIntent(new Intent()
        .putExtra(MainActivity.EXTRA_ID, "host-2").putExtra(MainActivity.EXTRA_ARGS, "--init /etc/passwd"));
    assertEquals(
        "MDeployDone id=host-2 exit=2 status=usage error=the flags are not of letters, digits and . + - = alone",
        AppRule.logged("MDeployDone").get(0));
    app.controller().start(longRun());
    app.activity.newIntent(new Intent().putExtra(MainActivity.EXTRA_ID, "host-3"));
    assertEquals(
        "MDeployDone id=host-3 exit=5 status=unavailable error=A run is in progress",
        AppRule.logged("MDeployDone").get(1));
  }

  @Test
  public void aStrangersFlagThatNamesAFileIsRefusedByTheHarness() throws Exception {
    app.start();
    app.activity.newIntent(new Intent()
        .putExtra(MainActivity.EXTRA_ID, "host-4").putExtra(MainActivity.EXTRA_ARGS, "--runs 2 --output out"));
    Outcome outcome = app.waitForEnd();
    assertEquals(Status.USAGE, outcome.status);
    assertTrue(outcome.error, outcome.error.startsWith("--output: "));
    assertEquals("usage", report(outcome).getString("status"));
  }

  @Test
  public void reportsAreSharedBySystemMeans() throws Exception {
    MainActivity activity = app.start();
    BenchRequest request = new BenchRequest();
    request.measure("--runs", 3);
    app.controller().start(request);
    Outcome outcome = app.waitForEnd();
    app.click(R.id.share);
    Intent chooser = shadowOf(activity).getNextStartedActivity();
    Intent send = chooser.getParcelableExtra(Intent.EXTRA_INTENT);
    Uri uri = send.getParcelableExtra(Intent.EXTRA_STREAM);
    assertTrue((send.getFlags() & Intent.FLAG_GRANT_READ_URI_PERMISSION) != 0);
    try (java.io.InputStream in = activity.getContentResolver().openInputStream(uri)) {
      assertEquals(
          Files.sha256(Files.read(outcome.reportFile)), Files.sha256(Files.read(in)));
    }
  }

  private boolean keepsScreenOn() {
    int flags = app.activity.get().getWindow().getAttributes().flags;
    return (flags & WindowManager.LayoutParams.FLAG_KEEP_SCREEN_ON) != 0;
  }

  private static int count(String text, String part) {
    return text.split(part, -1).length - 1;
  }
}
