/** Mutants that change nothing that anybody could see, each with the reason. They are counted apart and never run; the id goes with the line. */

export interface Equivalent {
  readonly id: string
  /** What it is, for readers. */
  readonly place: string
  readonly reason: string
}

export const equivalents: readonly Equivalent[] = [
  {
    id: 'ecd720cf',
    place: 'gateway/books/charge-bytes.ts: atTo = 0',
    reason: 'what a field holds before the first charge is read is read by nobody; it is there so that the object has one shape',
  },
  {
    id: 'd3de87fd',
    place: 'gateway/books/charges.ts: > Number.MAX_SAFE_INTEGER',
    reason: 'the largest exact sum is handed on one charge earlier, as a bigint that is the same',
  },
  {
    id: 'd699e861',
    place: 'gateway/books/call-pages.ts: return 0, where there are no groups',
    reason: 'where no group is kept, none stands behind the first one either',
  },
  {
    id: '6ddae93a',
    place: 'gateway/books/pages.ts: #booking += 1',
    reason: 'bookings are only told apart, counted up or down; the one that the constructor begins takes nothing',
  },
  {
    id: '2a0016ec',
    place: 'gateway/books/pendings.ts: #begun.size < BEGUN',
    reason: 'what is not at hand is read from the file, where it says the same',
  },
  {
    id: 'a08d7e60',
    place: 'gateway/contract/time.ts: knownDay = day',
    reason: 'a month that is not remembered is worked out again, and is the same',
  },
  {
    id: '30624462',
    place: 'gateway/contract/time.ts: Math.floor(atMs / DAY_MS)',
    reason: 'each millisecond is a day of its own: a month is remembered for less long, and is the same',
  },
  {
    id: '763d6abd',
    place: 'gateway/engine/quota-watch.ts: LONG_MS = 400 * DAY_MS',
    reason: 'of quotas that never renew owners are told again after more than a year; a day more is nobody’s promise',
  },
  {
    id: 'b5a6399b',
    place: 'gateway/engine/health/budget.ts: #second = 0',
    reason: 'before the first call all ten seconds are empty, so that turning from one to another changes nothing',
  },
  {
    id: 'eb1e371f',
    place: 'gateway/engine/health/pace.ts: if (this.#everyNs === 0) return, of a call that goes',
    reason: 'without a pace what follows lifts and moves what nobody reads before a refusal sets it anew',
  },
  {
    id: 'ff5b2537',
    place: 'gateway/engine/health/consequences.ts: standing.answers % LOOK_AGAIN !== 0',
    reason: 'fields that told nothing are looked at again every so often; at which answer it begins is nobody’s promise',
  },
  {
    id: 'a0e5924d',
    place: 'gateway/stores/charges.ts: at === from + start.length',
    reason: 'an id without a letter has the same hash whether it is read where it stands or parsed',
  },
  {
    id: 'e8e1aac4',
    place: 'gateway/stores/charge-scan.ts: connectionFrom = 0',
    reason: 'what a field holds before the first charge is read is read by nobody; it is there so that the object has one shape',
  },
  {
    id: 'f486750c',
    place: 'gateway/stores/groups.ts: index < places.length, of the copies',
    reason: 'the text is as long as its lines are: one copy more begins at its end and copies nothing',
  },
  {
    id: 'a4831b50',
    place: 'gateway/stores/redis/script-taking.ts: cost, wanted = nil, 0',
    reason: 'units are looked at only where there is a price, and both are set together',
  },
  {
    id: '7d6fd3c3',
    place: 'gateway/stores/snapshot-file.ts: CHUNK_BYTES = 1024 * 1024',
    reason: 'in how many pieces a column is written is not to be seen in the file',
  },
]
