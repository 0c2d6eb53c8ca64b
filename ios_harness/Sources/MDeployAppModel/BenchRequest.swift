// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
import Foundation
import MDeploy

/// What one run is asked to do, by the screen or by the host that drives the app.
public struct BenchRequest: Sendable {
    /// What the net is given whose classes are wanted.
    public enum Subject: Equatable, Sendable {
        case golden(String)
        case image(RGBAImage)
    }

    /// Names the report; the host recognises the end of its own run by it.
    public let id: String
    /// Run once on the subject, without parity and without timing rounds.
    public let classifyOnly: Bool
    public var subject: Subject?
    /// Whether a host asked, and waits for the end.
    public private(set) var isFromHost = false
    /// The name of the net, where a host says it.
    public private(set) var net: String?
    /// How to measure, as flags of the harness, which chooses what is not said.
    public private(set) var flags: [String] = []

    private init(id: String, classifyOnly: Bool, subject: Subject?) {
        self.id = id
        self.classifyOnly = classifyOnly
        self.subject = subject
    }

    public static func benchmark(id: String = UUID().uuidString) -> BenchRequest {
        BenchRequest(id: id, classifyOnly: false, subject: nil)
    }

    public static func classify(_ subject: Subject, id: String = UUID().uuidString) -> BenchRequest {
        BenchRequest(id: id, classifyOnly: true, subject: subject)
    }

    public mutating func measure(_ flag: String, _ value: Int) { flags += [flag, String(value)] }

    /// Reads what a host gives the app as launch arguments: `--mdeploy-id ID`, `--mdeploy-net NAME` and `--mdeploy-args
    /// "FLAGS"`, the flags of `mdeploy bench` that say how to measure, in one word.
    ///
    /// Which flags there are and what they take the harness alone knows; it gets these after the word `--`, where it takes
    /// none that names a file. Nil where the host asks for nothing. Throws `MDeployError` (usage).
    public static func fromHost(_ arguments: [String]) throws -> BenchRequest? {
        func value(of name: String) throws -> String? {
            guard let at = arguments.firstIndex(of: name) else { return nil }
            guard at + 1 < arguments.count else { throw MDeployError(.usage, "\(name): a value is missing") }
            return arguments[at + 1]
        }
        let id = try value(of: "--mdeploy-id")
        let flags = try value(of: "--mdeploy-args")
        guard id != nil || flags != nil else { return nil }
        // The identifier becomes a part of a path.
        guard (id ?? "run").range(of: "^[A-Za-z0-9-]{1,64}$", options: .regularExpression) != nil else {
            throw MDeployError(.usage, "--mdeploy-id: not of letters, digits and dashes")
        }
        var request = BenchRequest.benchmark(id: id ?? UUID().uuidString)
        request.isFromHost = true
        request.net = try value(of: "--mdeploy-net")
        for word in (flags ?? "").split(separator: " ").map(String.init) {
            guard word.range(of: "^[A-Za-z0-9.+=-]{1,80}$", options: .regularExpression) != nil else {
                throw MDeployError(.usage, "--mdeploy-args: not of letters, digits and . + - = alone")
            }
            request.flags.append(word)
        }
        return request
    }
}
