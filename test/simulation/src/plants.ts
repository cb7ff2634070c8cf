/** A piece of a file, and what takes its place. */
export interface Edit {
  readonly from: string;
  readonly to: string;
}

/** A small defect, to be put into the compiled kernel: a test of the simulation itself. */
export interface Plant {
  readonly name: string;
  /** What goes wrong, in a sentence. */
  readonly defect: string;
  /** Below `packages/core/dist`. */
  readonly file: string;
  readonly edits: readonly Edit[];
  /** A seed that is known to show it, where few do: tried first. */
  readonly seed?: number;
}

/** The source with the defect in it. Throws unless each fragment stands there exactly once. */
export function planted({ name, file, edits }: Plant, source: string): string {
  return edits.reduce((text, { from, to }) => {
    const found = text.split(from).length - 1;
    if (found === 1) return text.replace(from, () => to);
    throw new Error(`plant '${name}': ${file} contains its fragment ${found} times, expected once; adapt it:\n${from}`);
  }, source);
}

/** Each breaks a promise in a way that somebody could have written. */
export const PLANTS: readonly Plant[] = [
  {
    name: 'flag-by-presence',
    defect: 'a resharding is noticed by its flag, not by what tells that one came and went',
    file: 'coordination/known-assignment.js',
    edits: [
      {
        from: 'if (isResharding(view) || this.#holds(fence))',
        to: 'if (isResharding(view)) this.flagSeen = true;\nif (isResharding(view) || this.#holds(fence))',
      },
      {
        from: 'return this.#fence?.generation === fence.generation && this.#fence.connection === fence.connection;',
        to: 'return this.#fence !== null && !this.flagSeen && this.#fence.connection === fence.connection;',
      },
      { from: 'this.#fence = fence;', to: 'this.#fence = fence; this.flagSeen = false;' },
      {
        from: 'return (watch.snapshot.children(layout.resharding)?.stat.pzxid ?? 0n) === fence.generation;',
        to: 'return (watch.snapshot.children(layout.resharding)?.names.length ?? 0) === 0;',
      },
    ],
  },
  {
    name: 'flags-first',
    defect: 'the flags are lowered before the assignment is written',
    file: 'registry/commit.js',
    edits: [
      {
        from: 'for (const [stage, operations] of stages.entries()) {',
        to: 'for (const [stage, operations] of [...stages.entries()].reverse()) {',
      },
    ],
  },
  {
    name: 'loss-as-absence',
    defect: 'a lost connection is read as an absent node',
    file: 'registry/refusal.js',
    edits: [
      {
        from: "if (ElasticJobError.is(error, 'NO_NODE'))",
        to: "if (ElasticJobError.is(error, 'NO_NODE') || ElasticJobError.is(error, 'CONNECTION_LOSS'))",
      },
    ],
  },
  {
    name: 'no-reading-after-reconnect',
    defect: 'after a reconnect nothing is read again',
    file: 'registry/tree-watch.js',
    seed: 21,
    edits: [
      {
        from: 'if (session.connection !== this.#session.connection) {',
        to: 'if (session.epoch !== this.#session.epoch) {',
      },
    ],
  },
  {
    name: 'mark-of-resharding-stays',
    defect: 'the mark of a resharding outlives the session of the leader who made it',
    file: 'coordination/resharding.js',
    edits: [
      {
        from: "const mark = await registry.create(path, '', 'ephemeral');",
        to: "const mark = await registry.create(path, '', 'persistent');",
      },
    ],
  },
  {
    name: 'leader-not-fenced',
    defect: 'the node of a leader does not belong to its session',
    file: 'coordination/leader-election.js',
    edits: [
      {
        from: "registry.create(jobPath(jobName, layout.leader), instanceId, 'ephemeral')",
        to: "registry.create(jobPath(jobName, layout.leader), instanceId, 'persistent')",
      },
    ],
  },
  {
    name: 'mark-swept-by-version',
    defect: 'a mark in doubt is removed if it has the version of ours, not if it is of our session',
    file: 'coordination/running-marks.js',
    seed: 93,
    edits: [
      {
        from: 'return mark?.stat.ephemeralOwner === this.registry.session.id;',
        to: 'return mark?.stat.version === 0;',
      },
    ],
  },
  {
    name: 'mark-not-exclusive',
    defect: 'an item is started although somebody else has its mark',
    file: 'coordination/running-marks.js',
    edits: [
      {
        from: 'if (!mark.created)',
        to: 'if (!mark.created && item < 0)',
      },
    ],
  },
  {
    name: 'success-after-loss',
    defect: 'a run that ended after its session was lost counts as success',
    file: 'execution/job-run.js',
    edits: [
      {
        from: 'call.failure ?? (ownership.session.aborted ? { error: new SessionLostError() } : null)',
        to: 'call.failure',
      },
    ],
  },
  {
    name: 'fires-to-the-new-owner',
    defect: "a fire is the new owner's whatever its planned time",
    file: 'coordination/assignment-plan.js',
    edits: [
      {
        from: 'assignment.spans.find(({ after }) => after < at)',
        to: 'assignment.spans[0]',
      },
    ],
  },
  {
    name: 'stops-firing-first',
    defect: "an instance that leaves stops firing before its items are somebody else's",
    file: 'runtime/orderly-leave.js',
    seed: 149,
    edits: [
      {
        from: "await attempt(leaver, 'give the items away', () => handOver(leaver));",
        to: "leaver.stopFiring(); await attempt(leaver, 'give the items away', () => handOver(leaver));",
      },
    ],
  },
  {
    name: 'runs-on-after-loss',
    defect: 'the loss of the session does not abort what runs',
    file: 'coordination/job-member.js',
    edits: [
      {
        from: 'this.#sessionAbort.abort(new SessionLostError());\n                break;',
        to: 'break;',
      },
    ],
  },
  {
    name: 'overlapping-itself',
    defect: 'an item is started although its former call has not settled',
    file: 'execution/job-run.js',
    edits: [
      {
        from: 'request.items.filter((item) => !this.#busy.has(item))',
        to: 'request.items.slice()',
      },
    ],
  },
  {
    name: 'starts-while-cut-off',
    defect: 'an item that waited for its turn is started although the connection is gone',
    file: 'execution/job-run.js',
    seed: 31,
    edits: [{ from: 'barrier = ownership.barrier(request);', to: '' }],
  },
  {
    name: 'shut-down-by-a-view',
    defect: 'an instance stops because its node is not in a view, without reading it',
    file: 'coordination/job-member.js',
    seed: 517,
    edits: [
      {
        from: '!(await this.#membership.isAbsent()) ||',
        to: '',
      },
    ],
  },
  {
    name: 'takes-over-unread',
    defect: 'a crashed run is taken over without reading inside the latch what became of it meanwhile',
    file: 'coordination/failover.js',
    edits: [
      {
        from: 'const possible = await this.#possible(items, request);',
        to: 'const possible = this.seen = await this.#possible(items, request);',
      },
      {
        from: 'const work = await this.#possible(items, request);',
        to: 'const work = this.seen.filter((one) => items.includes(one.state.item));',
      },
    ],
  },
  {
    name: 'note-of-takeover-stays',
    defect: 'an instance that executed a crashed run does not take away that it has taken it over',
    file: 'coordination/failover.js',
    edits: [
      {
        from: 'await Promise.all([this.#forget(layout.failovering(item)), this.#forget(layout.failover(item))]);',
        to: 'await this.#forget(layout.failover(item));',
      },
    ],
  },
  {
    name: 'absent-means-dead',
    defect: 'an instance whose node an operator removed counts as dead while it still runs',
    file: 'coordination/crashed-run.js',
    seed: 356,
    edits: [{ from: 'if (!registered && !witnessed)', to: 'if (!registered)' }],
  },
  {
    name: 'same-id-means-alive',
    defect: 'an instance that came back under its id counts as the one that died',
    file: 'coordination/crashed-run.js',
    edits: [{ from: 'return since !== null && node.czxid < since;', to: 'return false;' }],
  },
  {
    name: 'mark-goes-with-its-session',
    defect: 'with failover the mark of a run goes with its session, so that nobody sees that it crashed',
    file: 'coordination/running-marks.js',
    edits: [{ from: "return witness === null ? 'ephemeral' : 'persistent';", to: "return 'ephemeral';" }],
  },
  {
    name: 'gives-up-others-marks',
    defect: 'an instance that leaves takes away the mark of a run that it lost with a former session',
    file: 'coordination/running-marks.js',
    seed: 212,
    edits: [
      { from: 'if (this.#lasting.get(item) !== witness)', to: 'if (item < 0)' },
      { from: 'known === this.registry.session.id', to: "typeof known === 'bigint'" },
    ],
  },
  {
    name: 'trigger-gone-at-its-start',
    defect: 'what was asked for is forgotten when its run begins, not when it has ended',
    file: 'coordination/trigger-ledger.js',
    edits: [
      {
        from: "const change = { kind: 'write', path: this.#path(entry), value, version: state.version };",
        to: "const change = { kind: 'remove', path: this.#path(entry), version: state.version };",
      },
    ],
  },
  {
    name: 'trigger-taken-by-anybody',
    defect: 'a run that was asked for is begun whoever has begun it before',
    file: 'coordination/trigger-ledger.js',
    edits: [
      {
        from: "const change = { kind: 'write', path: this.#path(entry), value, version: state.version };",
        to: "const change = { kind: 'write', path: this.#path(entry), value };",
      },
    ],
  },
  {
    name: 'call-not-awaited',
    defect: 'items start although what is called once at the begin of their fire has not settled',
    file: 'coordination/once-barrier.js',
    edits: [{ from: 'await once.make();', to: 'void once.make();' }],
  },
  {
    name: 'arrived-for-any-fire',
    defect: 'the arrival of an item for one fire counts for every other',
    file: 'coordination/once-arrivals.js',
    edits: [
      {
        from: 'arrivals.find((arrival) => arrival.generation === generation)',
        to: 'arrivals[0]',
      },
    ],
  },
  {
    name: 'called-without-latch',
    defect: 'whoever sees that all items have come calls, whether or not somebody else is at it',
    file: 'coordination/once-barrier.js',
    edits: [
      { from: 'standing.caller === sessionText(this.registry.session.id) || standing.caller === null', to: 'true' },
      {
        from: 'await withLatch(this.registry, this.#at(layout.onceLatch(pass.phase)), inside, pass.signal)',
        to: 'await inside()',
      },
    ],
  },
  {
    name: 'backfill-counts-its-own',
    defect: 'each instance keeps to the limit of a backfill for itself, as if it were alone',
    file: 'execution/triggered-runs.js',
    edits: [
      {
        from: 'this.#open.isAmongFirst(concurrency, entry)',
        to: 'this.#open.items().filter((item) => this.hooks.owns(item)).flatMap((item) => [...this.#open.ofItem(item)]).filter(({ id, name }) => id === entry.id && name < entry.name).length < concurrency',
      },
    ],
  },
  {
    name: 'followed-list-misses-what-comes',
    defect: 'the list of open triggers does not take in what it is told has come',
    file: 'registry/watched-place.js',
    edits: [{ from: 'changed.splice(at, 0, name)', to: 'void name' }],
  },
  {
    name: 'made-up-on-both-sides',
    defect: "a held fire is made up for also when it turned out to be another instance's",
    file: 'execution/fire-book.js',
    edits: [
      {
        from: 'const others = [...fire.held].filter((item) => !mine.includes(item));',
        to: 'const others = [];',
      },
    ],
  },
  {
    name: 'misfire-flag-stays',
    defect: 'the misfire flag is not lowered when the fire is made up for',
    file: 'coordination/misfire-flags.js',
    edits: [{ from: 'await this.registry.remove(path);', to: '' }],
  },
  {
    name: 'overlap-forgotten',
    defect: 'a fire that fell into a run is not looked at again when the run ends',
    file: 'runtime/item-ownership.js',
    edits: [{ from: 'firing.resume();', to: '' }],
  },
  {
    name: 'seen-to-by-every-life',
    defect: 'fires that nobody owned are seen to again by the next process of the same id',
    file: 'runtime/firing.js',
    seed: 694,
    edits: [{ from: 'this.#inherited ?? member.since', to: 'this.#inherited ?? 0n' }],
  },
  {
    name: 'left-to-nobody',
    defect: 'whoever is given items that were nobody’s does not hear of the fires until then',
    file: 'execution/fire-book.js',
    edits: [{ from: "this.#add(at, 'no-owner', items);", to: 'continue;' }],
  },
  {
    name: 'missed-by-whoever-noticed',
    defect: 'a fire that was missed is not made up for once, but each time the connection comes back',
    file: 'execution/fire-book.js',
    edits: [
      {
        from: 'for (const fire of open)\n            fire.waiting = false;',
        to: 'for (const fire of open) { if (fire.missed !== null) fire.done.clear(); else fire.waiting = false; }',
      },
    ],
  },
  {
    name: 'pause-not-looked-at',
    defect: 'a pause is stored, and keeps nothing from starting',
    file: 'runtime/firing.js',
    seed: 77,
    edits: [{ from: 'return isPausedAt(pause, at) ? pause : null;', to: 'return null;' }],
  },
  {
    name: 'latch-left-behind',
    defect: 'a contender for leadership does not take its node away',
    file: 'coordination/latch.js',
    edits: [
      {
        from: 'await untilAnswered(registry, () => registry.remove(path))',
        to: 'await untilAnswered(registry, async () => path)',
      },
    ],
  },
];
