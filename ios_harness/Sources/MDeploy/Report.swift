// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
import Foundation

/// A report as the harness writes it (schemas/report.schema.json, which gives units and meanings). Nil is null or missing.
public struct Report: Codable, Equatable, Sendable {
    public var schema: String
    public var status: String
    public var error: String?
    public var runner: String
    /// What computed, where it is not mdeploy's runtime.
    public var backend: String?
    public var model: Model
    public var files: [String: File]?
    public var latencyMs: Latency?
    public var initMs: Double?
    public var verifyMs: Double?
    public var firstRunMs: Double?
    public var preprocessMs: Double?
    public var peakRssBytes: Int?
    public var threads: Int
    public var affinity: Affinity
    public var isa: String
    public var emulated: Bool
    public var compiler: Compiler
    public var device: Device
    public var thermal: ThermalPair?
    public var battery: Battery?
    public var parity: [Parity]?
    public var ops: [Op]?
    public var rounds: [Round]?
    public var sustained: [Minute]?
    public var warnings: [String]?
    public var versions: [String: Version]

    public struct Model: Codable, Equatable, Sendable {
        public var name: String
        public var inputs: [Blob]?
        public var outputs: [Blob]?
        public var parameters: Int?
        public var macs: Int?
    }

    public struct Blob: Codable, Equatable, Sendable {
        public var name: String
        public var shape: [Int]
        public var dtype: Tensor.Element
    }

    public struct File: Codable, Equatable, Sendable {
        public var bytes: Int
        public var sha256: String?
    }

    public struct Latency: Codable, Equatable, Sendable {
        public var n: Int
        public var mean: Double?
        public var std: Double?
        public var min: Double?
        public var p50: Double?
        public var p90: Double?
        public var p99: Double?
        public var max: Double?
        public var percentileMethod: String?
        public var samples: [Double]
    }

    public struct Affinity: Codable, Equatable, Sendable {
        public var requested: String
        public var cores: [Int]
        public var applied: Bool
    }

    public struct Compiler: Codable, Equatable, Sendable {
        public var id: String
        public var flags: String?
        public var buildType: String?
    }

    public struct Device: Codable, Equatable, Sendable {
        public var model: String?
        public var manufacturer: String?
        public var soc: String?
        public var os: String
        public var osVersion: String?
        public var sdk: Int?
        public var abi: String
        public var kernel: String?
        public var pageSizeBytes: Int?
        public var memoryBytes: Int?
        public var cores: [Core]?
    }

    public struct Core: Codable, Equatable, Sendable {
        public var id: Int
        public var maxKhz: Int?
        public var cluster: String
    }

    public struct ThermalPair: Codable, Equatable, Sendable {
        public var before: Thermal?
        public var after: Thermal?
    }

    public struct Thermal: Codable, Equatable, Sendable {
        public var maxC: Double?
        public var zones: [String: Double]?
        public var status: Int?
    }

    public struct Battery: Codable, Equatable, Sendable {
        public var levelPercent: Double?
        public var temperatureC: Double?
        public var charging: Bool?
    }

    public struct Parity: Codable, Equatable, Sendable {
        public var `case`: String
        public var output: String
        public var maxAbs: Double?
        public var maxRel: Double?
        public var passed: Bool
        public var tolerance: Double
        public var requiredTolerance: Double?
    }

    public struct Op: Codable, Equatable, Sendable {
        public var name: String
        public var type: String
        public var kernel: String?
        public var ms: Double
        public var macs: Int?
    }

    public struct Round: Codable, Equatable, Sendable {
        public var n: Int
        public var p50: Double?
        public var startMs: Double
        public var durationMs: Double
        public var outliers: [Int]?
        public var cpuKhz: [Int?]?
        public var thermal: Thermal?
    }

    public struct Minute: Codable, Equatable, Sendable {
        public var minute: Int
        public var n: Int
        public var p50: Double?
        public var p90: Double?
        public var thermal: Thermal?
        public var cpuKhz: [Int?]?
    }

    /// A version is text, or the number of an interface.
    public enum Version: Codable, Equatable, Sendable {
        case text(String)
        case number(Int)

        public init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let number = try? container.decode(Int.self) {
                self = .number(number)
            } else {
                self = .text(try container.decode(String.self))
            }
        }

        public func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            switch self {
            case .text(let text): try container.encode(text)
            case .number(let number): try container.encode(number)
            }
        }
    }

    static let schemaName = "mdeploy-report/1"

    /// Throws `MDeployError` (badInput) naming the member that is wrong.
    public init(json: Data) throws {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        do {
            self = try decoder.decode(Report.self, from: json)
        } catch {
            throw MDeployError(.badInput, "the report: \(decodingProblem(error))")
        }
        guard schema == Report.schemaName else {
            throw MDeployError(.badInput, "the report: schema \(schema), this version reads \(Report.schemaName)")
        }
    }

    /// One line of JSON, its members in the order of their names.
    public func json() throws -> Data {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(self)
    }
}
