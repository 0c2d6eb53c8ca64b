// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
import CMDeployHarness
import Foundation

/// The measuring harness, the one that the command `mdeploy-harness` runs: checks hashes, proves parity against golden
/// cases, measures, reports. One run per object.
public final class Harness: @unchecked Sendable {
    /// What a run is doing.
    public enum Phase: Int32, Sendable {
        case verify, load, parity, warmup, measure, cooldown, sustained, done

        /// As in the lines of `--progress`.
        public var name: String { "\(self)" }
    }

    public struct Event: Sendable {
        public let phase: Phase
        /// Of the phase, 0 to 1.
        public let fraction: Double
        /// Latency of the latest run in milliseconds, where there is one.
        public let lastMs: Double?
        /// Since the start of the run.
        public let elapsedMs: Double
        /// One short line for people.
        public let text: String
    }

    /// What an app can read about its device and the harness cannot. Nil is unknown.
    public struct Host: Sendable {
        public struct Battery: Sendable {
            public var levelPercent: Double?
            public var temperatureC: Double?
            public var charging: Bool?

            public init(levelPercent: Double? = nil, temperatureC: Double? = nil, charging: Bool? = nil) {
                self.levelPercent = levelPercent
                self.temperatureC = temperatureC
                self.charging = charging
            }
        }

        public var deviceModel: String?
        public var deviceManufacturer: String?
        public var deviceSoc: String?
        public var osVersion: String?
        /// On Android's scale of 0 (none) to 6 (shutdown), which the report has for every system.
        public var thermalStatus: (@Sendable () -> Int?)?
        public var battery: (@Sendable () -> Battery)?

        public init() {}
    }

    /// How a run ended.
    public struct Outcome: Sendable {
        /// Nil when all went well and parity held.
        public let error: MDeployError?
        /// The report as one line of JSON; empty when there was nothing to report.
        public let reportJSON: Data
        /// A summary for people.
        public let summary: String

        /// The exit code of a command that ends so.
        public var exitCode: Int32 { error?.code.rawValue ?? 0 }

        public func report() throws -> Report { try Report(json: reportJSON) }
    }

    private let handle: OpaquePointer

    /// Throws `MDeployError` (unavailable) when there is no memory.
    public init() throws {
        guard let handle = mdeploy_harness_create() else {
            throw MDeployError(.unavailable, "not enough memory for the harness")
        }
        self.handle = handle
    }

    deinit { mdeploy_harness_free(handle) }

    /// Runs to the end. Blocks, so call it off the main thread.
    ///
    /// - Parameters:
    ///   - flags: those of the command `mdeploy-harness` (its `--help` lists them). What others say goes after the word
    ///     `--`: no flag is taken there that names a file.
    ///   - progress: called on this thread between timed runs, never inside one; it should return quickly.
    public func run(
        _ flags: [String], host: Host = Host(), progress: (@Sendable (Event) -> Void)? = nil
    ) -> Outcome {
        let context = Context(host: host, progress: progress)
        let texts = [host.deviceModel, host.deviceManufacturer, host.deviceSoc, host.osVersion].map {
            $0.map { strdup($0) }
        }
        let words = flags.map { strdup($0) }
        defer {
            for text in texts { free(text ?? nil) }
            for word in words { free(word) }
        }
        var lent = mdeploy_harness_host.sized()
        lent.user = Unmanaged.passUnretained(context).toOpaque()
        if progress != nil { lent.progress = sendProgress }
        if host.thermalStatus != nil { lent.thermal_status = readThermalStatus }
        if host.battery != nil { lent.battery = readBattery }
        lent.device_model = UnsafePointer(texts[0] ?? nil)
        lent.device_manufacturer = UnsafePointer(texts[1] ?? nil)
        lent.device_soc = UnsafePointer(texts[2] ?? nil)
        lent.os_version = UnsafePointer(texts[3] ?? nil)
        let status = withExtendedLifetime(context) {
            mdeploy_harness_run(handle, words.count, words.map { UnsafePointer($0) }, &lent)
        }
        return Outcome(
            error: MDeployError(status: status, message: String(cString: mdeploy_harness_error(handle))),
            reportJSON: Data(String(cString: mdeploy_harness_report(handle)).utf8),
            summary: String(cString: mdeploy_harness_summary(handle)))
    }

    /// Ends a run early, from any thread; the report then says "cancelled" and has what was measured.
    public func cancel() { mdeploy_harness_cancel(handle) }
}

/// What the callbacks are given back.
private final class Context: Sendable {
    let host: Harness.Host
    let progress: (@Sendable (Harness.Event) -> Void)?

    init(host: Harness.Host, progress: (@Sendable (Harness.Event) -> Void)?) {
        self.host = host
        self.progress = progress
    }

    static func of(_ user: UnsafeMutableRawPointer?) -> Context? {
        user.map { Unmanaged<Context>.fromOpaque($0).takeUnretainedValue() }
    }
}

private func sendProgress(_ user: UnsafeMutableRawPointer?, _ event: UnsafePointer<mdeploy_harness_event>?) {
    guard let event = event?.pointee, let phase = Harness.Phase(rawValue: event.phase) else { return }
    Context.of(user)?.progress?(
        Harness.Event(
            phase: phase,
            fraction: event.fraction,
            lastMs: event.last_ms.isNaN ? nil : event.last_ms,
            elapsedMs: event.elapsed_ms,
            text: event.text.map { String(cString: $0) } ?? ""))
}

private func readThermalStatus(_ user: UnsafeMutableRawPointer?) -> Int32 {
    Context.of(user)?.host.thermalStatus?().flatMap(Int32.init(exactly:)) ?? -1
}

private func readBattery(_ user: UnsafeMutableRawPointer?, _ battery: UnsafeMutablePointer<mdeploy_harness_battery>?) {
    guard let battery, let read = Context.of(user)?.host.battery?() else { return }
    battery.pointee.level_percent = read.levelPercent ?? .nan
    battery.pointee.temperature_c = read.temperatureC ?? .nan
    battery.pointee.charging = read.charging.map { $0 ? 1 : 0 } ?? -1
}
