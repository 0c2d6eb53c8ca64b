// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import MDeploy

@Suite struct EngineBenchTests {
    private let artifact: Artifact
    private let classifier: Classifier
    private let base: Report

    init() throws {
        artifact = try TestData.artifact()
        classifier = try Classifier(artifact, threads: 1)
        var options = HarnessOptions(artifact)
        options.measure(["--runs", "1"])
        base = try Harness().run(options.arguments(runner: "ios_app")).report()
    }

    private func bench(_ precision: EngineBench.Precision = .float32) -> EngineBench {
        var bench = EngineBench(backend: "coreml-cpuOnly", precision: precision)
        (bench.warmup, bench.runs) = (1, 4)
        return bench
    }

    private func off(_ by: Float) -> ([Tensor]) throws -> [Tensor] {
        { inputs in
            try classifier.run(inputs).map { try Tensor(shape: $0.shape, floats: $0.floats.map { $0 * (1 + by) }) }
        }
    }

    @Test func provesAndMeasures() throws {
        let report = bench().run(artifact, like: base, initMs: 12) { try classifier.run($0) }
        #expect(report.status == "ok" && report.backend == "coreml-cpuOnly" && report.initMs == 12)
        #expect(report.parity!.count == artifact.manifest.golden.count)
        #expect(report.parity!.allSatisfy { $0.passed && $0.tolerance == 1e-5 })
        #expect(report.latencyMs!.n == 4 && report.latencyMs!.samples.count == 4)
        #expect(report.device == base.device && report.model == base.model)
        try TestData.keepReport(try report.json(), as: "engine")
    }

    @Test func isNotTimedWhereParityFails() throws {
        let report = bench().run(artifact, like: base, initMs: nil, predict: off(1e-3))
        #expect(report.status == "check_failed" && report.latencyMs == nil)
        #expect(report.parity!.contains { !$0.passed && abs($0.requiredTolerance! - 1e-3) < 1e-4 })
        try TestData.keepReport(try report.json(), as: "engine-failed")
    }

    @Test func halfPrecisionIsAllowedMore() throws {
        #expect(bench(.float16).run(artifact, like: base, initMs: nil, predict: off(1e-3)).status == "ok")
        #expect(bench(.float16).run(artifact, like: base, initMs: nil, predict: off(0.1)).status == "check_failed")
    }

    @Test func anErrorOfTheEngineIsInTheReport() throws {
        let report = bench().run(artifact, like: base, initMs: nil) { _ in throw MDeployError(.unavailable, "no engine")
        }
        #expect(report.status == "unavailable" && report.error == "no engine")
    }

    @Test func canBeCancelled() throws {
        let report = bench().run(artifact, like: base, initMs: nil, isCancelled: { true }) { try classifier.run($0) }
        #expect(report.status == "cancelled" && report.latencyMs == nil)
    }

    /// The same vectors as Python's rule and the harness's: tests/golden/tolerance.json.
    @Test func theToleranceRule() throws {
        #expect(Difference([1, -130.001], [1, -130], .logits)!.required < 1e-5)
        #expect(Difference([0.5001], [0.5], .probabilities)!.required > 9e-5)
        #expect(Difference([.nan, .infinity], [.nan, .infinity], .logits)?.required == 0)
        #expect(Difference([.nan], [1], .logits) == nil && Difference([.infinity], [-.infinity], .logits) == nil)
        #expect(Difference([1], [1, 2], .logits) == nil)
    }

    @Test func figuresAreThoseOfTheHarness() throws {
        var options = HarnessOptions(artifact)
        options.measure(["--runs", "25", "--warmup", "0"])
        let theirs = try Harness().run(options.arguments(runner: "cli")).report().latencyMs!
        let ours = Report.Latency(samples: theirs.samples)
        for path in [\Report.Latency.mean, \.std, \.min, \.p50, \.p90, \.p99, \.max] {
            #expect(abs(ours[keyPath: path]! - theirs[keyPath: path]!) < 1e-5)
        }
    }
}
