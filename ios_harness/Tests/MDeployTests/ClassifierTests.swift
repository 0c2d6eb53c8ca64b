// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import MDeploy

@Suite struct ClassifierTests {
    @Test(arguments: TestData.nets)
    func agreesWithPyTorch(_ name: String) throws {
        let artifact = try TestData.artifact(name)
        let classifier = try Classifier(artifact, threads: 2)
        #expect(artifact.manifest.golden.count >= 3)
        for entry in artifact.manifest.golden {
            let golden = try artifact.golden(entry.name)
            let answer = try classifier.run(golden.inputs)
            #expect(answer.count == 1 && answer[0].shape == golden.outputs[0].shape)
            let worst = zip(answer[0].floats, golden.outputs[0].floats).map { abs($0 - $1) / max(1, abs($1)) }.max()
            #expect(worst! <= 1e-5, "\(name) \(entry.name)")
        }
    }

    @Test(arguments: TestData.nets, [1, 2, 3])
    func isBitEqualToTheHarness(_ name: String, _ threads: Int) throws {
        let artifact = try TestData.artifact(name)
        let classifier = try Classifier(artifact, threads: threads)
        for entry in artifact.manifest.golden {
            let answer = try classifier.run(try artifact.golden(entry.name).inputs)
            let theirs = try TestData.harnessAnswer(name, entry.name, threads: 4 - threads)
            #expect(answer[0] == theirs, "\(name) \(entry.name)")
            let command = try TestData.commandAnswer(name, entry.name)
            #expect(Difference(answer[0].floats, command.floats, .logits)!.required <= 5e-6, "\(name) \(entry.name)")
        }
    }

    @Test(arguments: TestData.nets)
    func preparesAnImageAsTheHarnessDoes(_ name: String) throws {
        let classifier = try Classifier(try TestData.artifact(name), threads: 1)
        let answer = try classifier.run([try classifier.prepare(try TestData.image(name))])
        let theirs = try TestData.harnessAnswer(name, "image")
        #expect(answer[0] == theirs)
        let command = try TestData.commandAnswer(name, "image")
        #expect(Difference(answer[0].floats, command.floats, .logits)!.required <= 5e-6)
    }

    @Test func namesTheClasses() throws {
        let classifier = try Classifier(try TestData.artifact())
        let top = try classifier.classify(try TestData.image(), top: 3)
        let scores = try TestData.harnessAnswer(TestData.small, "image").floats
        #expect(top.count == 3)
        #expect(top[0].index == scores.indices.max { scores[$0] < scores[$1] })
        #expect(top[0].label == classifier.artifact.manifest.labels![top[0].index])
        #expect(abs(top[0].probability - exp(Double(scores[top[0].index]))) < 1e-6)  // they are log-probabilities
        #expect(top[0].probability >= top[1].probability && top[1].probability >= top[2].probability)
    }

    @Test func threadsShareOne() throws {
        let artifact = try TestData.artifact()
        let classifier = try Classifier(artifact, threads: 1)
        let golden = try artifact.golden("random")
        let expected = try classifier.run(golden.inputs)
        let wrong = Counter()
        DispatchQueue.concurrentPerform(iterations: 8) { _ in
            for _ in 0..<16 where (try? classifier.run(golden.inputs)) != expected { wrong.add() }
        }
        #expect(wrong.value == 0)
    }

    @Test func freesWhatItTakes() throws {
        let artifact = try TestData.artifact()
        let golden = try artifact.golden("ones")
        var classifier = try Classifier(artifact, threads: 1)
        let expected = try classifier.run(golden.inputs)
        let before = residentBytes()
        for call in 1...1000 {
            if call % 40 == 0 { classifier = try Classifier(artifact, threads: 1) }
            #expect(try classifier.run(golden.inputs) == expected)
        }
        // 25 nets of over 5 MB each have gone; other tests of this process take some at the same time.
        #expect(residentBytes() - before < 100 << 20)
    }

    @Test func refusesWhatTheNetDoesNotTake() throws {
        let classifier = try Classifier(try TestData.artifact(), threads: 1)
        let none = thrown { _ = try classifier.run([]) }
        #expect(none?.code == .usage && none!.message.contains("input"), "\(none?.message ?? "")")
        let tensor = try Tensor(shape: [1, 3, 8, 8], floats: [Float](repeating: 0, count: 192))
        let shape = thrown { _ = try classifier.run([tensor]) }
        #expect(shape?.code == .usage && shape!.message.contains("8"), "\(shape?.message ?? "")")
        let integers = try Tensor(element: .int32, shape: [1, 3, 32, 32], bytes: [UInt8](repeating: 0, count: 12288))
        #expect(thrown { _ = try classifier.run([integers]) }?.code == .usage)
        #expect(thrown { _ = try Classifier(try TestData.artifact(), threads: -1) }?.code == .usage)
    }
}

/// Counts from several threads.
final class Counter: @unchecked Sendable {
    private let lock = NSLock()
    private var count = 0

    func add() { lock.withLock { count += 1 } }
    var value: Int { lock.withLock { count } }
}

/// Memory of this process, from Linux; elsewhere zero.
func residentBytes() -> Int {
    guard let text = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8) else { return 0 }
    return (text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) * Int(sysconf(Int32(_SC_PAGESIZE)))
}
