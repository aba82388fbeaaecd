/** What became of a test: `error` where it failed, `skipped` where it was not run. */
export interface Outcome {
  suite: string
  title: string
  ms: number
  error?: string
  skipped?: true
}

interface Test {
  suite: string
  title: string
  run: (() => Promise<void>) | undefined
}

/** A test may take so long; then it has failed, and the next one begins. */
const TIMEOUT_MS = 60_000
/** So long, where it is known to fail: some do by standing still. */
const KNOWN_TIMEOUT_MS = 2_000

/** A runner for runtimes of which each has another one, or none: same tests, same rules, same output. */
export class Runner {
  readonly #tests: Test[] = []
  readonly #known: ReadonlySet<string>
  #suite = ''

  /** Takes the names of tests that are known to fail, each as `suite: title`. */
  constructor(known: readonly string[] = []) {
    this.#known = new Set(known)
  }

  get size(): number {
    return this.#tests.length
  }

  readonly describe = (name: string, define: () => void): void => {
    this.#suite = name
    define()
  }

  readonly test = Object.assign(
    (title: string, run: () => Promise<void>): void => void this.#tests.push({ suite: this.#suite, title, run }),
    { skip: (title: string): void => void this.#tests.push({ suite: this.#suite, title, run: undefined }) },
  )

  /** Runs all, one after the other; resolves with how many failed. */
  async run(tell: (outcome: Outcome) => void): Promise<number> {
    let failed = 0
    for (const each of this.#tests) {
      const isKnown = this.#known.has(`${each.suite}: ${each.title}`)
      const outcome = await outcomeOf(each, isKnown ? KNOWN_TIMEOUT_MS : TIMEOUT_MS)
      if (outcome.error !== undefined) failed += 1
      tell(outcome)
    }
    return failed
  }
}

async function outcomeOf({ suite, title, run }: Test, timeoutMs: number): Promise<Outcome> {
  if (run === undefined) return { suite, title, ms: 0, skipped: true }
  const start = performance.now()
  const error = await within(run, timeoutMs).then(
    () => undefined,
    (reason: unknown) => (reason instanceof Error ? (reason.stack ?? String(reason)) : String(reason)),
  )
  return { suite, title, ms: Math.round(performance.now() - start), ...(error !== undefined && { error }) }
}

/** Rejects for whatever nobody catches, too, and when time is up. */
async function within(run: () => Promise<void>, timeoutMs: number): Promise<void> {
  const events = ['uncaughtException', 'unhandledRejection']
  let fail!: (reason: unknown) => void
  const failed = new Promise<never>((_, reject) => (fail = reject))
  const timer = setTimeout(() => fail(new Error(`It took more than ${timeoutMs} ms`)), timeoutMs)
  for (const event of events) process.on(event, fail)
  try {
    await Promise.race([run(), failed])
  } finally {
    clearTimeout(timer)
    for (const event of events) process.off(event, fail)
  }
}
