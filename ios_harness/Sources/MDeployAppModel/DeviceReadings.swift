// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
import Foundation
import MDeploy

/// What an app can read about its device and the harness cannot.
public protocol DeviceReadings: Sendable {
    var model: String? { get }
    var manufacturer: String? { get }
    var osVersion: String? { get }
    /// On Android's scale of 0 (none) to 6 (shutdown), which the report has for every system; nil where unknown.
    func thermalStatus() -> Int?
    func battery() -> Harness.Host.Battery
    func isLowPowerModeOn() -> Bool
}

extension DeviceReadings {
    /// The same for the harness, which asks before, during and after a run.
    var host: Harness.Host {
        var host = Harness.Host()
        host.deviceModel = model
        host.deviceManufacturer = manufacturer
        host.osVersion = osVersion
        host.thermalStatus = { thermalStatus() }
        host.battery = { battery() }
        return host
    }
}

/// What Foundation knows; the app adds the battery, which is UIKit's.
public struct SystemReadings: DeviceReadings {
    public init() {}

    // The harness reads these from the system itself.
    public var model: String? { nil }
    public var manufacturer: String? { nil }

    public var osVersion: String? {
        let version = ProcessInfo.processInfo.operatingSystemVersion
        return "\(version.majorVersion).\(version.minorVersion).\(version.patchVersion)"
    }

    public func battery() -> Harness.Host.Battery { .init() }

    #if canImport(Darwin)
        public func thermalStatus() -> Int? {
            switch ProcessInfo.processInfo.thermalState {
            case .nominal: return 0
            case .fair: return 1  // light
            case .serious: return 3  // severe
            case .critical: return 4
            @unknown default: return nil
            }
        }

        public func isLowPowerModeOn() -> Bool { ProcessInfo.processInfo.isLowPowerModeEnabled }
    #else
        public func thermalStatus() -> Int? { nil }
        public func isLowPowerModeOn() -> Bool { false }
    #endif
}
