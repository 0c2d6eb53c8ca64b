// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
package org.mdeploy.harness;

import java.io.File;
import java.util.List;

/** How a run ended. */
final class Outcome {
  final BenchRequest request;
  final int status;
  /** One line, or null when the status is OK. */
  final String error;
  /** Null when the run failed before there was anything to report. */
  final Report report;
  final File reportFile;
  final String reportSha256;
  /** The most probable classes, or null; and what they are of. */
  final List<TopClasses.Entry> top;

  Outcome(
      BenchRequest request,
      int status,
      String error,
      Report report,
      File reportFile,
      String reportSha256,
      List<TopClasses.Entry> top) {
    this.request = request;
    this.status = status;
    this.error = error;
    this.report = report;
    this.reportFile = reportFile;
    this.reportSha256 = reportSha256;
    this.top = top;
  }

  /**
   * One line for the log by which the host that drives the app learns of the end. It stays short, since the log cuts
   * long lines: the report itself is in the file.
   */
  String endMarker() {
    StringBuilder line = new StringBuilder("MDeployDone id=").append(request.id);
    line.append(" exit=").append(status).append(" status=").append(Status.word(status));
    if (reportFile != null) {
      line.append(" report=files/").append(ReportProvider.DIRECTORY).append('/').append(reportFile.getName());
      line.append(" bytes=").append(reportFile.length()).append(" sha256=").append(reportSha256);
    }
    if (error != null) {
      // Last, since it has spaces in it.
      line.append(" error=").append(error.length() > 400 ? error.substring(0, 400) : error);
    }
    return line.toString().replace('\n', ' ');
  }
}
