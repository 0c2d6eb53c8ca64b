// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
/// Latency over time in bounded memory: when it is full, neighbours are merged into their maximum, so that spikes stay
/// visible however long a run lasts.
public struct LatencyTrace: Equatable, Sendable {
    public struct Point: Equatable, Sendable {
        public let seconds: Double
        public internal(set) var ms: Double
    }

    public static let capacity = 2048

    public private(set) var points: [Point] = []
    private var stride = 1
    private var inLast = 0

    public init() {}

    /// Adds one run at a time since the start.
    public mutating func add(seconds: Double, ms: Double) {
        if inLast > 0, inLast < stride {
            points[points.count - 1].ms = max(points[points.count - 1].ms, ms)
            inLast += 1
            return
        }
        if points.count == LatencyTrace.capacity { halve() }
        points.append(Point(seconds: seconds, ms: ms))
        inLast = 1
    }

    private mutating func halve() {
        points = Swift.stride(from: 0, to: points.count - 1, by: 2).map {
            Point(seconds: points[$0].seconds, ms: max(points[$0].ms, points[$0 + 1].ms))
        }
        stride *= 2
    }

    /// Samples one after the other, for a run that was too quick for any progress to be shown.
    public init(samples: [Double]) {
        self.init()
        var at = 0.0
        for sample in samples {
            add(seconds: at / 1000, ms: sample)
            at += sample
        }
    }
}
