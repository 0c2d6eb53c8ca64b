// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
import Foundation

/// Where points of a trace lie in a unit square whose origin is at the top left, milliseconds from zero at the bottom.
public struct PlotFrame: Equatable, Sendable {
    public let start: Double
    private let span: Double
    private let low: Double
    private let high: Double
    private let count: Int

    public init(points: [LatencyTrace.Point]) {
        start = points.first?.seconds ?? 0
        span = max((points.last?.seconds ?? 0) - start, 1e-3)
        low = points.map(\.ms).min() ?? 0
        high = points.map(\.ms).max() ?? 0
        count = points.count
    }

    public func place(_ seconds: Double, _ ms: Double) -> (x: Double, y: Double) {
        let top = high > 0 ? high * 1.05 : 1
        return (min(max((seconds - start) / span, 0), 1), min(max(1 - ms / top, 0), 1))
    }

    /// 1.20 – 1.90 ms · 3 s
    public var text: String {
        count == 0 ? "no runs yet" : String(format: "%.2f – %.2f ms · %.0f s", low, high, span)
    }
}
