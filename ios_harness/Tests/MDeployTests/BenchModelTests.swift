// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import MDeploy
@testable import MDeployAppModel

/// The app's logic to the end, without its screen.
@MainActor @Suite struct BenchModelTests {
    let folder: TemporaryFolder
    let model: BenchModel

    init() throws {
        folder = try TemporaryFolder()
        _ = try folder.copy(TestData.artifactFolder())
        model = BenchModel(models: folder.url, documents: folder.url.appendingPathComponent("Documents"))
    }

    /// Starts something and waits for its end.
    private func outcome(of model: BenchModel, _ start: (BenchModel) -> Void) async -> BenchOutcome {
        await withCheckedContinuation { continuation in
            model.onEnd = { continuation.resume(returning: $0) }
            start(model)
        }
    }

    private func host(_ flags: String) -> [String] { ["app", "--mdeploy-id", "run-1", "--mdeploy-args", flags] }

    @Test func benchmarksOnTheScreen() async throws {
        model.choices.threads = 2
        var changes = 0
        model.onChange = { changes += 1 }
        let outcome = await outcome(of: model) { $0.start() }
        #expect(outcome.error == nil)
        #expect(changes >= 3 && !model.state.running)
        let report = try #require(model.state.bench?.report)
        #expect(report.threads == 2 && report.runner == "ios_app")
        let count = model.nets[0].manifest.golden.count
        #expect(count >= 3 && Texts.parity(report).hasPrefix("Parity: passed, \(count) of \(count) outputs"))
        #expect(Texts.runDetail(report).contains("2 threads"))
        #expect(model.state.trace.points.count > 0)
        let file = try Data(contentsOf: model.reports.latest)
        #expect(try Report(json: file) == report)
        #expect(try Data(contentsOf: try #require(outcome.reportFile)) == file)
        try TestData.keepReport(file, as: "app")
    }

    @Test func classifiesAnImageAsTheCommandDoes() async throws {
        let outcome = await outcome(of: model) { $0.classify(.image((try? TestData.image())!)) }
        let classifier = try Classifier(try TestData.artifact())
        #expect(outcome.error == nil)
        let direct = try classifier.classify(try TestData.image())
        #expect(outcome.top == direct)
        #expect(model.state.classified?.top?.count == 5 && model.state.bench == nil)
        #expect(!FileManager.default.fileExists(atPath: model.reports.latest.path))  // that is of benchmarks
    }

    @Test func classifiesAGoldenCase() async throws {
        let outcome = await outcome(of: model) { $0.classify(.golden("random")) }
        let answer = try TestData.artifact().golden("random").outputs[0].floats
        #expect(outcome.top?.first?.index == answer.indices.max { answer[$0] < answer[$1] })
    }

    @Test func runsForAHost() async throws {
        let flags = host("--runs 4 --threads 1 --warmup 0")
        let outcome = await outcome(of: model) { $0.runForHost(flags) }
        #expect(outcome.endMarker == "MDeployDone id=run-1 exit=0 status=ok report=Documents/reports/run-1.json")
        #expect(outcome.report?.latencyMs?.n == 4)
        let end = model.reports.folder.appendingPathComponent("run-1.end")
        #expect(try String(contentsOf: end, encoding: .utf8) == outcome.endMarker + "\n")
    }

    @Test func takesTheNetThatAHostNames() async throws {
        let name = TestData.small
        let known = await outcome(of: model) {
            $0.runForHost(["app", "--mdeploy-net", name, "--mdeploy-args", "--runs 1"])
        }
        #expect(known.error == nil)
        let unknown = await outcome(of: model) {
            $0.runForHost(["app", "--mdeploy-net", "alexnet", "--mdeploy-args", "--runs 1"])
        }
        #expect(unknown.error?.code == .badInput && unknown.error!.message.contains("no net alexnet"))
    }

    @Test func takesNoFileFromAHost() async throws {
        let flags = host("--runs 1 --output x")
        let outcome = await outcome(of: model) { $0.runForHost(flags) }
        #expect(outcome.error?.code == .usage && outcome.error!.message.contains("--output"))
        #expect(outcome.endMarker.hasPrefix("MDeployDone id=run-1 exit=2 status=usage"))
    }

    @Test(arguments: [
        ["app", "--mdeploy-args"], ["app", "--mdeploy-id", "../x"], ["app", "--mdeploy-args", "--runs 1;2"],
        ["app", "--mdeploy-id", ""],
    ])
    func refusesWhatAHostMayNotSay(_ arguments: [String]) async throws {
        let outcome = await outcome(of: model) { $0.runForHost(arguments) }
        #expect(outcome.error?.code == .usage)
        #expect(!model.state.running && model.state.text.hasPrefix("Failed: "))
    }

    @Test func doesNothingForNoHost() {
        model.onEnd = { _ in Issue.record("something ran") }
        model.runForHost(["app", "-NSDocumentRevisionsDebugMode", "YES"])
        #expect(!model.state.running)
    }

    @Test func cancels() async throws {
        let flags = host("--runs 10000000")
        let outcome = await outcome(of: model) { model in
            model.onChange = { if model.state.lastMs != nil { model.cancel() } }
            model.runForHost(flags)
        }
        #expect(outcome.error?.code == .cancelled && outcome.exitCode == 130)
        #expect(model.state.text == "Cancelled." && !model.state.running)
        #expect(outcome.report?.status == "cancelled")
    }

    @Test func oneRunAtATime() async throws {
        let outcome = await outcome(of: model) {
            $0.start()
            $0.classify(.golden("ones"))
        }
        #expect(!outcome.request.classifyOnly)
    }

    @Test func saysWhenItLeftTheScreen() async throws {
        let flags = host("--runs 2")
        let outcome = await outcome(of: model) {
            $0.runForHost(flags)
            $0.enteredBackground()
            $0.enteredBackground()
        }
        #expect(outcome.report?.warnings?.filter { $0 == Texts.backgroundWarning }.count == 1)
    }

    @Test func saysThatLowPowerModeWasOn() async throws {
        struct Tired: DeviceReadings {
            let model: String? = "iPhone99,1"
            let manufacturer: String? = nil
            let osVersion: String? = nil
            func thermalStatus() -> Int? { 3 }
            func battery() -> Harness.Host.Battery { .init(levelPercent: 7, charging: false) }
            func isLowPowerModeOn() -> Bool { true }
        }
        let model = BenchModel(models: folder.url, documents: folder.url, readings: Tired())
        let flags = host("--runs 2")
        let outcome = await outcome(of: model) { $0.runForHost(flags) }
        let report = try #require(outcome.report)
        #expect(report.warnings!.contains(Texts.lowPowerWarning))
        #expect(report.device.model == "iPhone99,1" && report.battery?.levelPercent == 7)
        #expect(Texts.runDetail(report).hasSuffix("thermal serious → serious"))
    }

    @Test func aFailedCheckIsShown() async throws {
        let flags = host("--runs 1 --tol 1e-12")
        let outcome = await outcome(of: model) { $0.runForHost(flags) }
        #expect(outcome.error?.code == .checkFailed)
        #expect(Texts.parity(try #require(outcome.report)).contains("FAILED"))
        #expect(model.state.text.hasPrefix("Failed: "))
    }

    @Test func aDamagedResourceIsSaid() async throws {
        let net = folder.url.appendingPathComponent("resnest_small_cifar10/init_net.pb")
        var data = try Data(contentsOf: net)
        data[99] ^= 1
        try data.write(to: net)
        let model = BenchModel(models: folder.url, documents: folder.url)
        #expect(model.nets.isEmpty && model.problem!.contains("init_net.pb: refused"))
        let outcome = await outcome(of: model) { $0.start() }
        #expect(outcome.error?.code == .badInput && outcome.error!.message.contains("init_net.pb: refused"))
    }

    @Test func anAppWithoutANetSaysSo() {
        let model = BenchModel(models: nil, documents: folder.url)
        #expect(model.net == nil && model.problem!.contains("mdeploy package --target ios"))
    }

    @Test func oldReportsGo() async throws {
        for _ in 0..<(Reports.kept + 3) { _ = await outcome(of: model) { $0.classify(.golden("zeros")) } }
        let kept = try FileManager.default.contentsOfDirectory(atPath: model.reports.folder.path)
        #expect(kept.count == Reports.kept)
    }
}

@Suite struct LatencyTraceTests {
    @Test func keepsSpikesInBoundedMemory() {
        var trace = LatencyTrace()
        for run in 0..<100_000 { trace.add(seconds: Double(run), ms: run == 77_777 ? 50 : 1) }
        #expect(trace.points.count <= LatencyTrace.capacity && trace.points.count > LatencyTrace.capacity / 4)
        #expect(trace.points.filter { $0.ms == 50 }.count == 1)
        #expect(zip(trace.points, trace.points.dropFirst()).allSatisfy { $0.seconds < $1.seconds })
    }

    @Test func drawsSamplesAfterOneAnother() {
        #expect(LatencyTrace(samples: [1000, 2000, 4]).points.map(\.seconds) == [0, 1, 3])
    }
}

@Suite struct PlotFrameTests {
    @Test func placesFromZero() {
        let frame = PlotFrame(points: LatencyTrace(samples: [1000, 2000, 500]).points)
        #expect(frame.place(0, 0) == (0, 1) && frame.place(3, 2100) == (1, 0))
        #expect(frame.place(1.5, 1050) == (0.5, 0.5) && frame.place(99, 1e9) == (1, 0))
        #expect(frame.text == "500.00 – 2000.00 ms · 3 s")
        #expect(PlotFrame(points: []).text == "no runs yet")
    }
}

@Suite struct ClassificationTests {
    private func manifest() throws -> Manifest { try TestData.artifact().manifest }

    @Test func equalScoresGoByIndex() throws {
        let top = Classification.top(3, of: [0, 1, 1, 0.5], manifest: try manifest())
        #expect(top.map(\.index) == [1, 2, 3])
    }

    @Test func largeScoresDoNotOverflow() throws {
        let top = Classification.top(9, of: [1e30, 0, -1e30], manifest: try manifest())
        #expect(top.map(\.probability) == [1, 0, 0])
    }
}
