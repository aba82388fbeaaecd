/** The functions of a test runner: those of vitest, of `node:test`, or of anything that is shaped like them. */
export interface TestFunctions {
  describe: (name: string, define: () => void) => unknown
  test: {
    (name: string, run: () => Promise<void>): unknown
    skip: (name: string, run: () => Promise<void>) => unknown
  }
}

export interface SuiteOptions {
  /** What is tested. */
  name: string
  /** Tests that do not hold for it, by their titles, each with the reason. A title that no test has is a `TypeError`. */
  skips?: Readonly<Record<string, string>>
  /** Runs each test: may prepare something, and look afterwards whether anything was left open. @default runs it */
  around?: (run: () => Promise<void>) => Promise<void>
}

/** Tests, by their titles. Each throws where it fails. */
export type Cases = Readonly<Record<string, () => Promise<void>>>

/** Gives the tests to a runner. */
export function register(
  { name, skips = {}, around }: SuiteOptions,
  cases: Cases,
  { describe, test }: TestFunctions,
): void {
  const unknown = Object.keys(skips).find((title) => !Object.hasOwn(cases, title))
  if (unknown !== undefined)
    throw new TypeError(`Expected the keys of \`skips\` to be titles of tests, got ${JSON.stringify(unknown)}`)
  describe(name, () => {
    for (const [title, run] of Object.entries(cases)) {
      const reason = skips[title]
      if (reason !== undefined) test.skip(`${title} (skipped: ${reason})`, run)
      else test(title, async () => (around === undefined ? run() : around(run)))
    }
  })
}
