// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
import MDeploy
import MDeployAppModel
import UIKit

/// What Foundation knows, and the battery, which is UIKit's and is read on the main thread.
struct PhoneReadings: DeviceReadings {
    private let system = SystemReadings()

    var model: String? { system.model }
    var manufacturer: String? { system.manufacturer }
    var osVersion: String? { system.osVersion }
    func thermalStatus() -> Int? { system.thermalStatus() }
    func isLowPowerModeOn() -> Bool { system.isLowPowerModeOn() }

    /// The harness asks from its own thread, while the main one is free.
    func battery() -> Harness.Host.Battery {
        Thread.isMainThread
            ? MainActor.assumeIsolated { Self.read() }
            : DispatchQueue.main.sync { MainActor.assumeIsolated { Self.read() } }
    }

    @MainActor private static func read() -> Harness.Host.Battery {
        let device = UIDevice.current
        device.isBatteryMonitoringEnabled = true
        let level = device.batteryLevel
        let charging: Bool? =
            switch device.batteryState {
            case .charging, .full: true
            case .unplugged: false
            default: nil
            }
        return .init(levelPercent: level < 0 ? nil : Double(100 * level), charging: charging)
    }
}
