// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
package org.mdeploy.harness;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;
import static org.robolectric.Shadows.shadowOf;

import android.app.AlertDialog;
import android.content.DialogInterface;
import android.content.Intent;
import android.os.Looper;
import android.widget.EditText;
import java.io.IOException;
import java.net.ServerSocket;
import org.junit.Rule;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.annotation.Config;
import org.robolectric.annotation.GraphicsMode;
import org.robolectric.shadows.ShadowAlertDialog;
import org.robolectric.shadows.ShadowToast;

/** Reports on their way to a real {@code mdeploy collect}, whose address and token the build hands in. */
@RunWith(RobolectricTestRunner.class)
@Config(sdk = {26, 35})
// As the other tests: another mode is another class loader, and the native library goes with one only.
@GraphicsMode(GraphicsMode.Mode.NATIVE)
public final class CollectTest {
  @Rule public final AppRule app = new AppRule();

  private final String url = System.getProperty("mdeploy.collect.url", "");
  private final String token = System.getProperty("mdeploy.collect.token", "");

  private static Intent hostIntent(String id, String address, String token) {
    return new Intent(Intent.ACTION_MAIN)
        .putExtra(MainActivity.EXTRA_ID, id)
        .putExtra(MainActivity.EXTRA_ARGS, "--threads 1 --runs 5 --warmup 0")
        .putExtra(MainActivity.EXTRA_COLLECT, address)
        .putExtra(MainActivity.EXTRA_TOKEN, token);
  }

  /** The outcome of a run that a host asked for, and what was logged of its report's way. */
  private String collected(Intent intent) {
    app.start(intent);
    Outcome outcome = app.waitForEnd();
    assertEquals(outcome.error, Status.OK, outcome.status);
    assertEquals(1, AppRule.logged("MDeployCollect").size());
    return AppRule.logged("MDeployCollect").get(0);
  }

  @Test
  public void theReportOfAHostsRunArrives() {
    assertTrue("-Dmdeploy.collect.url=... must name a server; see README.md", url.startsWith("http://127.0.0.1:"));
    String line = collected(hostIntent("sent-1", url, token));
    assertTrue(line, line.matches("MDeployCollect id=sent-1 run=[0-9]+"));
  }

  @Test
  public void aRefusalLeavesTheRunAsItIs() {
    String line = collected(hostIntent("sent-2", url, "a-wrong-token"));
    assertTrue(line, line.startsWith("MDeployCollect id=sent-2 error=the server refused the report (401)"));
  }

  @Test
  public void noServerLeavesTheRunAsItIs() throws IOException {
    int free;
    try (ServerSocket socket = new ServerSocket(0)) {
      free = socket.getLocalPort();
    }
    String line = collected(hostIntent("sent-3", "http://localhost:" + free + "/reports", null));
    assertTrue(line, line.startsWith("MDeployCollect id=sent-3 error="));
  }

  @Test
  public void nothingIsSentUnlessAskedFor() {
    app.start(new Intent(Intent.ACTION_MAIN)
        .putExtra(MainActivity.EXTRA_ID, "sent-4").putExtra(MainActivity.EXTRA_ARGS, "--runs 3"));
    assertEquals(Status.OK, app.waitForEnd().status);
    assertTrue(AppRule.logged("MDeployCollect").isEmpty());
  }

  @Test
  public void anIntentLeadsToThisPhoneAlone() {
    app.start(hostIntent("sent-5", "http://example.com/reports", null));
    String done = AppRule.logged("MDeployDone").get(0);
    assertTrue(done, done.startsWith("MDeployDone id=sent-5 exit=2 status=usage error=mdeploy.collect takes localhost"));
    assertTrue("nothing was run", AppRule.logged("MDeployStart").isEmpty());
    for (String address : new String[] {
        "http://127.0.0.1.example.com/", "http://user@127.0.0.1/", "file:///etc/hosts", "http://", "127.0.0.1:80", "",
        "http://2130706433/", "http://localhost@example.com/", "ftp://localhost/x"}) {
      assertThrows(address, IllegalArgumentException.class, () -> CollectTarget.ofIntent(address, null));
    }
    assertThrows(
        IllegalArgumentException.class, () -> CollectTarget.ofIntent("http://localhost/", "two\r\nX-Header: lines"));
    assertNull(CollectTarget.ofIntent("http://[::1]:8765/reports", "").token);
    assertEquals("10.0.0.7", CollectTarget.ofUser(" http://10.0.0.7:8765/reports", "t").url.getHost());
  }

  @Test
  public void theUserSendsAReport() throws Exception {
    MainActivity activity = app.start();
    BenchRequest request = new BenchRequest();
    request.measure("--runs", 3);
    app.controller().start(request);
    app.waitForEnd();
    sendTo(url, "");
    assertTrue(ShadowToast.getTextOfLatestToast(), ShadowToast.getTextOfLatestToast().contains("(401)"));
    sendTo("no address", "");
    assertEquals("the address is not an http or https URL", ShadowToast.getTextOfLatestToast());
    sendTo(url, token);
    assertTrue(ShadowToast.getTextOfLatestToast(), ShadowToast.getTextOfLatestToast().startsWith("Report sent: run "));
    app.click(R.id.send);
    EditText kept = ShadowAlertDialog.getLatestAlertDialog().findViewById(R.id.collect_address);
    assertEquals("the address is remembered", url, kept.getText().toString());
    assertTrue(activity.getSharedPreferences("collect", 0).contains("token"));
  }

  private void sendTo(String address, String secret) {
    ShadowToast.reset();
    app.click(R.id.send);
    AlertDialog dialog = ShadowAlertDialog.getLatestAlertDialog();
    ((EditText) dialog.findViewById(R.id.collect_address)).setText(address);
    ((EditText) dialog.findViewById(R.id.collect_token)).setText(secret);
    dialog.getButton(DialogInterface.BUTTON_POSITIVE).performClick();
    shadowOf(Looper.getMainLooper()).idle();
    app.waitFor("answer", () -> ShadowToast.getTextOfLatestToast() != null);
  }
}
