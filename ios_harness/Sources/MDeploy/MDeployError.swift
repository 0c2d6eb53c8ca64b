// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
import CMDeployRuntime
import Foundation

/// What went wrong, in the one line that the runtime gives: operator, blob, what was expected and what was found.
public struct MDeployError: Error, Hashable, Sendable {
    /// The statuses of the C interface, which are the exit codes of every command too.
    public enum Code: Int32, CaseIterable, Sendable {
        case checkFailed = 1
        case usage = 2
        case badInput = 3
        case unsupported = 4
        case unavailable = 5
        case internalError = 70
        case cancelled = 130
    }

    public let code: Code
    public let message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// The report's word for the code, such as `bad_input`.
    public var word: String { String(cString: mdeploy_status_name(code.rawValue)) }
}

extension MDeployError: CustomStringConvertible, LocalizedError {
    public var description: String { message }
    public var errorDescription: String? { message }
}

extension MDeployError {
    /// An error of the C interface; nil for `MDEPLOY_OK`. A status that this version does not know is an internal error.
    init?(status: mdeploy_status, message: String) {
        guard status != MDEPLOY_OK else { return nil }
        let word = String(cString: mdeploy_status_name(Int32(status.rawValue)))
        self.init(Code(rawValue: Int32(status.rawValue)) ?? .internalError, message.isEmpty ? word : message)
    }

    /// "cannot read PATH: reason", for what Foundation says about a file.
    static func cannotRead(_ url: URL, _ error: any Error) -> MDeployError {
        MDeployError(.badInput, "cannot read \(url.path): \(reason(error))")
    }

    static func cannotWrite(_ url: URL, _ error: any Error) -> MDeployError {
        MDeployError(.badInput, "cannot write \(url.path): \(reason(error))")
    }

    private static func reason(_ error: any Error) -> String {
        let cause = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError ?? error as NSError
        if cause.domain == NSPOSIXErrorDomain { return String(cString: strerror(Int32(cause.code))) }
        return cause.localizedDescription
    }
}
