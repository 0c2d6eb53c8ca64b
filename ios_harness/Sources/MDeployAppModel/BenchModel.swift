// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
import Foundation
import MDeploy

/// The app without its screen: which nets there are, what is chosen, the one run that may be in progress, how the last ones
/// ended. A screen draws the state and calls the verbs.
@MainActor
public final class BenchModel {
    public struct Choices: Equatable, Sendable {
        /// Index into the nets.
        public var net = 0
        /// 0 leaves it to the harness.
        public var threads = 0
        public var sustainedMinutes = 0
    }

    public struct State: Sendable {
        public var running = false
        public var cancelling = false
        /// What is being done, or why nothing can be.
        public var text = ""
        public var fraction = 0.0
        public var lastMs: Double?
        public var trace = LatencyTrace()
        /// The latest benchmark that ended.
        public var bench: BenchOutcome?
        /// The latest outcome with classes.
        public var classified: BenchOutcome?
    }

    public static let threadChoices = [0, 1, 2, 4, 6, 8]
    public static let sustainedChoices = [0, 1, 5, 15, 30]

    public let nets: [Artifact]
    /// Why there is no net to run, in one line.
    public let problem: String?
    public let reports: Reports
    public var choices = Choices() { didSet { onChange?() } }
    public private(set) var state = State() { didSet { onChange?() } }
    /// Told after every change: the screen draws again.
    public var onChange: (() -> Void)?
    /// Told once for each run.
    public var onEnd: ((BenchOutcome) -> Void)?

    private let readings: any DeviceReadings
    private var job: BenchJob?

    /// - Parameters:
    ///   - models: the folder with an artifact in each of its folders, or nil where the app has none.
    ///   - documents: where reports are kept.
    public init(models: URL?, documents: URL, readings: any DeviceReadings = SystemReadings()) {
        reports = Reports(documents: documents)
        self.readings = readings
        do {
            nets = try models.map(Artifact.all) ?? []
            problem = nets.isEmpty ? "No model in this app: build it with `mdeploy package --target ios`" : nil
        } catch {
            nets = []
            problem = error.localizedDescription
        }
    }

    public var net: Artifact? { nets.indices.contains(choices.net) ? nets[choices.net] : nil }

    /// Starts the benchmark that the choices ask for.
    public func start() {
        var request = BenchRequest.benchmark()
        if choices.threads > 0 { request.measure("--threads", choices.threads) }
        if choices.sustainedMinutes > 0 { request.measure("--sustained", choices.sustainedMinutes) }
        // With an input given, the harness hands back its output too: the classes of a golden image come for free.
        if let image = net?.manifest.golden.first(where: { $0.kind == "picture" }) {
            request.subject = .golden(image.name)
        }
        run(request)
    }

    public func classify(_ subject: BenchRequest.Subject) {
        var request = BenchRequest.classify(subject)
        if choices.threads > 0 { request.measure("--threads", choices.threads) }
        run(request)
    }

    /// What a host asks for by launch arguments; nothing where it asks for nothing.
    public func runForHost(_ arguments: [String]) {
        do {
            guard let request = try BenchRequest.fromHost(arguments) else { return }
            if let name = request.net, let index = nets.firstIndex(where: { $0.name == name }) { choices.net = index }
            run(request)
        } catch {
            end(BenchRequest.benchmark(), error)
        }
    }

    public func cancel() {
        guard let job, !state.cancelling else { return }
        state.cancelling = true
        state.text = "Cancelling…"
        job.cancel()
    }

    /// The app has left the screen: the run goes on, and its report says that its figures are doubtful.
    public func enteredBackground() { job?.warn(Texts.backgroundWarning) }

    private func run(_ request: BenchRequest) {
        guard job == nil else { return }
        do {
            guard let net else { throw MDeployError(.badInput, problem ?? "no net is chosen") }
            if let name = request.net, name != net.name {
                throw MDeployError(.badInput, "there is no net \(name) in this app")
            }
            let job = try BenchJob(net, request, reports: reports, readings: readings)
            self.job = job
            begin()
            // A thread of its own: the run blocks, and must not take one of those that Swift shares.
            let thread = Thread { [self] in
                let relay = Relay()
                let outcome = job.run { event in
                    relay.post(event) { events in
                        Task { @MainActor in self.show(events()) }
                    }
                }
                Task { @MainActor in self.finish(outcome) }
            }
            thread.stackSize = 8 << 20
            thread.qualityOfService = .userInitiated
            thread.start()
        } catch {
            end(request, error)
        }
    }

    private func begin() {
        state.running = true
        state.cancelling = false
        state.text = "Starting…"
        state.fraction = 0
        state.lastMs = nil
        state.trace = LatencyTrace()
    }

    private func show(_ events: [Harness.Event]) {
        guard job != nil, let newest = events.last else { return }
        var next = state
        for event in events where event.phase == .measure || event.phase == .sustained {
            if let ms = event.lastMs { next.trace.add(seconds: event.elapsedMs / 1000, ms: ms) }
        }
        next.fraction = newest.fraction
        next.lastMs = newest.lastMs
        if !next.cancelling { next.text = newest.text }
        state = next
    }

    private func end(_ request: BenchRequest, _ error: any Error) {
        let known = error as? MDeployError ?? MDeployError(.internalError, "\(error)")
        finish(BenchOutcome(request: request, error: known, report: nil, reportFile: nil, top: nil))
    }

    private func finish(_ outcome: BenchOutcome) {
        job = nil
        var next = state
        next.running = false
        next.cancelling = false
        next.fraction = 0
        next.lastMs = nil
        switch outcome.error {
        case nil: next.text = ""
        case let error? where error.code == .cancelled: next.text = "Cancelled."
        case let error?: next.text = "Failed: \(error.message)"
        }
        if !outcome.request.classifyOnly { next.bench = outcome }
        if outcome.top != nil { next.classified = outcome }
        if next.trace.points.isEmpty, let samples = outcome.report?.latencyMs?.samples {
            next.trace = LatencyTrace(samples: samples)
        }
        state = next
        if outcome.request.isFromHost { reports.keepEnd(outcome) }
        onEnd?(outcome)
    }
}

/// Progress may come faster than the screen draws: events wait here, and the main thread is asked once for all of them.
private final class Relay: @unchecked Sendable {
    private let lock = NSLock()
    private var waiting: [Harness.Event] = []

    func post(_ event: Harness.Event, ask: (@escaping @Sendable () -> [Harness.Event]) -> Void) {
        let first = lock.withLock {
            waiting.append(event)
            return waiting.count == 1
        }
        guard first else { return }
        ask { [self] in
            lock.withLock {
                defer { waiting = [] }
                return waiting
            }
        }
    }
}
