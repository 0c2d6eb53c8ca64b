// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
import Foundation

/// Proves and measures another engine on the same net, by the harness's rules, and reports it in the same form: parity with
/// the golden cases first, and no timing where it fails.
public struct EngineBench: Sendable {
    /// What the engine computes in, which decides what is allowed between its outputs and PyTorch's.
    public enum Precision: Sendable {
        case float32
        /// As GPUs and neural engines do: eleven significant bits, lost a little in each layer.
        case float16

        public var tolerance: Double { self == .float32 ? 1e-5 : 2e-2 }
    }

    /// The report's word for the engine, such as `coreml-cpuOnly`.
    public let backend: String
    public let precision: Precision
    public var warmup = 5
    public var runs = 30

    public init(backend: String, precision: Precision) {
        self.backend = backend
        self.precision = precision
    }

    /// - Parameters:
    ///   - base: a report of the same artifact on this device, from which the device is taken.
    ///   - initMs: how long loading took.
    ///   - isCancelled: asked between runs.
    ///   - predict: one run, inputs and outputs by position.
    ///
    /// An error that `predict` throws is in the report, with its status.
    public func run(
        _ artifact: Artifact, like base: Report, initMs: Double?, isCancelled: () -> Bool = { false },
        predict: ([Tensor]) throws -> [Tensor]
    ) -> Report {
        var report = empty(like: base, initMs: initMs)
        do {
            let cases = try artifact.manifest.golden.map { ($0.name, try artifact.golden($0.name)) }
            for (name, golden) in cases {
                report.parity! += try parity(name, golden, artifact.manifest, try predict(golden.inputs))
            }
            if let failed = report.parity!.first(where: { !$0.passed }) {
                throw MDeployError(.checkFailed, "parity: output \(failed.output) of case \(failed.case) differs")
            }
            guard let inputs = cases.last?.1.inputs else {
                throw MDeployError(.badInput, "\(artifact.name): no golden case to measure with")
            }
            try measure(inputs, &report, isCancelled, predict)
        } catch {
            let known = error as? MDeployError ?? MDeployError(.internalError, "\(error)")
            report.status = known.word
            report.error = known.message
        }
        return report
    }

    private func empty(like base: Report, initMs: Double?) -> Report {
        var report = base
        report.backend = backend
        report.status = "ok"
        report.error = nil
        report.files = nil
        report.latencyMs = nil
        report.initMs = initMs
        (report.verifyMs, report.firstRunMs, report.peakRssBytes) = (nil, nil, nil)
        report.threads = 1
        report.affinity = Report.Affinity(requested: "none", cores: [], applied: false)
        report.isa = backend
        (report.parity, report.ops, report.rounds, report.sustained, report.warnings) = ([], nil, nil, nil, nil)
        return report
    }

    private func parity(
        _ name: String, _ golden: Artifact.GoldenCase, _ manifest: Manifest, _ answer: [Tensor]
    ) throws -> [Report.Parity] {
        guard answer.count == golden.outputs.count else {
            throw MDeployError(
                .badInput, "\(backend): \(answer.count) outputs where the net has \(golden.outputs.count)")
        }
        return zip(manifest.outputs, zip(answer, golden.outputs)).map { output, pair in
            let difference = Difference(pair.0.floats, pair.1.floats, output.meaning)
            return Report.Parity(
                case: name, output: output.name, maxAbs: difference?.maxAbs, maxRel: difference?.maxRel,
                passed: difference.map { $0.required <= precision.tolerance } ?? false, tolerance: precision.tolerance,
                requiredTolerance: difference?.required)
        }
    }

    private func measure(
        _ inputs: [Tensor], _ report: inout Report, _ isCancelled: () -> Bool, _ predict: ([Tensor]) throws -> [Tensor]
    ) throws {
        func timed() throws -> Double {
            guard !isCancelled() else { throw MDeployError(.cancelled, "cancelled") }
            let start = DispatchTime.now().uptimeNanoseconds
            _ = try predict(inputs)
            return Double(DispatchTime.now().uptimeNanoseconds - start) / 1e6
        }
        report.firstRunMs = try timed()
        for _ in 0..<warmup { _ = try timed() }
        report.latencyMs = Report.Latency(samples: try (0..<runs).map { _ in try timed() })
    }
}

/// How far an output is from its reference, by the tolerance rule. Nil where no tolerance would pass.
struct Difference {
    let maxAbs: Double
    let maxRel: Double
    /// The smallest tolerance that passes.
    let required: Double

    init?(_ answer: [Float], _ reference: [Float], _ meaning: Manifest.Meaning) {
        guard answer.count == reference.count else { return nil }
        var (maxAbs, maxRel) = (0.0, 0.0)
        for (a, b) in zip(answer, reference) {
            if a.isNaN && b.isNaN || a.isInfinite && a == b { continue }
            guard a.isFinite, b.isFinite else { return nil }
            let difference = abs(Double(a) - Double(b))
            maxAbs = max(maxAbs, difference)
            maxRel = max(maxRel, difference / max(1, abs(Double(b))))
        }
        self.maxAbs = maxAbs
        self.maxRel = maxRel
        required = meaning == .probabilities ? maxAbs : maxRel
    }
}

extension Report.Latency {
    /// Figures of raw samples as the harness gives them. There must be at least one.
    init(samples: [Double]) {
        let sorted = samples.sorted()
        let mean = samples.reduce(0, +) / Double(samples.count)
        func percentile(_ share: Double) -> Double {
            let at = share * Double(sorted.count - 1)
            let (low, high) = (sorted[Int(at)], sorted[Swift.min(Int(at) + 1, sorted.count - 1)])
            return low + (high - low) * (at - Double(Int(at)))
        }
        self.init(
            n: samples.count, mean: mean,
            std: (samples.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(samples.count)).squareRoot(),
            min: sorted.first, p50: percentile(0.5), p90: percentile(0.9), p99: percentile(0.99), max: sorted.last,
            percentileMethod: "linear", samples: samples)
    }
}
