/** What became of a test; `error` where it failed. */
export interface Outcome {
  /** With that of its suite. */
  title: string
  ms: number
  error?: string
}

interface Runner {
  describe: (name: string, define: () => void) => void
  test: ((title: string, run: () => Promise<void>) => void) & {
    skip: (title: string, run: () => Promise<void>) => void
  }
  /** What was defined. */
  titles: () => string[]
  /** Runs it, one after the other. */
  run: () => AsyncGenerator<Outcome>
}

/** The functions of a test runner, where there is none. */
export function runner(): Runner {
  const tests: { title: string; run: () => Promise<void> }[] = []
  let suite = ''
  const test = (title: string, run: () => Promise<void>): void => void tests.push({ title: `${suite}: ${title}`, run })
  return {
    titles: () => tests.map(({ title }) => title),
    describe: (name, define) => {
      suite = name
      define()
    },
    test: Object.assign(test, { skip: () => {} }),
    async *run() {
      for (const { title, run } of tests) yield outcomeOf(title, run)
    },
  }
}

async function outcomeOf(title: string, run: () => Promise<void>): Promise<Outcome> {
  const start = performance.now()
  const error = await run().then(
    () => undefined,
    (reason: unknown) => (reason instanceof Error ? (reason.stack ?? String(reason)) : String(reason)),
  )
  return { title, ms: Math.round(performance.now() - start), ...(error !== undefined && { error }) }
}
