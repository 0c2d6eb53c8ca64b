// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
import Foundation
import MDeploy

/// One run from request to outcome, on the thread that calls it.
final class BenchJob: Sendable {
    private static let top = 5

    private let artifact: Artifact
    private let request: BenchRequest
    private let reports: Reports
    private let readings: any DeviceReadings
    private let harness: Harness
    private let warnings = Warnings()

    init(_ artifact: Artifact, _ request: BenchRequest, reports: Reports, readings: any DeviceReadings) throws {
        self.artifact = artifact
        self.request = request
        self.reports = reports
        self.readings = readings
        harness = try Harness()
    }

    func cancel() { harness.cancel() }

    /// Notes what makes the figures doubtful; any thread. The same line counts once.
    func warn(_ text: String) { warnings.add(text) }

    /// Runs. Every failure becomes an outcome.
    func run(_ progress: @escaping @Sendable (Harness.Event) -> Void) -> BenchOutcome {
        do {
            return try measure(progress)
        } catch {
            let known = error as? MDeployError ?? MDeployError(.internalError, "\(error)")
            return BenchOutcome(request: request, error: known, report: nil, reportFile: nil, top: nil)
        }
    }

    private func measure(_ progress: @escaping @Sendable (Harness.Event) -> Void) throws -> BenchOutcome {
        let scratch = FileManager.default.temporaryDirectory.appendingPathComponent("run-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: scratch, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: scratch) }
        try reports.prepare()
        if readings.isLowPowerModeOn() { warn(Texts.lowPowerWarning) }
        let outcome = harness.run(
            try options(scratch).arguments(runner: "ios_app"), host: readings.host, progress: progress)
        guard !outcome.reportJSON.isEmpty else {
            throw outcome.error ?? MDeployError(.internalError, "the harness gave no report")
        }
        var report = try outcome.report()
        report.warnings = (report.warnings ?? []) + warnings.all
        let answer = scratch.appendingPathComponent("output/output_0.npy")
        let top =
            FileManager.default.fileExists(atPath: answer.path)
            ? try Classification.top(Self.top, answer: answer, artifact) : nil
        return BenchOutcome(
            request: request, error: outcome.error, report: report,
            reportFile: try reports.keep(report, of: request), top: top)
    }

    private func options(_ scratch: URL) throws -> HarnessOptions {
        var options = HarnessOptions(artifact)
        if let subject = request.subject {
            let output = scratch.appendingPathComponent("output")
            try FileManager.default.createDirectory(at: output, withIntermediateDirectories: true)
            options.add("--output", output)
            switch subject {
            case .image(let image):
                let file = scratch.appendingPathComponent("image.pam")
                try image.writePAM(to: file)
                options.add("--picture", file)
            case .golden(let name):
                for index in artifact.manifest.inputs.indices {
                    options.add(
                        "--input", artifact.goldenDirectory.appendingPathComponent("\(name)/input_\(index).npy"))
                }
            }
        }
        if request.classifyOnly {
            options.measure(request.flags + ["--warmup", "0", "--runs", "1"])
        } else {
            options.checkParity(artifact)
            options.measure(request.flags)
        }
        return options
    }
}

/// Lines from several threads, each once.
private final class Warnings: @unchecked Sendable {
    private let lock = NSLock()
    private var lines: [String] = []

    func add(_ line: String) { lock.withLock { if !lines.contains(line) { lines.append(line) } } }
    var all: [String] { lock.withLock { lines } }
}
