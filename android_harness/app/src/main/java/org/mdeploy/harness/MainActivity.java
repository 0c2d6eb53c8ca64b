// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
package org.mdeploy.harness;

import android.app.Activity;
import android.content.ActivityNotFoundException;
import android.content.ClipData;
import android.content.ComponentCallbacks2;
import android.content.Intent;
import android.net.Uri;
import android.os.Build;
import android.os.Bundle;
import android.view.View;
import android.view.WindowInsets;
import android.view.WindowManager;
import android.widget.Toast;
import java.io.File;
import java.io.IOException;

/** The one screen: takes what the user or the host asks for to the controller, and shows the controller's state. */
public final class MainActivity extends Activity implements BenchController.Listener {
  /** Extras of the intent by which a host starts a run. */
  static final String EXTRA_ID = "mdeploy.id";
  static final String EXTRA_ARGS = "mdeploy.args";
  /** Where the report is posted after the run, on this phone's own ports; see CollectTarget. */
  static final String EXTRA_COLLECT = "mdeploy.collect";
  static final String EXTRA_TOKEN = "mdeploy.token";

  private static final int CHOOSE_PICTURE = 1;
  private static final int SAVE_REPORT = 2;

  private BenchController controller;
  private BenchScreen screen;

  @Override
  protected void onCreate(Bundle saved) {
    super.onCreate(saved);
    setContentView(R.layout.main);
    keepOffTheBars(findViewById(R.id.root));
    controller = BenchController.get(this);
    ModelManifest manifest = null;
    String problem = null;
    try {
      manifest = new ModelStore(this).manifest();
    } catch (IOException e) {
      problem = e.getMessage();
    }
    screen = new BenchScreen(this, manifest, problem);
    listen();
    // After a rotation the intent is the old one: its run is in progress or over.
    if (saved == null) {
      runForHost(getIntent());
    }
  }

  private void listen() {
    findViewById(R.id.start).setOnClickListener(
        new View.OnClickListener() {
          @Override
          public void onClick(View view) {
            start(screen.benchRequest());
          }
        });
    findViewById(R.id.cancel).setOnClickListener(
        new View.OnClickListener() {
          @Override
          public void onClick(View view) {
            controller.cancel();
          }
        });
    findViewById(R.id.classify).setOnClickListener(
        new View.OnClickListener() {
          @Override
          public void onClick(View view) {
            start(screen.withCores(BenchRequest.classify(screen.goldenCase())));
          }
        });
    findViewById(R.id.choose).setOnClickListener(
        new View.OnClickListener() {
          @Override
          public void onClick(View view) {
            Intent intent = new Intent(Intent.ACTION_OPEN_DOCUMENT);
            intent.addCategory(Intent.CATEGORY_OPENABLE).setType("image/*");
            open(intent, CHOOSE_PICTURE);
          }
        });
    findViewById(R.id.share).setOnClickListener(
        new View.OnClickListener() {
          @Override
          public void onClick(View view) {
            share(controller.state().bench.reportFile);
          }
        });
    findViewById(R.id.save).setOnClickListener(
        new View.OnClickListener() {
          @Override
          public void onClick(View view) {
            Intent intent = new Intent(Intent.ACTION_CREATE_DOCUMENT);
            intent.addCategory(Intent.CATEGORY_OPENABLE).setType("application/json");
            intent.putExtra(Intent.EXTRA_TITLE, "mdeploy-" + screen.modelName() + ".json");
            open(intent, SAVE_REPORT);
          }
        });
    findViewById(R.id.send).setOnClickListener(
        new View.OnClickListener() {
          @Override
          public void onClick(View view) {
            askWhereToSend(controller.state().bench.reportFile);
          }
        });
  }

  @Override
  protected void onNewIntent(Intent intent) {
    super.onNewIntent(intent);
    runForHost(intent);
  }

  @Override
  protected void onStart() {
    super.onStart();
    controller.setListener(this);
  }

  @Override
  protected void onStop() {
    super.onStop();
    controller.setListener(null);
    if (!isChangingConfigurations()) {
      controller.warn(R.string.background_warning);
    }
  }

  @Override
  public void onTrimMemory(int level) {
    super.onTrimMemory(level);
    // Only levels that a foreground app gets; later ones mean that it went to the background.
    if (level >= ComponentCallbacks2.TRIM_MEMORY_RUNNING_LOW && level < ComponentCallbacks2.TRIM_MEMORY_UI_HIDDEN) {
      onLowMemory();
    }
  }

  @Override
  public void onLowMemory() {
    super.onLowMemory();
    controller.warn(R.string.memory_warning);
  }

  @Override
  public void onState(BenchController.State state) {
    if (state.running) {
      getWindow().addFlags(WindowManager.LayoutParams.FLAG_KEEP_SCREEN_ON);
    } else {
      getWindow().clearFlags(WindowManager.LayoutParams.FLAG_KEEP_SCREEN_ON);
    }
    screen.show(state, controller.trace());
  }

  @Override
  protected void onActivityResult(int request, int result, Intent data) {
    super.onActivityResult(request, result, data);
    if (result != RESULT_OK || data == null || data.getData() == null) {
      return;
    }
    if (request == CHOOSE_PICTURE) {
      classify(data.getData());
    } else if (request == SAVE_REPORT) {
      save(data.getData());
    }
  }

  private boolean start(BenchRequest request) {
    boolean started = controller.start(request);
    if (!started) {
      say(getString(R.string.busy));
    }
    return started;
  }

  private void runForHost(Intent intent) {
    String id = intent == null ? null : intent.getStringExtra(EXTRA_ID);
    if (id == null) {
      return;
    }
    BenchRequest request;
    try {
      request = BenchRequest.parse(id, intent.getStringExtra(EXTRA_ARGS));
      if (intent.hasExtra(EXTRA_COLLECT)) {
        String address = String.valueOf(intent.getStringExtra(EXTRA_COLLECT));
        request.collect = CollectTarget.ofIntent(address, intent.getStringExtra(EXTRA_TOKEN));
      }
    } catch (IllegalArgumentException e) {
      BenchRequest refused = new BenchRequest();
      refused.id = id;
      BenchController.refuse(refused, Status.USAGE, e.getMessage());
      say(e.getMessage());
      return;
    }
    if (!controller.start(request)) {
      BenchController.refuse(request, Status.UNAVAILABLE, getString(R.string.busy));
    }
  }

  private void classify(final Uri uri) {
    inBackground(
        new Work<Picture>() {
          @Override
          public Picture run() throws IOException {
            File target = File.createTempFile("picture", ".pam", getCacheDir());
            return Picture.read(getContentResolver(), uri, target);
          }

          @Override
          public void done(Picture picture) {
            if (!start(screen.withCores(BenchRequest.classify(picture)))) {
              picture.pam.delete();
            }
          }
        });
  }

  private void save(final Uri uri) {
    final File report = controller.state().bench.reportFile;
    inBackground(
        new Work<Void>() {
          @Override
          public Void run() throws IOException {
            Reports.copy(report, getContentResolver(), uri);
            return null;
          }

          @Override
          public void done(Void nothing) {
            say(getString(R.string.saved));
          }
        });
  }

  private void askWhereToSend(final File report) {
    CollectDialog.show(
        this,
        new CollectDialog.Listener() {
          @Override
          public void onTarget(CollectTarget target) {
            send(report, target);
          }

          @Override
          public void onMistake(String text) {
            say(text);
          }
        });
  }

  private void send(final File report, final CollectTarget target) {
    inBackground(
        new Work<String>() {
          @Override
          public String run() throws IOException {
            return ReportSender.send(Files.read(report), target);
          }

          @Override
          public void done(String number) {
            say(getString(R.string.sent, number));
          }
        });
  }

  private void share(File report) {
    Uri uri = ReportProvider.uriOf(report);
    Intent intent = new Intent(Intent.ACTION_SEND).setType("application/json");
    intent.putExtra(Intent.EXTRA_STREAM, uri);
    intent.putExtra(Intent.EXTRA_SUBJECT, "mdeploy " + screen.modelName());
    // The grant goes with the clip data on every Android that we run on.
    intent.setClipData(ClipData.newRawUri(report.getName(), uri));
    intent.addFlags(Intent.FLAG_GRANT_READ_URI_PERMISSION);
    try {
      startActivity(Intent.createChooser(intent, getString(R.string.share)));
    } catch (ActivityNotFoundException e) {
      say(getString(R.string.no_app));
    }
  }

  private void open(Intent intent, int request) {
    try {
      startActivityForResult(intent, request);
    } catch (ActivityNotFoundException e) {
      say(getString(R.string.no_app));
    }
  }

  private interface Work<T> {
    T run() throws IOException;

    void done(T result);
  }

  /** Does file work off the main thread; a failure is said on the screen. */
  private <T> void inBackground(final Work<T> work) {
    new Thread("mdeploy-files") {
      @Override
      public void run() {
        try {
          final T result = work.run();
          runOnUiThread(
              new Runnable() {
                @Override
                public void run() {
                  work.done(result);
                }
              });
        } catch (final IOException e) {
          runOnUiThread(
              new Runnable() {
                @Override
                public void run() {
                  say(e.getMessage());
                }
              });
        }
      }
    }.start();
  }

  private void say(String text) {
    Toast.makeText(this, text, Toast.LENGTH_LONG).show();
  }

  private static void keepOffTheBars(View root) {
    if (Build.VERSION.SDK_INT < 30) {
      return;  // windows do not reach under the bars there
    }
    root.setOnApplyWindowInsetsListener(
        new View.OnApplyWindowInsetsListener() {
          @Override
          public WindowInsets onApplyWindowInsets(View view, WindowInsets insets) {
            NewerApis.padForBars(view, insets);
            return insets;
          }
        });
  }
}
