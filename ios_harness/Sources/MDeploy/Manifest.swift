// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
import Foundation

/// What this package needs of `manifest.json` (schemas/manifest.schema.json). What it does not know, it ignores.
public struct Manifest: Decodable, Equatable, Sendable {
    public struct Input: Decodable, Equatable, Sendable {
        public let name: String
        public let shape: [Int]
        public let dtype: Tensor.Element
        /// NCHW or NHWC where the input is an image, else nil.
        public let layout: String?
    }

    public enum Meaning: String, Codable, Sendable {
        case logits
        case logProbabilities = "log_probabilities"
        case probabilities
    }

    public struct Output: Decodable, Equatable, Sendable {
        public let name: String
        public let shape: [Int]
        public let dtype: Tensor.Element
        public let meaning: Meaning
    }

    public struct File: Decodable, Equatable, Sendable {
        public let bytes: Int
        public let sha256: String
    }

    public struct Golden: Decodable, Equatable, Sendable {
        public let name: String
        /// zeros, ones, random or picture.
        public let kind: String

        enum CodingKeys: String, CodingKey {
            case name = "case"
            case kind
        }
    }

    public let schema: String
    public let name: String
    public let inputs: [Input]
    public let outputs: [Output]
    public let labels: [String]?
    public let files: [String: File]
    public let golden: [Golden]
    public let parameters: Int
    public let macs: Int

    static let schemaName = "mdeploy-manifest/1"
    private static let maxBytes = 64 << 20

    /// Throws `MDeployError` (badInput) naming the file and the member that is wrong.
    public init(contentsOf url: URL) throws {
        let data: Data
        do {
            data = try Data(contentsOf: url)
        } catch {
            throw MDeployError.cannotRead(url, error)
        }
        guard data.count <= Manifest.maxBytes else {
            throw MDeployError(.badInput, "\(url.path): \(data.count) bytes, at most \(Manifest.maxBytes) are read")
        }
        do {
            self = try JSONDecoder().decode(Manifest.self, from: data)
        } catch {
            throw MDeployError(.badInput, "\(url.path): \(decodingProblem(error))")
        }
        guard schema == Manifest.schemaName else {
            throw MDeployError(.badInput, "\(url.path): schema \(schema), this version reads \(Manifest.schemaName)")
        }
        guard !inputs.isEmpty, !outputs.isEmpty else {
            throw MDeployError(.badInput, "\(url.path): inputs and outputs must not be empty")
        }
        // They become parts of paths.
        for name in [name] + golden.map(\.name) where !isPlainName(name) {
            throw MDeployError(.badInput, "\(url.path): \(name.debugDescription) must be a plain name")
        }
    }

    /// The label of a class, or its number where the model has no labels.
    public func label(_ index: Int) -> String {
        guard let labels, labels.indices.contains(index) else { return "#\(index)" }
        return labels[index]
    }

    /// Whether an image can be turned into the only input.
    public var takesImages: Bool { inputs.count == 1 && inputs[0].layout != nil }
}

private func isPlainName(_ text: String) -> Bool {
    guard let first = text.utf8.first, text.utf8.count <= 100 else { return false }
    let isLetter = { (byte: UInt8) in
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
    }
    return isLetter(first) && text.utf8.allSatisfy { isLetter($0) || [0x2D, 0x2E, 0x5F].contains($0) }
}

/// A decoder's error as one line: where, and what was expected there.
func decodingProblem(_ error: any Error) -> String {
    func place(_ path: [any CodingKey]) -> String {
        let words = path.map { key in key.intValue.map { "[\($0)]" } ?? ".\(key.stringValue)" }
        return words.isEmpty ? "the document" : String(words.joined().drop { $0 == "." })
    }
    switch error {
    case DecodingError.keyNotFound(let key, let context): return "\(place(context.codingPath + [key])) is missing"
    case DecodingError.valueNotFound(_, let context): return "\(place(context.codingPath)) must not be null"
    case DecodingError.typeMismatch(let type, let context): return "\(place(context.codingPath)) must be \(type)"
    case DecodingError.dataCorrupted(let context):
        return "\(place(context.codingPath)): \(context.debugDescription)"
    default: return "\(error)"
    }
}
