// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
import Foundation
import MDeploy

/// What the screen says about a state, in one place and without a screen.
public enum Texts {
    static let lowPowerWarning = "low-power mode was on during the run; clocks are lower then"
    static let backgroundWarning = "the app was in the background during a part of the run; its cores are slower there"
    static let thermalWords = ["nominal", "fair", "fair", "serious", "critical", "critical", "critical"]

    /// input 1×3×32×32 · 1.3 M parameters · 45.1 M MACs · 5.4 MB
    public static func detail(_ manifest: Manifest) -> String {
        let bytes = ["init_net.pb", "predict_net.pb"].compactMap { manifest.files[$0]?.bytes }.reduce(0, +)
        return [
            "input \(manifest.inputs[0].shape.map(String.init).joined(separator: "×"))",
            "\(short(manifest.parameters)) parameters", "\(short(manifest.macs)) MACs",
            String(format: "%.1f MB", Double(bytes) / 1e6),
        ].joined(separator: " · ")
    }

    public static func milliseconds(_ value: Double?) -> String {
        value.map { String(format: "%.2f ms", $0) } ?? "–"
    }

    /// The verdict of the check on the device, before anything was timed.
    public static func parity(_ report: Report) -> String {
        let parity = report.parity ?? []
        guard !parity.isEmpty else { return "Parity: not checked, no golden vectors" }
        let failed = parity.filter { !$0.passed }
        if failed.isEmpty {
            let largest = parity.compactMap(\.maxAbs).max() ?? 0
            return "Parity: passed, \(parity.count) of \(parity.count) outputs "
                + "(largest difference \(String(format: "%.2g", largest)))"
        }
        let needed = parity.map(\.requiredTolerance)
        let tolerance = needed.contains(nil) ? "–" : String(format: "%.2g", needed.compactMap { $0 }.max() ?? 0)
        return "Parity: FAILED, \(failed.count) of \(parity.count) outputs (needs a tolerance of \(tolerance))"
    }

    /// Whether no output failed that check; true where none was checked.
    public static func parityHolds(_ report: Report) -> Bool { (report.parity ?? []).allSatisfy(\.passed) }

    /// 30 runs · 2 threads · neon · load 5 ms · peak 40 MB · thermal nominal → fair
    public static func runDetail(_ report: Report) -> String {
        var parts = [
            "\(report.latencyMs?.n ?? 0) runs", "\(report.threads) threads", report.isa,
            "load \(String(format: "%.0f", report.initMs ?? 0)) ms",
            "peak \(String(format: "%.0f", Double(report.peakRssBytes ?? 0) / 1e6)) MB",
        ]
        if let before = thermal(report.thermal?.before), let after = thermal(report.thermal?.after) {
            parts.append("thermal \(before) → \(after)")
        }
        return parts.joined(separator: " · ")
    }

    public static func classLine(_ entry: Classification) -> String {
        "\(entry.label)  \(String(format: "%.1f", 100 * entry.probability)) %"
    }

    private static func thermal(_ reading: Report.Thermal?) -> String? {
        guard let status = reading?.status, thermalWords.indices.contains(status) else { return nil }
        return thermalWords[status]
    }

    private static func short(_ value: Int) -> String {
        switch value {
        case 1_000_000_000...: return String(format: "%.2f G", Double(value) / 1e9)
        case 1_000_000...: return String(format: "%.1f M", Double(value) / 1e6)
        default: return String(format: "%.0f k", Double(value) / 1e3)
        }
    }
}
