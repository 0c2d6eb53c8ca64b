// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import MDeploy

@Suite struct HarnessTests {
    private func flags(_ name: String = TestData.small, _ more: [String] = []) throws -> [String] {
        let artifact = try TestData.artifact(name)
        var options = HarnessOptions(artifact)
        options.checkParity(artifact)
        options.measure(["--runs", "3", "--warmup", "1", "--threads", "2"] + more)
        return options.arguments(runner: "ios_app")
    }

    @Test(arguments: TestData.nets)
    func provesParityAndMeasures(_ name: String) throws {
        let outcome = try Harness().run(try flags(name, ["--profile"]))
        #expect(outcome.error == nil)
        let report = try outcome.report()
        #expect(report.status == "ok" && report.runner == "ios_app" && report.model.name == name)
        #expect(report.latencyMs?.n == 3 && report.latencyMs?.samples.count == 3)
        let parity = try #require(report.parity)
        #expect(parity.count >= 3 && parity.allSatisfy { $0.passed && $0.maxRel! <= 1e-5 })
        #expect(report.ops!.contains { $0.kernel != nil })
        try TestData.keepReport(outcome.reportJSON, as: "harness-\(name)")
        try TestData.keepReport(try report.json(), as: "swift-\(name)")
    }

    @Test func aReportGoesThroughSwiftUnchanged() throws {
        let outcome = try Harness().run(try flags(TestData.small, ["--profile", "--rounds", "2"]))
        let through = try outcome.report().json()
        #expect(try Report(json: through) == outcome.report())
        #expect(try names(through) == names(outcome.reportJSON))
    }

    @Test func tellsHowFarItIs() throws {
        let events = Events()
        _ = try Harness().run(try flags()) { events.add($0) }
        let phases = events.all.map(\.phase)
        #expect(phases.first == .verify && phases.last == .done)
        #expect(Set(phases).isSuperset(of: [.verify, .load, .parity, .measure, .done]))
        #expect(events.all.allSatisfy { (0...1).contains($0.fraction) && !$0.text.contains("\n") })
        #expect(events.all.contains { $0.phase == .measure && $0.lastMs != nil })
    }

    @Test func reportsWhatTheHostKnows() throws {
        var host = Harness.Host()
        host.deviceModel = "iPhone99,1"
        host.osVersion = "26.0"
        host.thermalStatus = { 1 }
        host.battery = { .init(levelPercent: 80, charging: false) }
        let report = try Harness().run(try flags(), host: host).report()
        #expect(report.device.model == "iPhone99,1" && report.device.osVersion == "26.0")
        #expect(report.thermal?.before?.status == 1 && report.thermal?.after?.status == 1)
        #expect(report.battery?.levelPercent == 80 && report.battery?.charging == false)
        #expect(report.battery?.temperatureC == nil)
    }

    @Test func canBeCancelled() throws {
        let harness = try Harness()
        let outcome = harness.run(try flags(TestData.small, ["--runs", "1000000"])) { event in
            if event.phase == .measure { harness.cancel() }
        }
        #expect(outcome.error?.code == .cancelled && outcome.exitCode == 130)
        #expect(try outcome.report().status == "cancelled")
        try TestData.keepReport(outcome.reportJSON, as: "cancelled")
    }

    @Test func cancelBeforeTheRunCounts() throws {
        let harness = try Harness()
        harness.cancel()
        #expect(harness.run(try flags()).error?.code == .cancelled)
    }

    @Test func aHandleServesOneRun() throws {
        let harness = try Harness()
        _ = harness.run(try flags())
        let second = harness.run(try flags())
        #expect(second.error?.code == .usage && second.error!.message.contains("one run"))
    }

    @Test func refusesAChangedNet() throws {
        let folder = try TemporaryFolder()
        let copy = try folder.copy(TestData.artifactFolder())
        var options = HarnessOptions(try TestData.artifact().with(directory: copy))
        let url = copy.appendingPathComponent("init_net.pb")
        var data = try Data(contentsOf: url)
        data[1000] ^= 4
        try data.write(to: url)
        options.measure(["--runs", "1"])
        let outcome = try Harness().run(options.arguments(runner: "ios_app"))
        #expect(outcome.error?.code == .badInput && outcome.error!.message.contains("refused"))
        #expect(try outcome.report().error == outcome.error?.message)
        try TestData.keepReport(outcome.reportJSON, as: "refused")
    }

    @Test func failedParityIsAnErrorOfItsOwn() throws {
        let outcome = try Harness().run(try flags(TestData.small, ["--tol", "1e-12"]))
        #expect(outcome.error?.code == .checkFailed)
        #expect(try outcome.report().parity!.contains { !$0.passed })
    }

    /// What comes after "--" may be a stranger's: no file is named there.
    @Test func takesNoFileFromAStranger() throws {
        let outcome = try Harness().run(try flags(TestData.small, ["--report", "/tmp/elsewhere"]))
        #expect(outcome.error?.code == .usage && outcome.error!.message.contains("--report"))
        #expect(thrownStatus(["--threads", "0"]) == .usage)
        #expect(thrownStatus(["--nonsense"]) == .usage)
    }

    private func thrownStatus(_ more: [String]) -> MDeployError.Code? {
        try? Harness().run(try flags(TestData.small, more)).error?.code
    }

    @Test func aBrokenReportIsRefused() throws {
        let json = try Harness().run(try flags()).reportJSON
        #expect(thrown { _ = try Report(json: Data("{}".utf8)) }?.code == .badInput)
        #expect(thrown { _ = try Report(json: json.dropLast()) }?.code == .badInput)
        let other = String(decoding: json, as: UTF8.self).replacingOccurrences(of: "report/1", with: "report/2")
        #expect(thrown { _ = try Report(json: Data(other.utf8)) }!.message.contains("mdeploy-report/2"))
    }
}

/// Events of a run, in their order.
final class Events: @unchecked Sendable {
    private let lock = NSLock()
    private var events: [Harness.Event] = []

    func add(_ event: Harness.Event) { lock.withLock { events.append(event) } }
    var all: [Harness.Event] { lock.withLock { events } }
}

/// The members of a report that are not null.
private func names(_ json: Data) throws -> Set<String> {
    let members = try #require(try JSONSerialization.jsonObject(with: json) as? [String: Any])
    return Set(members.filter { !($0.value is NSNull) }.keys)
}
