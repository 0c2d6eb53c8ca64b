// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
package org.mdeploy.harness;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.json.JSONException;
import org.json.JSONObject;

/**
 * Runs the command-line harness as a child process. The executable lies among the app's native libraries, the one place
 * from which Android lets an app start programs.
 */
final class ChildRunner implements Runner {
  static final String EXECUTABLE = "libmdeploy_harness.so";
  private static final String PROGRESS = "MDeployProgress ";
  private static final int KILL_AFTER_SECONDS = 5;
  private static final int MAX_ERROR_CHARS = 500;

  private final File executable;
  private Process process;
  private boolean cancelled;

  ChildRunner(File nativeLibraryDir) {
    executable = new File(nativeLibraryDir, EXECUTABLE);
  }

  @Override
  public String name() {
    return "app_child";
  }

  @Override
  public int run(HarnessOptions options, DeviceReadings readings, Progress progress) throws IOException {
    if (!executable.isFile()) {
      throw new IOException("this app has no harness for this device's ABI (" + executable.getName() + " is missing)");
    }
    List<String> command = new ArrayList<>();
    command.add(executable.getPath());
    command.add("--progress");
    command.addAll(options.arguments(name()));
    Process child;
    synchronized (this) {
      if (cancelled) {
        return Status.CANCELLED;
      }
      child = new ProcessBuilder(command).start();
      process = child;
    }
    child.getOutputStream().close();
    // The report comes by file; its copy on stdout only has to be read so that the child does not block.
    Thread drain = new Thread(new Drain(child.getInputStream()), "mdeploy-stdout");
    drain.start();
    String lastLine = follow(child.getErrorStream(), progress);
    int status;
    try {
      status = child.waitFor();
      drain.join();
    } catch (InterruptedException e) {
      child.destroyForcibly();
      Thread.currentThread().interrupt();
      return Status.CANCELLED;
    }
    if (status > 128 && status != Status.CANCELLED) {
      if (isCancelled()) {
        return Status.CANCELLED;
      }
      throw new IOException("the harness was ended by signal " + (status - 128) + (status == 137 ? " (out of memory?)" : ""));
    }
    if (status != Status.OK && !options.report().isFile() && !lastLine.isEmpty()) {
      throw new HarnessException(status, lastLine);
    }
    return status;
  }

  @Override
  public synchronized void cancel() {
    cancelled = true;
    final Process child = process;
    if (child == null) {
      return;
    }
    child.destroy();  // SIGTERM: the harness ends the run and writes the report of what it measured
    Thread killer =
        new Thread("mdeploy-cancel") {
          @Override
          public void run() {
            try {
              if (!child.waitFor(KILL_AFTER_SECONDS, TimeUnit.SECONDS)) {
                child.destroyForcibly();
              }
            } catch (InterruptedException e) {
              child.destroyForcibly();
            }
          }
        };
    killer.setDaemon(true);
    killer.start();
  }

  private synchronized boolean isCancelled() {
    return cancelled;
  }

  /** Passes progress lines on and returns the last line that was none: the error, when there is one. */
  private static String follow(InputStream stream, Progress progress) throws IOException {
    String last = "";
    try (BufferedReader reader = new BufferedReader(new InputStreamReader(stream, StandardCharsets.UTF_8))) {
      for (String line = reader.readLine(); line != null; line = reader.readLine()) {
        if (line.startsWith(PROGRESS)) {
          pass(line.substring(PROGRESS.length()), progress);
        } else if (!line.trim().isEmpty()) {
          last = line.length() > MAX_ERROR_CHARS ? line.substring(0, MAX_ERROR_CHARS) : line;
        }
      }
    } catch (IOException e) {
      // A destroyed process closes its streams under the reader: the exit code then says what happened.
    }
    return last;
  }

  private static void pass(String json, Progress progress) {
    try {
      JSONObject event = new JSONObject(json);
      progress.at(
          event.getString("phase"),
          event.optDouble("fraction", 0),
          event.optDouble("last_ms", Double.NaN),
          event.optDouble("elapsed_ms", 0),
          event.optString("text"));
    } catch (JSONException e) {
      // A line cut short by a dying child: the next one, or the exit code, tells.
    }
  }

  private static final class Drain implements Runnable {
    private final InputStream stream;

    Drain(InputStream stream) {
      this.stream = stream;
    }

    @Override
    public void run() {
      byte[] buffer = new byte[65536];
      try {
        while (stream.read(buffer) >= 0) {}
      } catch (IOException e) {
        // As above.
      }
    }
  }
}
