// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
import Foundation

/// A class with its probability, 0 to 1.
public struct Classification: Equatable, Sendable {
    public let index: Int
    public let label: String
    public let probability: Double

    /// The `count` most probable classes, most probable first; of equal ones the lower index first.
    static func top(_ count: Int, of scores: [Float], manifest: Manifest) -> [Classification] {
        let probabilities = probabilities(scores, manifest.outputs[0].meaning)
        let order = probabilities.indices.sorted {
            probabilities[$0] == probabilities[$1] ? $0 < $1 : probabilities[$0] > probabilities[$1]
        }
        return order.prefix(max(count, 0)).map {
            Classification(index: $0, label: manifest.label($0), probability: probabilities[$0])
        }
    }

    /// The same of an answer that the harness wrote.
    public static func top(_ count: Int, answer: URL, _ artifact: Artifact) throws -> [Classification] {
        top(count, of: try Npy.read(answer).floats, manifest: artifact.manifest)
    }

    private static func probabilities(_ scores: [Float], _ meaning: Manifest.Meaning) -> [Double] {
        if meaning == .probabilities { return scores.map(Double.init) }
        // Softmax of log-probabilities gives them back, so both go the same way; the largest is taken out against overflow.
        let largest = Double(scores.max() ?? 0)
        let powers = scores.map { exp(Double($0) - largest) }
        let sum = powers.reduce(0, +)
        return powers.map { $0 / sum }
    }
}
