// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
import MDeploy
import MDeployAppModel
import PhotosUI
import SwiftUI

/// The one screen: the net, how to measure it, what came out.
struct BenchView: View {
    @ObservedObject var screen: Screen
    @State private var photo: PhotosPickerItem?
    @State private var photoProblem: String?

    private var model: BenchModel { screen.model }
    private var state: BenchModel.State { model.state }

    var body: some View {
        NavigationStack {
            Form {
                netSection
                if model.net != nil {
                    measureSection
                    if state.bench?.report != nil || state.running { resultSection }
                    classifySection
                }
            }
            .navigationTitle("mdeploy")
            .toolbar {
                if let file = state.bench?.reportFile, !state.running {
                    ShareLink(item: file)
                }
            }
        }
    }

    private var netSection: some View {
        Section {
            if let net = model.net {
                Picker("Net", selection: choice(\.net)) {
                    ForEach(model.nets.indices, id: \.self) { Text(model.nets[$0].name).tag($0) }
                }
                Text(Texts.detail(net.manifest)).font(.footnote).foregroundColor(.secondary)
            } else {
                Text(model.problem ?? "").foregroundColor(.red)
            }
        }
        .disabled(state.running)
    }

    private var measureSection: some View {
        Section("Measure") {
            Picker("Threads", selection: choice(\.threads)) {
                ForEach(BenchModel.threadChoices, id: \.self) { Text($0 == 0 ? "automatic" : "\($0)").tag($0) }
            }
            .disabled(state.running)
            Picker("Sustained", selection: choice(\.sustainedMinutes)) {
                ForEach(BenchModel.sustainedChoices, id: \.self) { Text($0 == 0 ? "off" : "\($0) min").tag($0) }
            }
            .disabled(state.running)
            if state.running {
                ProgressView(value: state.fraction) { Text(state.text).font(.footnote) }
                Button("Cancel", role: .cancel) { model.cancel() }.disabled(state.cancelling)
            } else {
                Button("Start") { model.start() }
                if !state.text.isEmpty { Text(state.text).font(.footnote).foregroundColor(.red) }
            }
        }
    }

    private var resultSection: some View {
        Section("Result") {
            LatencyPlot(points: state.trace.points, minutes: minuteMedians).frame(height: 160)
            if let report = state.bench?.report, !state.running {
                LabeledContent("Median", value: Texts.milliseconds(report.latencyMs?.p50))
                LabeledContent("p90", value: Texts.milliseconds(report.latencyMs?.p90))
                LabeledContent("p99", value: Texts.milliseconds(report.latencyMs?.p99))
                Text(Texts.parity(report)).foregroundColor(Texts.parityHolds(report) ? .green : .red)
                Text(Texts.runDetail(report)).font(.footnote).foregroundColor(.secondary)
                ForEach(report.warnings ?? [], id: \.self) { Text("Warning: \($0)").font(.footnote) }
            }
        }
    }

    private var classifySection: some View {
        Section("Classify") {
            if let net = model.net, net.manifest.takesImages {
                PhotosPicker("Choose image", selection: $photo, matching: .images)
                    .onChange(of: photo) { chosen in
                        if let chosen { classify(chosen) }
                    }
            }
            ForEach(model.net?.manifest.golden.map(\.name) ?? [], id: \.self) { name in
                Button("Golden case \(name)") { model.classify(.golden(name)) }
            }
            if let photoProblem { Text(photoProblem).foregroundColor(.red) }
            ForEach(state.classified?.top ?? [], id: \.index) { Text(Texts.classLine($0)) }
        }
        .disabled(state.running)
    }

    private var minuteMedians: [Double] {
        state.running ? [] : (state.bench?.report?.sustained ?? []).compactMap(\.p50)
    }

    private func choice(_ path: WritableKeyPath<BenchModel.Choices, Int>) -> Binding<Int> {
        Binding(get: { model.choices[keyPath: path] }, set: { model.choices[keyPath: path] = $0 })
    }

    private func classify(_ chosen: PhotosPickerItem) {
        Task {
            do {
                guard let data = try await chosen.loadTransferable(type: Data.self) else {
                    throw MDeployError(.badInput, "this is not an image that this device can read")
                }
                let image = try await Task.detached { try RGBAImage(decoding: data) }.value
                photoProblem = nil
                model.classify(.image(image))
            } catch {
                photoProblem = error.localizedDescription
            }
        }
    }
}
