// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
package org.mdeploy.harness;

import android.app.Activity;
import android.app.Instrumentation;
import android.os.Bundle;
import java.util.concurrent.TimeUnit;

/**
 * Runs one benchmark with the screen in front and ends with its result:
 *
 * <pre>am instrument -w -e args "--threads 4" org.mdeploy.harness/.BenchInstrumentation</pre>
 *
 * The result's bundle has {@code exit}, {@code summary} (the end marker) and, where there is one, {@code report}: the
 * path of the report below the app's data directory.
 */
public final class BenchInstrumentation extends Instrumentation {
  private Bundle arguments;

  @Override
  public void onCreate(Bundle arguments) {
    super.onCreate(arguments);
    this.arguments = arguments == null ? new Bundle() : arguments;
    start();
  }

  @Override
  public void onStart() {
    super.onStart();
    final BenchRequest request;
    try {
      request = BenchRequest.parse(arguments.getString("id"), arguments.getString("args"));
    } catch (IllegalArgumentException e) {
      end(Status.USAGE, e.getMessage(), null);
      return;
    }
    Outcome outcome;
    try {
      // As long as it takes: the host that started us knows when to give up.
      outcome = InstrumentedRun.start(this, request).await(Long.MAX_VALUE, TimeUnit.NANOSECONDS);
    } catch (InterruptedException e) {
      end(Status.CANCELLED, "interrupted", null);
      return;
    }
    end(outcome.status, outcome.endMarker(), outcome);
  }

  private void end(int status, String summary, Outcome outcome) {
    Bundle results = new Bundle();
    results.putInt("exit", status);
    results.putString("summary", summary);
    results.putString(REPORT_KEY_STREAMRESULT, summary + "\n");
    if (outcome != null && outcome.reportFile != null) {
      results.putString("report", "files/" + ReportProvider.DIRECTORY + "/" + outcome.reportFile.getName());
    }
    finish(status == Status.OK ? Activity.RESULT_OK : Activity.RESULT_CANCELED, results);
  }
}
