// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
import MDeployAppModel
import SwiftUI

/// Latency over time, from zero so that a small spread looks small, with the median of each minute drawn over it.
struct LatencyPlot: View {
    let points: [LatencyTrace.Point]
    let minutes: [Double]

    var body: some View {
        let frame = PlotFrame(points: points)
        VStack(alignment: .leading) {
            Text("Latency over time, ms").font(.caption)
            Canvas { context, size in
                var line = Path()
                for (index, point) in points.enumerated() {
                    let at = frame.place(point.seconds, point.ms)
                    let place = CGPoint(x: at.x * size.width, y: at.y * size.height)
                    if index == 0 { line.move(to: place) } else { line.addLine(to: place) }
                }
                context.stroke(line, with: .color(.accentColor), lineWidth: 1)
                for (minute, median) in minutes.enumerated() {
                    let from = frame.place(frame.start + Double(minute) * 60, median)
                    let to = frame.place(frame.start + Double(minute + 1) * 60, median)
                    var bar = Path()
                    bar.move(to: CGPoint(x: from.x * size.width, y: from.y * size.height))
                    bar.addLine(to: CGPoint(x: to.x * size.width, y: to.y * size.height))
                    context.stroke(bar, with: .color(.red), lineWidth: 3)
                }
            }
            Text(frame.text).font(.caption)
        }
        .accessibilityElement(children: .ignore)
        .accessibilityLabel("Latency over time: \(frame.text)")
    }
}
