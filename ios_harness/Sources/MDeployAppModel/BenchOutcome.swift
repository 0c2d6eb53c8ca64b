// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
import Foundation
import MDeploy

/// How a run ended.
public struct BenchOutcome: Sendable {
    public let request: BenchRequest
    /// Nil when all went well.
    public let error: MDeployError?
    /// Nil when the run failed before there was anything to report.
    public let report: Report?
    public let reportFile: URL?
    /// The most probable classes of the subject, or nil.
    public let top: [Classification]?

    public var exitCode: Int32 { error?.code.rawValue ?? 0 }

    /// The line by which a host that drives the app learns of the end. It stays short, since logs cut long lines: the report
    /// itself is in the file.
    public var endMarker: String {
        var line = "MDeployDone id=\(request.id) exit=\(exitCode) status=\(error?.word ?? "ok")"
        if let reportFile { line += " report=Documents/\(Reports.folderName)/\(reportFile.lastPathComponent)" }
        // Last, since it has spaces in it.
        if let error { line += " error=\(error.message.prefix(400))" }
        return line.replacingOccurrences(of: "\n", with: " ")
    }
}
